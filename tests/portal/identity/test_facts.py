"""What holds from a day on: owners, cost centres, VAT. Nothing of the past ever changes."""

from datetime import date, timedelta

import pytest
from django.utils.timezone import localdate, now

from portal.audit.models import AuditEntry
from portal.core.calendar import start_of_day
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.errors import NodeEnded
from portal.identity.facts import FactKind, facts_of, rows_of
from portal.identity.models import CostCentre, DataOwner, Node, Role, VatTreatmentPeriod
from portal.identity.services.facts import (
    set_cost_centre,
    set_data_owner,
    set_project_owner,
    set_vat_treatment,
)
from tests.constraints import refused_by
from tests.factories import PersonFactory, administrator_of, grant, make_organization, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def ministry():
    return make_organization()


@pytest.fixture
def project(ministry):
    return make_project(make_organization(ministry))


@pytest.fixture
def administrator(ministry):
    return administrator_of(ministry)


def in_days(number):
    return localdate() + timedelta(days=number)


def centre(node, actor, code, starts_on=None):
    return set_cost_centre(
        node.public_id, actor=actor, code=code, name="Water", starts_on=starts_on or localdate()
    )


def current(kind, node, at=None):
    """What holds, and the node on which it was said."""
    fact = next(fact for fact in facts_of(node, at=at or now()) if fact.kind == kind)
    return fact.current, fact.source


def lives(node):
    """From when until when each cost centre of the node held, the oldest first."""
    rows = CostCentre.objects.filter(node=node).order_by("pk")
    return [(row.code, row.valid_from, row.valid_until) for row in rows]


class TestTime:
    def test_today_is_from_this_second_on(self, project, administrator):
        row = centre(project, administrator, "410210")

        assert now() - timedelta(seconds=5) < row.valid_from <= now()
        assert row.valid_from.microsecond == 0

    def test_a_later_day_is_from_its_midnight_on(self, project, administrator):
        row = centre(project, administrator, "410210", in_days(3))

        assert row.valid_from == start_of_day(in_days(3))
        assert current(FactKind.COST_CENTRE, project) == (None, None)
        assert current(FactKind.COST_CENTRE, project, row.valid_from)[0] == row

    def test_a_new_row_ends_what_held_and_the_old_one_stays_readable(self, project, administrator):
        past = start_of_day(date(2026, 1, 1))
        CostCentre.objects.create(node=project, code="1", name="Oud", valid_from=past)

        row = centre(project, administrator, "2")

        assert lives(project) == [("1", past, row.valid_from), ("2", row.valid_from, None)]

    def test_an_earlier_plan_replaces_a_later_one_that_never_held(self, project, administrator):
        centre(project, administrator, "1")
        later = centre(project, administrator, "2", in_days(30))
        sooner = centre(project, administrator, "3", in_days(10))

        held = lives(project)
        assert held[0][2] == sooner.valid_from
        assert held[1] == ("2", later.valid_from, later.valid_from)
        assert held[2] == ("3", sooner.valid_from, None)

    def test_two_corrections_in_one_second_leave_the_last(self, project, administrator):
        for code in ("1", "2", "3"):
            centre(project, administrator, code)

        assert current(FactKind.COST_CENTRE, project)[0].code == "3"
        assert CostCentre.objects.filter(node=project).count() == 3

    @pytest.mark.parametrize("days", [-1, -400, 5 * 366 + 1])
    def test_the_past_and_a_far_future_are_refused(self, project, administrator, days):
        with pytest.raises(InvalidInput) as refused:
            centre(project, administrator, "1", in_days(days))

        assert list(refused.value.errors) == ["starts_on"]
        assert not CostCentre.objects.exists()


class TestInheritance:
    def test_the_nearest_above_holds_until_somebody_says_otherwise(
        self, ministry, project, administrator
    ):
        centre(ministry, administrator, "100")
        assert current(FactKind.COST_CENTRE, project)[0].code == "100"
        assert current(FactKind.COST_CENTRE, project)[1] == ministry.node_ptr

        centre(project.parent, administrator, "200")
        centre(project, administrator, "300", in_days(5))

        assert current(FactKind.COST_CENTRE, project)[0].code == "200"
        later = start_of_day(in_days(5))
        assert current(FactKind.COST_CENTRE, project, later)[0].code == "300"

    def test_a_project_owner_is_of_the_project_alone(self, project, administrator):
        kinds = [fact.kind for fact in facts_of(project, at=now())]

        assert FactKind.PROJECT_OWNER in kinds
        assert FactKind.VAT_TREATMENT not in kinds

    def test_queries_do_not_depend_on_the_depth(self, ministry, project, django_assert_num_queries):
        for node in (ministry, project):
            with django_assert_num_queries(4):
                facts_of(node, at=now())


