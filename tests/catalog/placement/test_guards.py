"""The database itself keeps what placement was judged by, whoever writes past the services."""

from __future__ import annotations

from datetime import date, timedelta
from importlib import import_module
from uuid import uuid4

import pytest
from django.db import connection
from django.utils.timezone import now

from catalog.models import (
    NoticeOutcome,
    PlacementConcern,
    PlacementDecision,
    PlacementPermission,
    PlacementVerdict,
    Resource,
    SealMinimum,
    SupplyAnswer,
    SupplyDependency,
    SupplyOwner,
    SupplyProfile,
    WorkloadEvidence,
    WorkloadProfile,
)
from catalog.services.approvals import approve_order
from tests.constraints import refused_by
from tests.factories import (
    CloudFactory,
    PersonFactory,
    make_project,
    place,
    unanswered,
    unassessed,
)

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 2)


@pytest.fixture
def cloud(version):
    """One of which nothing is known yet."""
    unassessed(version.cloud)
    return version.cloud


@pytest.fixture
def answered(project):
    return project.workload_profiles.get(ended_at=None)


@pytest.fixture
def assessed(cloud):
    return confirm(propose(draft_of(cloud)))


def answer(project, **facts):
    number = project.workload_profiles.count() + 1
    known = {"number": number, "review_on": TODAY, "answered_at": now()}
    return WorkloadProfile.objects.create(project=project, **{**known, **facts})


def record(project, **facts):
    known = {"kind": "dpia", "reference": "Zaak 12", "dated_on": now().date(), "recorded_at": now()}
    return WorkloadEvidence.objects.create(
        **{"project": project, "recorded_by": PersonFactory(), **known, **facts}
    )


def draft_of(cloud, **facts):
    number = cloud.supply_profiles.count() + 1
    known = {"number": number, "assessed_on": TODAY, "valid_until": TODAY + timedelta(days=365)}
    return SupplyProfile.objects.create(
        **{"cloud": cloud, "proposed_by": PersonFactory(), "proposed_at": now(), **known, **facts}
    )


def propose(profile):
    profile.is_draft = False
    profile.save(update_fields=["is_draft"])
    return profile


def confirm(row, **facts):
    decision = {"state": "confirmed", "decided_by": PersonFactory(), "decided_at": now()}
    type(row).objects.filter(pk=row.pk).update(**{**decision, **facts})
    row.refresh_from_db()
    return row


def minimum(**facts):
    known = {"protection_level": 3, "seal": 3, "proposed_at": now()}
    return SealMinimum.objects.create(**{"proposed_by": PersonFactory(), **known, **facts})


def ask(answered, assessed, **facts):
    known = {"ruleset": "RBCLOUD-2026/1", "facts": {}, "clauses": [], "motivation": "Het moet"}
    known |= {"valid_until": TODAY, "proposed_at": now()}
    return PlacementPermission.objects.create(
        **{
            "project": answered.project,
            "cloud": assessed.cloud,
            "workload": answered,
            "supply": assessed,
            "proposed_by": PersonFactory(),
            **known,
            **facts,
        }
    )


def decide(project, cloud, **facts):
    known = {"verdict": PlacementVerdict.ALLOWED, "ruleset": "RBCLOUD-2026/1", "decided_at": now()}
    return PlacementDecision.objects.create(project=project, cloud=cloud, **{**known, **facts})


class TestAnswers:
    @pytest.mark.parametrize(
        "field",
        [
            *("personal_data", "availability", "integrity", "confidentiality"),
            *("rubricering", "base_register"),
        ],
    )
    def test_a_word_is_one_of_its_list(self, project, field):
        with refused_by(f"workload_profile_{field}_known"):
            answer(project, **{field: "geheim"})

    def test_without_personal_data_there_is_no_special(self, project):
        unanswered(project)
        with refused_by("workload_profile_without_personal_data_has_no_special"):
            answer(project, personal_data="none", has_special_data=True)
        answer(project, personal_data="none", has_special_data=False)

    def test_one_version_is_in_force(self, project, answered):
        with refused_by("workload_profile_one_in_force"):
            answer(project)
        WorkloadProfile.objects.filter(pk=answered.pk).update(ended_at=now())
        answer(project)

    def test_an_answer_never_changes_and_ends_once(self, answered):
        rows = WorkloadProfile.objects.filter(pk=answered.pk)
        with refused_by("workload_profile_never_changes"):
            rows.update(rubricering="stg_geheim")
        rows.update(ended_at=now())
        with refused_by("workload_profile_never_changes"):
            rows.update(ended_at=None)
        with refused_by("workload_profile_never_changes"):
            answered.delete()


