"""What keeps a workload at its SEAL, and what would raise it: all of it, and no less."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from catalog.placement.csf import Answer, Framework, assess, criteria_of, proven
from catalog.placement.raising import (
    BEST_ATTAINABLE_SEAL,
    TARGET_SEAL,
    Raise,
    look_ahead,
    what_raises,
    with_raises,
)
from catalog.placement_words import Objective
from tests.catalog.placement.answers import (
    BEST,
    DATA_CENTRE,
    answer_sets,
    claimed,
    full_answer_sets,
    seal_of,
    without,
)

PLACES = st.dictionaries(st.sampled_from("ABC"), full_answer_sets(), min_size=1)


def seal(answers):
    return assess(answers, Framework.GUIDANCE_2026_06).seal


class TestObjective:
    def test_the_lowest_answer_with_a_higher_seal(self):
        answers = {**BEST, "SOV-2.2": Answer(0, True), "SOV-2.3": Answer(1, True)}

        assert what_raises(answers, Objective.SOV_2) == [
            Raise("SOV-2.2", 3, 2),
            Raise("SOV-2.3", 4, 4),
        ]

    def test_an_objective_above_the_lowest_has_raises_of_its_own(self):
        answers = {**DATA_CENTRE, "SOV-1.8": Answer(0, True)}

        assert what_raises(answers, Objective.SOV_7) == [
            Raise("SOV-7.1", 4, 4),
            Raise("SOV-7.5", 4, 4),
        ]

    def test_nothing_raises_what_is_highest_or_was_not_answered(self):
        assert what_raises(BEST, Objective.SOV_1) == []
        assert what_raises({}, Objective.SOV_1) == []

    @settings(deadline=None)
    @given(answer_sets(), st.sampled_from(Objective))
    def test_all_of_it_raises_the_objective_and_without_one_it_stays(self, answers, objective):
        codes = {criterion.code for criterion in criteria_of(objective)}
        own = {code: answer for code, answer in answers.items() if code in codes}
        raises = what_raises(answers, objective)

        for left_out in raises:
            rest = [each for each in raises if each != left_out]
            assert seal(with_raises(own, rest)) == seal(own)
        if raises:
            assert seal(with_raises(own, raises)) > seal(own)


class TestWorkload:
    def test_it_is_as_sovereign_as_the_least_of_its_places(self):
        worse = {**BEST, "SOV-6.2": Answer(2, True)}

        outlook = look_ahead({"north": DATA_CENTRE, "south": worse, "west": BEST})

        assert outlook.seal == 2
        assert outlook.raises == {"south": (Raise("SOV-6.2", 3, 3),)}
        assert outlook.raised_to == 3

    def test_places_at_the_same_seal_must_all_be_raised(self):
        worse = {**BEST, "SOV-7.7": Answer(3, True)}

        outlook = look_ahead({"north": worse, "south": worse})

        assert set(outlook.raises) == {"north", "south"}
        assert outlook.raised_to == 4

    def test_a_place_that_nobody_assessed_leaves_it_unknown(self):
        outlook = look_ahead({"north": DATA_CENTRE, "south": {}})

        assert outlook.seal is None
        assert outlook.unassessed == ("south",)
        assert outlook.raises == {}
        assert not outlook.is_best_attainable

    def test_using_nothing_has_no_seal(self):
        assert look_ahead({}).seal is None
        assert look_ahead({}).raised_to is None

    def test_what_is_only_claimed_is_a_gap_among_what_is_proven(self):
        answers = {**DATA_CENTRE, **claimed({"SOV-5.1": Answer(2, True)})}

        outlook = look_ahead({"north": proven(answers), "south": without(BEST, "SOV-8.4")})

        assert outlook.gaps == {"north": ("SOV-5.1",), "south": ("SOV-8.4",)}
        assert "SOV-5.1" not in {each.criterion for each in outlook.raises["north"]}

    def test_three_is_the_best_that_can_be_had_now_and_four_is_the_target(self):
        assert look_ahead({"north": DATA_CENTRE}).seal == BEST_ATTAINABLE_SEAL == 3
        assert look_ahead({"north": DATA_CENTRE}).is_best_attainable
        assert not look_ahead({"south": {**BEST, "SOV-6.2": Answer(2, True)}}).is_best_attainable
        assert TARGET_SEAL == 4

    @settings(deadline=None)
    @given(PLACES)
    def test_the_seal_is_the_lowest_answer_of_all_places(self, places):
        assert look_ahead(places).seal == min(
            seal_of(*item) for answers in places.values() for item in answers.items()
        )

    @settings(deadline=None)
    @given(PLACES)
    def test_all_raises_give_the_seal_that_is_told_and_each_of_them_is_needed(self, places):
        outlook = look_ahead(places)
        assume(outlook.raises)

        raised = {
            place: with_raises(answers, outlook.raises.get(place, ()))
            for place, answers in places.items()
        }
        assert look_ahead(raised).seal == outlook.raised_to > outlook.seal
        for place, raises in outlook.raises.items():
            for left_out in raises:
                rest = [each for each in raises if each != left_out]
                almost = {**raised, place: with_raises(places[place], rest)}
                assert look_ahead(almost).seal == outlook.seal