class TestOwners:
    @pytest.mark.parametrize("appoint", [set_data_owner, set_project_owner])
    def test_an_owner_has_a_role_there(self, project, administrator, appoint):
        stranger, auditor = PersonFactory(), PersonFactory()
        grant(stranger, Role.AUDITOR, make_organization())
        grant(auditor, Role.AUDITOR, project.parent)

        with pytest.raises(InvalidInput) as refused:
            appoint(
                project.public_id,
                actor=administrator,
                owner=stranger.public_id,
                starts_on=localdate(),
            )
        assert list(refused.value.errors) == ["owner"]

        row = appoint(
            project.public_id, actor=administrator, owner=auditor.public_id, starts_on=localdate()
        )
        assert row.owner == auditor

    def test_somebody_who_was_blocked_owns_nothing_new(self, project, administrator):
        blocked = PersonFactory(is_active=False)
        grant(blocked, Role.REQUESTER, project)

        with pytest.raises(InvalidInput):
            set_data_owner(
                project.public_id,
                actor=administrator,
                owner=blocked.public_id,
                starts_on=localdate(),
            )

    def test_the_trail_holds_numbers_of_people_and_no_names(self, project, administrator):
        set_data_owner(
            project.public_id,
            actor=administrator,
            owner=administrator.public_id,
            starts_on=localdate(),
        )

        entry = AuditEntry.objects.order_by("-pk").first()
        assert entry.event == "data_owner.set"
        assert entry.data["owner"] == administrator.pk
        assert administrator.name not in str(entry.data)


class TestWho:
    def test_vat_is_decided_from_above(self, ministry, project, administrator):
        directorate = project.parent
        own = administrator_of(directorate)
        asked = {"treatment": "exempt", "starts_on": localdate()}

        with pytest.raises(NotAllowed):
            set_vat_treatment(directorate.public_id, actor=own, **asked)
        set_vat_treatment(directorate.public_id, actor=administrator, **asked)
        set_vat_treatment(ministry.public_id, actor=administrator, **asked)

        assert VatTreatmentPeriod.objects.count() == 2

    @pytest.mark.parametrize("role", sorted(set(Role) - {Role.QUOTA_ADMINISTRATOR}))
    def test_other_roles_set_nothing(self, project, role):
        person = PersonFactory()
        grant(person, role, project)

        with pytest.raises(NotAllowed):
            centre(project, person, "1")
        assert not CostCentre.objects.exists()
        assert AuditEntry.objects.filter(event="node.change_refused").count() == 1

    def test_nothing_holds_from_now_on_in_what_has_ended(self, project, administrator):
        Node.objects.filter(pk=project.pk).update(ended_at=now())

        with pytest.raises(NodeEnded):
            centre(project, administrator, "1")


class TestBadInput:
    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({"code": ""}, {"code"}),
            ({"code": "x" * 21}, {"code"}),
            ({"code": "a\x00"}, {"code"}),
            ({"name": "x" * 121}, {"name"}),
            ({"name": "a\u200bb", "code": ""}, {"name", "code"}),
        ],
    )
    def test_of_a_cost_centre(self, project, administrator, changes, fields):
        asked = {"code": "1", "name": "Water", "starts_on": localdate()} | changes

        with pytest.raises(InvalidInput) as refused:
            set_cost_centre(project.public_id, actor=administrator, **asked)

        assert set(refused.value.errors) == fields

    def test_of_a_vat_treatment(self, ministry, administrator):
        with pytest.raises(InvalidInput) as refused:
            set_vat_treatment(
                ministry.public_id, actor=administrator, treatment="none", starts_on=localdate()
            )

        assert list(refused.value.errors) == ["treatment"]

    def test_a_project_has_no_vat_treatment(self, project, administrator):
        with pytest.raises(ValueError, match="not a fact of projects"):
            set_vat_treatment(
                project.public_id, actor=administrator, treatment="exempt", starts_on=localdate()
            )


class TestDatabase:
    def test_rows_of_one_node_never_overlap(self, project, administrator):
        set_data_owner(
            project.public_id,
            actor=administrator,
            owner=administrator.public_id,
            starts_on=localdate(),
        )

        with refused_by("node_has_one_data_owner_at_a_time"):
            DataOwner.objects.create(node=project, owner=administrator, valid_from=now())

    @pytest.mark.parametrize("kind", list(FactKind))
    def test_a_fact_may_only_end(self, ministry, project, administrator, kind):
        owner = {"owner": administrator.public_id}
        setters = {
            FactKind.COST_CENTRE: (set_cost_centre, project, {"code": "1", "name": "Water"}),
            FactKind.VAT_TREATMENT: (set_vat_treatment, ministry, {"treatment": "exempt"}),
            FactKind.DATA_OWNER: (set_data_owner, project, owner),
            FactKind.PROJECT_OWNER: (set_project_owner, project, owner),
        }
        service, node, values = setters[kind]
        service(node.public_id, actor=administrator, starts_on=localdate(), **values)
        rows = rows_of(kind, [node.pk])
        earlier = now() - timedelta(days=1)

        for change in (rows.delete, lambda: rows.update(valid_from=earlier)):
            with refused_by("dated_fact_may_only_end"):
                change()
        assert rows.update(valid_until=now()) == 1