class TestEvidence:
    def test_outcome_is_of_a_notice(self, project):
        with refused_by("workload_evidence_outcome_is_of_a_notice"):
            record(project, outcome=NoticeOutcome.NO_OBJECTION)
        record(project, kind="ciso_notice", outcome=NoticeOutcome.NO_OBJECTION)

    def test_it_is_not_dated_after_it_was_recorded(self, project):
        with refused_by("workload_evidence_is_not_of_later"):
            record(project, dated_on=now().date() + timedelta(days=2))

    def test_it_is_withdrawn_by_somebody_once_and_never_changes(self, project):
        rows = WorkloadEvidence.objects.filter(pk=record(project).pk)
        with refused_by("workload_evidence_withdrawn_by_somebody"):
            rows.update(withdrawn_at=now())
        with refused_by("workload_evidence_never_changes"):
            rows.update(reference="Zaak 13")
        rows.update(withdrawn_at=now(), withdrawn_by=PersonFactory())
        with refused_by("workload_evidence_never_changes"):
            rows.update(withdrawn_at=None, withdrawn_by=None)
        with refused_by("workload_evidence_never_changes"):
            rows.delete()


class TestAssessments:
    def test_it_begins_as_a_draft_and_is_proposed_before_it_is_decided_on(self, cloud):
        with refused_by("supply_profile_begins_as_a_draft"):
            draft_of(cloud, is_draft=False)
        with refused_by("supply_profile_is_proposed_before_it_is_decided_on"):
            confirm(draft_of(cloud), is_draft=False)

    def test_draft_changes_with_its_parts_and_what_was_proposed_does_not(self, cloud):
        profile = draft_of(cloud)
        owner = SupplyOwner.objects.create(profile=profile, position=0, name="Dienst")
        answered = SupplyAnswer.objects.create(profile=profile, criterion="1.1", answer=2)
        SupplyDependency.objects.create(
            profile=profile, key="net", name="Net", kind="service", supplier="X", is_critical=True
        )
        SupplyProfile.objects.filter(pk=profile.pk).update(hosting="public")
        propose(profile)

        for change in (
            lambda: SupplyProfile.objects.filter(pk=profile.pk).update(hosting="government"),
            lambda: SupplyProfile.objects.filter(pk=profile.pk).update(is_draft=True),
            lambda: SupplyOwner.objects.filter(pk=owner.pk).update(jurisdiction="NL"),
            lambda: SupplyDependency.objects.all().delete(),
            lambda: answered.delete(),
            lambda: SupplyOwner.objects.create(profile=profile, position=1, name="Y"),
            lambda: profile.delete(),
        ):
            with refused_by("supply_profile_never_changes"):
                change()

    def test_part_does_not_move_from_what_was_proposed_to_a_draft(self, cloud):
        other = CloudFactory(key="other", name="Elders")
        owner = SupplyOwner.objects.create(profile=draft_of(cloud), position=0, name="Dienst")
        draft = draft_of(other)
        propose(owner.profile)

        with refused_by("supply_profile_never_changes"):
            SupplyOwner.objects.filter(pk=owner.pk).update(profile=draft)

    def test_draft_may_be_thrown_away_with_its_parts(self, cloud):
        profile = draft_of(cloud)
        SupplyOwner.objects.create(profile=profile, position=0, name="Dienst")

        profile.delete()

        assert not SupplyOwner.objects.filter(name="Dienst").exists()

    def test_another_human_confirms_it_and_one_is_in_force(self, cloud, assessed):
        following = propose(draft_of(cloud))
        with refused_by("supply_profile_decided_by_another_person"):
            confirm(following, decided_by=following.proposed_by)
        with refused_by("supply_profile_one_in_force"):
            confirm(following)
        SupplyProfile.objects.filter(pk=assessed.pk).update(ended_at=now())
        confirm(following)
        with refused_by("supply_profile_never_changes"):
            SupplyProfile.objects.filter(pk=assessed.pk).update(ended_at=None)

    def test_one_waits_per_place(self, cloud, version):
        draft_of(cloud)
        with refused_by("supply_profile_one_waits"):
            draft_of(cloud)
        draft_of(cloud, offering=version.offering)

    def test_it_holds_three_years_at_most(self, cloud):
        profile = draft_of(cloud, valid_until=TODAY + timedelta(days=3 * 366 + 1))
        with refused_by("supply_profile_holds_three_years_at_most"):
            propose(profile)

    def test_it_says_until_when(self, cloud):
        with refused_by("supply_profile_says_until_when"):
            propose(draft_of(cloud, valid_until=None))

    def test_evidence_of_an_answer_has_a_date(self, cloud):
        with refused_by("supply_answer_evidence_has_a_date"):
            SupplyAnswer.objects.create(
                profile=draft_of(cloud), criterion="1.1", answer=1, evidence="Brief"
            )


class TestMinimums:
    def test_another_human_confirms_one_of_each(self):
        first = confirm(minimum())
        with refused_by("seal_minimum_one_in_force"):
            confirm(minimum(seal=4))
        with refused_by("seal_minimum_never_changes"):
            SealMinimum.objects.filter(pk=first.pk).update(seal=0)
        with refused_by("seal_minimum_begins_as_a_proposal"):
            minimum(state="confirmed", decided_by=PersonFactory(), decided_at=now())

    @pytest.mark.parametrize(
        ("facts", "constraint"),
        [
            ({"protection_level": 5}, "level_known"),
            ({"seal": 5}, "seal_known"),
            ({"objective": "SOV-9"}, "objective_known"),
        ],
    )
    def test_it_is_about_what_exists(self, facts, constraint):
        with refused_by(f"seal_minimum_{constraint}"):
            minimum(**facts)


