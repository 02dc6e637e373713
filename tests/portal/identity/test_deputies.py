"""A deputy decides in an approver's place, for a period, and nothing more."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils.timezone import localdate, now

from portal.audit.models import AuditEntry
from portal.core.calendar import day_of
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.access import has_role
from portal.identity.errors import DeputyHasEnded, DeputyNamed
from portal.identity.models import Role
from portal.identity.role_policies import deputies_of, replaced_by
from portal.identity.services import deputies
from portal.identity.services.deputies import appoint_deputy, end_deputy
from portal.identity.services.people import end_person
from tests.factories import PersonFactory, deputize, grant, make_organization, make_project

pytestmark = pytest.mark.django_db


def appoint(absent, deputy, **days):
    period = {"first_day": localdate(), "last_day": localdate() + timedelta(days=14), **days}
    return appoint_deputy(deputy, actor=absent, **period)


class TestAppointing:
    def test_the_deputy_decides_from_the_first_to_the_last_day(self, approver, employee, project):
        appointed = appoint(approver, employee)

        assert has_role(employee, project, Role.APPROVER)
        assert day_of(appointed.valid_until - timedelta(seconds=1)) == localdate() + timedelta(
            days=14
        )
        entry = AuditEntry.objects.get(event="deputy.appointed")
        assert entry.data == {"absent": approver.pk, "deputy": employee.pk}
        assert entry.node_id == approver.grants.get().node_id

    def test_not_before_the_first_day(self, approver, employee, project):
        appoint(approver, employee, first_day=localdate() + timedelta(days=1))

        assert not has_role(employee, project, Role.APPROVER)

    def test_who_approves_nothing_has_no_deputy(self, employee, approver):
        with pytest.raises(InvalidInput):
            appoint(employee, approver)

    @pytest.mark.parametrize("why", ["another organization", "no role", "left", "themselves"])
    def test_a_deputy_is_an_active_colleague(self, approver, employee, stranger, why):
        deputy = {
            "another organization": stranger,
            "no role": PersonFactory(),
            "left": employee,
            "themselves": approver,
        }[why]
        if why == "left":
            employee.is_active = False
            employee.save()
        with pytest.raises(InvalidInput):
            appoint(approver, deputy)

    @pytest.mark.parametrize(
        ("field", "days"),
        [
            ("first_day", -1),
            ("last_day", -1),
            ("last_day", 367),
        ],
    )
    def test_the_period_makes_sense(self, approver, employee, field, days):
        with pytest.raises(InvalidInput) as refusal:
            appoint(approver, employee, **{field: localdate() + timedelta(days=days)})

        assert set(refusal.value.errors) == {field}

    def test_the_same_deputy_once_at_a_time(self, approver, employee):
        appoint(approver, employee)

        with pytest.raises(DeputyNamed):
            appoint(approver, employee, first_day=localdate() + timedelta(days=3))

    def test_what_else_the_database_refuses_is_not_called_so(self, approver, employee, monkeypatch):
        monkeypatch.setattr(deputies, "check_deputy", lambda absent, deputy: None)

        with pytest.raises(IntegrityError, match="only an approver has a deputy"):
            appoint(employee, approver)

    def test_a_deputy_of_a_deputy_gains_nothing(
        self, approver, employee, colleague, project, directorate
    ):
        appoint(approver, employee)
        with pytest.raises(InvalidInput):
            appoint(employee, colleague)

        grant(employee, Role.APPROVER, make_project(directorate, name="Iets kleins"))
        deputize(employee, colleague)
        assert not has_role(colleague, project, Role.APPROVER)


class TestEnding:
    @pytest.mark.parametrize("who", ["approver", "employee", "administrator"])
    def test_it_works_at_once(self, request, approver, employee, project, who):
        appointed = appoint(approver, employee)
        end_deputy(appointed.public_id, actor=request.getfixturevalue(who))

        assert not has_role(employee, project, Role.APPROVER)
        entry = AuditEntry.objects.get(event="deputy.ended")
        assert entry.node_id == approver.grants.get().node_id
        with pytest.raises(DeputyHasEnded):
            end_deputy(appointed.public_id, actor=approver)

    def test_before_it_begins_it_works_once(self, approver, employee, administrator):
        appointed = appoint(approver, employee, first_day=localdate() + timedelta(days=3))
        end_deputy(appointed.public_id, actor=approver)

        with pytest.raises(DeputyHasEnded):
            end_deputy(appointed.public_id, actor=approver)
        assert not deputies_of(approver).exists()
        assert not replaced_by(employee).exists()
        end_person(employee.public_id, actor=administrator, reason="Uit dienst")
        assert AuditEntry.objects.filter(event="deputy.ended").count() == 1

    def test_others_do_not(self, approver, employee, auditor):
        appointed = appoint(approver, employee)
        with pytest.raises(NotAllowed):
            end_deputy(appointed.public_id, actor=auditor)

        entry = AuditEntry.objects.get(event="deputy.ending_refused")
        assert (entry.actor_id, entry.node_id) == (auditor.pk, approver.grants.get().node_id)

    def test_its_entry_stands_where_the_absent_one_approves(self, approver, employee, ministry):
        grant(approver, Role.REQUESTER, make_organization(name="Andere gemeente"))
        where = approver.grants.get(role=Role.APPROVER).node_id
        appointed = appoint(approver, employee)
        approver.grants.update(valid_until=now(), end_reason="Uit dienst")
        end_deputy(appointed.public_id, actor=employee)

        entries = AuditEntry.objects.filter(event__startswith="deputy.")
        assert {entry.node_id for entry in entries} == {where}
