"""Judging by what is known: read in one query, kept with its facts, refused with its clauses."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import localdate, now
from django.utils.translation import override

from catalog.models import (
    Offering,
    PlacementPermission,
    PlacementVerdict,
    SealMinimum,
    WorkloadEvidence,
    WorkloadProfile,
)
from catalog.placement import RULESET, Dependency
from catalog.placement_errors import PlacementRefused
from catalog.placement_words import (
    Advised,
    DependencyKind,
    EvidenceKind,
    Hosting,
    Objective,
    PersonalData,
    Score,
)
from catalog.services.placement import (
    Place,
    decide_placement,
    note_found,
    opinion_on_place,
    opinions_on,
    worst,
    write_supply,
)
from catalog.services.placement.reading import places_in_use, read_facts, read_many
from tests.factories import (
    CloudFactory,
    PersonFactory,
    answers,
    assessed,
    classify,
    make_project,
    supply,
    unanswered,
    unassessed,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def public(version):
    """The cloud is public now, and everything is in order; the data has the lowest interest."""
    assessed(version.cloud, hosting=Hosting.PUBLIC)
    return version


def opinion_on(project, version):
    return opinions_on(project, [version])[version.pk]


def evidence(project, *kinds, outcome=""):
    person = PersonFactory()
    for kind in kinds:
        WorkloadEvidence.objects.create(
            project=project,
            kind=kind,
            reference="Zaak 12",
            dated_on=localdate(),
            outcome=outcome,
            recorded_by=person,
            recorded_at=now(),
        )


def permission(project, version, **facts):
    judged = opinion_on(project, version).judged
    row = PlacementPermission.objects.create(
        **{
            "project": project,
            "cloud": version.cloud,
            "workload_id": judged.workload_id,
            "supply_id": judged.supply_id,
            "ruleset": RULESET,
            "facts": {},
            "clauses": [],
            "motivation": "Het moet",
            "valid_until": localdate(),
            "proposed_by": PersonFactory(),
            "proposed_at": now(),
            **facts,
        }
    )
    row.state, row.decided_by, row.decided_at = "confirmed", PersonFactory(), now()
    row.save()
    return row


def test_what_was_stored_is_read_as_it_was(project, version):
    dependency = Dependency(
        key="net",
        name="Net",
        kind=DependencyKind.SERVICE,
        supplier="Post",
        jurisdiction="US",
        is_critical=True,
        needs=("stroom",),
    )
    assessed(version.cloud, dependencies=(dependency,), locations=("NL", "DE"))
    classify(project, is_core_task=None, longest_outage_hours=None)
    evidence(project, EvidenceKind.DPIA)

    place = Place.of(version)
    judged = read_facts(project, [place], at=now())[place]

    assert judged.supply == supply(dependencies=(dependency,), locations=("NL", "DE"))
    given = answers(is_core_task=None).as_workload()
    assert {name: getattr(judged.workload, name) for name in vars(given) if name != "evidence"} == {
        name: value for name, value in vars(given).items() if name != "evidence"
    }
    assert judged.workload.evidence == ((EvidenceKind.DPIA, localdate()),)


def test_many_projects_and_places_are_read_in_one_query(project, version):
    other = make_project(project.parent)
    elsewhere = CloudFactory(key="other", name="Elders")
    places = [Place.of(version), Place.of_cloud(version.cloud), Place.of_cloud(elsewhere)]

    with CaptureQueriesContext(connection) as queries:
        found = read_many({project.pk: places, other.pk: places}, at=now())

    assert len(queries) == 1
    assert len(found) == 6
    assert {judged.workload_id for (key, _), judged in found.items() if key == other.pk} == {
        WorkloadProfile.objects.get(project=other).pk
    }


def test_offering_with_an_assessment_of_its_own_is_judged_by_that(project, version):
    own = Offering.objects.create(code="apart", kind="server")
    makers = (PersonFactory(), PersonFactory())
    write_supply(version.cloud, supply(admits_personal_data=False), by=makers, offering=own)
    places = [Place(version.cloud_id, own.pk), Place.of(version)]

    found = read_facts(project, places, at=now())

    assert [found[place].supply.admits_personal_data for place in places] == [False, True]


def test_withdrawn_evidence_and_ended_answers_count_no_more(project, version):
    evidence(project, EvidenceKind.DPIA)
    WorkloadEvidence.objects.update(withdrawn_by=PersonFactory(), withdrawn_at=now())
    unanswered(project)

    opinion = opinion_on(project, version)

    assert opinion.judged.workload.evidence == ()
    assert not opinion.is_answered
    with override("en"):
        assert opinion.refusals == ["Nobody answered the questions about this project yet."]


def test_own_minimum_goes_before_that_of_all_objectives(project, version):
    for objective, seal in (("", 4), (Objective.SOV_5, 0)):
        row = SealMinimum.objects.create(
            protection_level=3,
            objective=objective,
            seal=seal,
            proposed_by=PersonFactory(),
            proposed_at=now(),
        )
        row.state, row.decided_by, row.decided_at = "confirmed", PersonFactory(), now()
        row.save()

    minimums = opinion_on(project, version).judged.minimums

    assert (minimums[3, Objective.SOV_5], minimums[3, Objective.SOV_1]) == (0, 4)
    assert minimums[4, Objective.SOV_1] == 2


def test_decision_keeps_facts_rules_and_clauses(project, version):
    decision = decide_placement(project, version)

    assert (decision.verdict, decision.ruleset, decision.advised) == (
        PlacementVerdict.ALLOWED,
        RULESET,
        Advised.ALLOWED,
    )
    assert decision.offering_id == version.offering_id
    assert decision.facts["workload"]["integrity"] == "middle"
    assert decision.facts["supply"]["chain"][0]["jurisdiction"] == "NL"
    assert decision.workload == WorkloadProfile.objects.get(project=project)
    assert [clause["id"] for clause in decision.clauses] == ["known_use"]


def test_refusal_tells_programs_the_clauses(project, version):
    classify(project, integrity=Score.VERY_HIGH, personal_data=None)

    with pytest.raises(PlacementRefused) as refused:
        decide_placement(project, version)

    facts = refused.value.facts
    assert facts["verdict"] == "prohibited"
    assert {"interest_too_high", "seal_too_low"} <= {clause["id"] for clause in facts["clauses"]}


def test_found_thing_is_noted_with_what_is_against_it(project, version):
    unassessed(version.cloud)

    decision = note_found(project, version.cloud)

    assert (decision.verdict, decision.advised) == ("found_in_cloud", "prohibited")
    assert decision.supply is None
    assert "place_not_assessed" in {clause["id"] for clause in decision.clauses}


class TestConditional:
    @pytest.fixture
    def conditional(self, project, public):
        classify(project, integrity=Score.LOW, is_core_task=True, personal_data=PersonalData.NONE)
        evidence(
            project,
            EvidenceKind.RISK_ANALYSIS,
            EvidenceKind.EXIT_PLAN,
            EvidenceKind.EXIT_TEST_PLANNED,
            EvidenceKind.EXIT_TEST_DISRUPTIVE,
            EvidenceKind.EXIT_DESTRUCTION,
            EvidenceKind.CISO_NOTICE,
        )
        return project

    def test_it_waits_for_the_data_owner(self, conditional, public):
        opinion = opinion_on(conditional, public)

        assert (opinion.advice.verdict, opinion.advice.unmet) == (Advised.CONDITIONAL, ())
        assert not opinion.is_admissible
        with pytest.raises(PlacementRefused):
            decide_placement(conditional, public)

    def test_permission_lets_it_stand_and_stands_in_the_decision(self, conditional, public):
        given = permission(conditional, public)

        decision = decide_placement(conditional, public)

        assert (decision.permission, decision.advised) == (given, Advised.CONDITIONAL)

    def test_permission_lapses_with_other_answers_assessments_rules_and_days(
        self, conditional, public
    ):
        permission(conditional, public)
        assert opinion_on(conditional, public).is_admissible
        tomorrow = now() + timedelta(days=1)
        assert not opinions_on(conditional, [public], at=tomorrow)[public.pk].is_admissible

        classify(
            conditional, integrity=Score.LOW, is_core_task=True, personal_data=PersonalData.NONE
        )
        assert not opinion_on(conditional, public).is_admissible

        permission(conditional, public)
        assessed(public.cloud, hosting=Hosting.PUBLIC)
        assert not opinion_on(conditional, public).is_admissible

        permission(conditional, public, ruleset="RBCLOUD-2026/0")
        assert not opinion_on(conditional, public).is_admissible

    def test_evidence_that_is_withdrawn_stops_it_too(self, conditional, public):
        permission(conditional, public)
        WorkloadEvidence.objects.filter(kind=EvidenceKind.CISO_NOTICE).update(
            withdrawn_by=PersonFactory(), withdrawn_at=now()
        )

        assert not opinion_on(conditional, public).is_admissible

    def test_instruction_of_ciso_rijk_prohibits(self, conditional, public):
        permission(conditional, public)
        evidence(conditional, EvidenceKind.CISO_NOTICE, outcome="instruction_against")

        assert opinion_on(conditional, public).advice.verdict == Advised.PROHIBITED


def test_the_worst_place_decides(project, version):
    elsewhere = CloudFactory(key="other", name="Elders")
    unassessed(elsewhere)
    places = [Place.of(version), Place.of_cloud(elsewhere)]
    opinions = [opinion_on_place(project, place) for place in places]

    assert worst(opinions) == opinions[1]


def test_places_in_use_are_those_of_living_resources(project):
    assert places_in_use([project.pk]) == {}