class TestPermissions:
    def test_another_human_gives_it_and_one_waits(self, answered, assessed):
        permission = ask(answered, assessed)
        with refused_by("placement_permission_one_waits"):
            ask(answered, assessed)
        with refused_by("placement_permission_decided_by_another_person"):
            confirm(permission, decided_by=permission.proposed_by)
        confirm(permission)
        with refused_by("placement_permission_never_changes"):
            PlacementPermission.objects.filter(pk=permission.pk).update(valid_until=TODAY)
            PlacementPermission.objects.filter(pk=permission.pk).update(facts={"x": 1})

    def test_it_is_ended_by_somebody_once_it_was_given(self, answered, assessed):
        permission = ask(answered, assessed)
        rows = PlacementPermission.objects.filter(pk=permission.pk)
        with refused_by("placement_permission_ended_by_somebody"):
            rows.update(ended_at=now(), ended_by=PersonFactory())
        confirm(permission)
        rows.update(ended_at=now(), ended_by=PersonFactory())
        with refused_by("placement_permission_never_changes"):
            rows.update(ended_at=None, ended_by=None)


class TestDecisions:
    def test_allowed_is_never_prohibited_nor_conditional_without_permission(
        self, project, cloud, answered, assessed
    ):
        with refused_by("placement_allowed_is_not_prohibited"):
            decide(project, cloud, advised="prohibited")
        with refused_by("placement_conditional_has_a_permission"):
            decide(project, cloud, advised="conditional")
        facts = {"workload": answered, "supply": assessed, "advised": "conditional"}
        waiting = ask(answered, assessed)
        with refused_by("placement_judged_by_its_own_facts"):
            decide(project, cloud, permission=waiting, **facts)
        decide(project, cloud, permission=confirm(waiting), **facts)

    def test_it_is_judged_by_the_facts_of_its_own_project_and_place(
        self, project, cloud, answered, assessed
    ):
        elsewhere = CloudFactory(key="other", name="Elders")
        other = make_project(project.parent)

        with refused_by("placement_judged_by_its_own_facts"):
            decide(other, cloud, workload=answered)
        with refused_by("placement_judged_by_its_own_facts"):
            decide(project, elsewhere, supply=assessed)

    def test_it_never_changes(self, project, cloud):
        decision = decide(project, cloud)
        with refused_by("placement_decision_never_changes"):
            PlacementDecision.objects.filter(pk=decision.pk).update(ruleset="later")
        with refused_by("placement_decision_never_changes"):
            decision.delete()

    @pytest.mark.parametrize("wrong", ["project", "cloud", "verdict"])
    def test_line_and_resource_are_placed_by_a_decision_of_their_own(
        self, requester, approver, project, version, wrong
    ):
        approved, line = (place(requester, project, version).lines.get() for _ in range(2))
        approve_order(approved.order.public_id, approver=approver)
        facts = {
            "project": {"project": make_project(project.parent)},
            "cloud": {"cloud": CloudFactory(key="other", name="Elders")},
            "verdict": {"verdict": PlacementVerdict.REFUSED},
        }[wrong]
        decision = decide(**{"project": project, "cloud": version.cloud, **facts})

        with refused_by("placed_by_a_decision_of_its_own"):
            Resource.objects.filter(order_line=approved).update(placement=decision)
        line.pk, line.public_id, line.placement = None, uuid4(), decision
        with refused_by("placed_by_a_decision_of_its_own"):
            line.save(force_insert=True)


class TestConcerns:
    def test_it_is_told_anew_until_it_is_settled_and_one_is_open(self, project, cloud):
        known = {"project": project, "cloud": cloud, "advised": "prohibited", "clauses": []}
        known |= {"first_seen_at": now(), "due_on": TODAY}
        concern = PlacementConcern.objects.create(**known)
        rows = PlacementConcern.objects.filter(pk=concern.pk)

        with refused_by("placement_concern_one_is_open"):
            PlacementConcern.objects.create(**known)
        rows.update(advised="conditional", clauses=[{"id": "dpia"}], told_at=now())
        with refused_by("placement_concern_never_changes"):
            rows.update(due_on=TODAY + timedelta(days=1))
        rows.update(settled_at=now())
        with refused_by("placement_concern_never_changes"):
            rows.update(advised="prohibited")
        with refused_by("placement_concern_never_changes"):
            rows.delete()
        PlacementConcern.objects.create(**known)


def test_migration_can_be_taken_back():
    migration = import_module("catalog.migrations.0049_workloads_and_supplies")

    with connection.cursor() as cursor:
        cursor.execute(migration.ALLOW)
        cursor.execute(migration.FORBID)
