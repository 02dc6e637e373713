"""How sovereign a place is: the published figures, the lowest that counts, and what is not said."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.placement.csf import (
    ASKED_PER_ENTITY,
    CRITERIA,
    HIGHEST_SEAL,
    WEIGHTS,
    Answer,
    Framework,
    assess,
    criteria_of,
    proven_seals,
    unproven,
)
from catalog.placement_words import Objective
from tests.catalog.placement.answers import (
    BEST,
    CODES,
    DATA_CENTRE,
    WORST,
    answer_sets,
    claimed,
    full_answer_sets,
    seal_of,
    without,
)

GUIDANCE = Framework.GUIDANCE_2026_06
NEVER_BINDING = {
    *("SOV-1.2", "SOV-1.4", "SOV-1.5", "SOV-1.6", "SOV-1.7"),
    *("SOV-2.5", "SOV-5.3", "SOV-7.2", "SOV-8.4"),
}


class TestPublishedFigures:
    def test_48_criteria_and_233_answers_in_eight_objectives(self):
        counts = [len(criteria_of(objective)) for objective in Objective]

        assert counts == [8, 6, 5, 6, 7, 5, 7, 4]
        assert len(CRITERIA) == 48
        assert sum(len(criterion.ladder) for criterion in CRITERIA.values()) == 233

    def test_each_version_has_weights_of_its_own_that_add_to_100(self):
        weights = {version: list(WEIGHTS[version].values()) for version in Framework}

        assert weights == {
            Framework.V1_2_1: [15, 10, 10, 15, 20, 15, 10, 5],
            Framework.GUIDANCE_2026_06: [20, 10, 10, 15, 10, 15, 15, 5],
        }
        assert [sum(each) for each in weights.values()] == [100, 100]

    @pytest.mark.parametrize(
        ("framework", "score"),
        [(Framework.GUIDANCE_2026_06, "100.0756"), (Framework.V1_2_1, "100.08045")],
    )
    def test_the_best_answers_give_the_published_maximum_not_cut_off(self, framework, score):
        assert assess(BEST, framework).score == Decimal(score)

    def test_the_best_answers_give_these_points_by_objective(self):
        points = [each.points for each in assess(BEST, GUIDANCE).objectives]

        assert points == [
            *(Decimal("1000.03"), 1002, 1000, 1002),
            *(1001, 1000, 1001, 1000),
        ]

    @pytest.mark.parametrize("code", CODES)
    def test_points_of_a_ladder_rise_evenly_from_nothing(self, code):
        points = [rung.points for rung in CRITERIA[code].ladder]
        step = points[-1] / (len(points) - 1)
        # The calculator itself strays at these two.
        strays = {"SOV-1.7": [0, Decimal("41.67"), 83, Decimal("125.01")], "SOV-2.1": [0, 84, 167]}

        assert points == strays.get(code, [n * step for n in range(len(points))])

    @pytest.mark.parametrize("code", CODES)
    def test_a_better_answer_never_has_a_lower_seal_and_the_best_has_the_highest(self, code):
        seals = [rung.seal for rung in CRITERIA[code].ladder]

        assert seals == sorted(seals)
        assert seals[-1] == HIGHEST_SEAL

    def test_seals_of_ladders_as_published(self):
        seals = {code: [rung.seal for rung in CRITERIA[code].ladder] for code in CODES}

        assert seals["SOV-3.1"] == [0, 1, 2, 3, 4]
        assert seals["SOV-4.1"] == [1, 1, 4, 4, 4]
        assert seals["SOV-7.7"] == [1, 1, 1, 1, 4]
        assert seals["SOV-2.3"] == [1, 1, 1, 1, 4]

    def test_nine_criteria_can_never_bind(self):
        assert {code for code in CODES if not CRITERIA[code].can_bind} == NEVER_BINDING

    def test_nine_criteria_are_asked_of_each_legal_entity(self):
        assert len(ASKED_PER_ENTITY & CRITERIA.keys()) == 9


class TestDataCentre:
    @pytest.mark.parametrize(
        ("framework", "score"),
        [(Framework.GUIDANCE_2026_06, "90.71685"), (Framework.V1_2_1, "87.97295")],
    )
    def test_score(self, framework, score):
        assert assess(DATA_CENTRE, framework).score == Decimal(score)

    def test_supply_chain_and_security_keep_it_at_three(self):
        assessment = assess(DATA_CENTRE, GUIDANCE)

        assert assessment.seal == 3
        assert [each.seal for each in assessment.objectives] == [4, 4, 4, 4, 3, 4, 3, 4]
        assert assessment.binding == (
            *("SOV-5.1", "SOV-5.2", "SOV-5.4", "SOV-5.5", "SOV-5.6", "SOV-5.7"),
            *("SOV-7.1", "SOV-7.5"),
        )

    def test_an_objective_above_the_lowest_binds_nothing(self):
        answers = {**DATA_CENTRE, "SOV-3.1": Answer(2, True)}

        by_objective = {each.objective: each for each in assess(answers, GUIDANCE).objectives}

        assert by_objective[Objective.SOV_3].binding == ("SOV-3.1",)
        assert by_objective[Objective.SOV_5].seal == 3
        assert by_objective[Objective.SOV_5].binding == ()


class TestLowestCounts:
    @settings(deadline=None)
    @given(answer_sets(least=1))
    def test_the_seal_is_the_lowest_of_the_answers(self, answers):
        assessment = assess(answers, GUIDANCE)
        of_objectives = [each.seal for each in assessment.objectives if each.seal is not None]

        assert assessment.seal == min(seal_of(*item) for item in answers.items())
        assert assessment.seal == min(of_objectives)

    @settings(deadline=None)
    @given(answer_sets(least=2), st.data())
    def test_one_more_answer_never_raises_the_seal_nor_lowers_the_score(self, answers, data):
        code = data.draw(st.sampled_from(sorted(answers)))

        before, after = (assess(each, GUIDANCE) for each in (without(answers, code), answers))

        assert after.seal <= before.seal
        assert after.score >= before.score

    @settings(deadline=None)
    @given(answer_sets())
    def test_versions_differ_in_score_only(self, answers):
        older, newer = (assess(answers, version) for version in Framework)

        assert older.objectives == newer.objectives
        assert (older.seal, older.gaps) == (newer.seal, newer.gaps)

    def test_best_answers_have_nothing_that_binds(self):
        assert assess(BEST, GUIDANCE).seal == HIGHEST_SEAL
        assert assess(BEST, GUIDANCE).binding == ()

    def test_one_bad_answer_among_the_best_is_the_seal(self):
        answers = {**BEST, "SOV-1.8": Answer(0, True)}

        assert assess(answers, GUIDANCE).seal == 0
        assert assess(answers, GUIDANCE).binding == ("SOV-1.8",)


class TestGaps:
    def test_without_answers_nothing_is_known(self):
        assessment = assess({}, GUIDANCE)

        assert assessment.seal is None
        assert assessment.score == 0
        assert assessment.gaps == CODES

    def test_a_gap_is_told_and_is_not_zero(self):
        answers = without(BEST, "SOV-3.1")

        assert assess(answers, GUIDANCE).seal == HIGHEST_SEAL
        assert assess(answers, GUIDANCE).gaps == ("SOV-3.1",)
        assert assess({**answers, "SOV-3.1": Answer(0, True)}, GUIDANCE).seal == 0

    @settings(deadline=None)
    @given(answer_sets())
    def test_every_criterion_is_answered_or_a_gap(self, answers):
        assert set(assess(answers, GUIDANCE).gaps) == set(CODES) - set(answers)

    @settings(deadline=None)
    @given(answer_sets())
    def test_what_is_only_claimed_is_a_gap_among_what_is_proven(self, answers):
        gaps = assess(answers, GUIDANCE, only_proven=True).gaps

        assert set(gaps) == set(assess(answers, GUIDANCE).gaps) | set(unproven(answers))


class TestProof:
    @pytest.mark.parametrize("code", CODES)
    def test_one_claim_among_proof_bars_its_objective_where_it_can_bind(self, code):
        seals = dict(proven_seals({**BEST, code: Answer(BEST[code].index, False)}))
        barred = CRITERIA[code].can_bind

        assert {objective for objective, seal in seals.items() if seal is None} == (
            {CRITERIA[code].objective} if barred else set()
        )

    @settings(deadline=None)
    @given(full_answer_sets())
    def test_an_objective_counts_at_its_lowest_answer_once_all_that_can_bind_is_proven(
        self, answers
    ):
        lowest = {each.objective: each.seal for each in assess(answers, GUIDANCE).objectives}
        barred = {CRITERIA[code].objective for code in set(unproven(answers)) - NEVER_BINDING}

        assert dict(proven_seals(answers)) == {
            objective: None if objective in barred else lowest[objective] for objective in Objective
        }

    def test_claims_alone_count_for_nothing(self):
        assert proven_seals(claimed(BEST)) == tuple((objective, None) for objective in Objective)

    def test_proof_counts_as_it_is(self):
        assert [seal for _, seal in proven_seals(DATA_CENTRE)] == [4, 4, 4, 4, 3, 4, 3, 4]
        assert [seal for _, seal in proven_seals(WORST)] == [0, 0, 0, 0, 0, 0, 0, 0]

    def test_claims_are_listed_in_the_order_of_the_framework(self):
        answers = {**BEST, "SOV-7.1": Answer(3, False), "SOV-1.1": Answer(1, False)}

        assert unproven(answers) == ("SOV-1.1", "SOV-7.1")


@pytest.mark.parametrize(("code", "index"), [("SOV-9.1", 0), ("SOV-1.1", 4), ("SOV-1.1", -1)])
def test_an_answer_that_does_not_exist_is_an_error(code, index):
    with pytest.raises(ValueError, match=f"the framework has no answer {index} to {code}"):
        assess({code: Answer(index, True)}, GUIDANCE)
