"""Who leaves loses everything at once; who stays away loses what the portal gave."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils.timezone import now

from catalog.policies import orders_to_decide, visible_orders
from portal.audit.models import AuditEntry
from portal.core.errors import NotAllowed
from portal.identity.access import roles_of
from portal.identity.errors import (
    AboutYourself,
    PersonHasLeft,
    PersonIsActive,
    RefusalNeedsReason,
)
from portal.identity.models import Deputy, Identity, LoginSession, ProposalState, Role
from portal.identity.role_policies import may_end, may_reinstate
from portal.identity.services import people
from portal.identity.services.break_glass import ISSUER as EMERGENCY
from portal.identity.services.people import (
    end_absent_people,
    end_person,
    erase_person,
    reinstate_person,
)
from tests.factories import (
    PersonFactory,
    deputize,
    grant,
    grant_in_portal,
    make_organization,
    place,
    propose,
)
from tests.logins import log_in

pytestmark = pytest.mark.django_db


def known_at(node, person=None):
    """Somebody who logs in for the node."""
    person = person or PersonFactory()
    Identity.objects.update_or_create(
        issuer="https://idp.example.nl",
        subject=str(person.public_id),
        defaults={"person": person, "node": node},
    )
    return person


class TestLeaving:
    def test_every_role_ends(self, employee, administrator, directorate):
        grant_in_portal(employee, Role.FINANCE, directorate)
        end_person(employee.public_id, actor=administrator, reason="Uit dienst")

        employee.refresh_from_db()
        assert roles_of(employee) == set()
        assert not employee.is_active
        assert employee.ended_at is not None
        causes = AuditEntry.objects.filter(event="role.ended").values_list("data__cause", flat=True)
        assert list(causes) == ["person_left", "person_left"]
        assert AuditEntry.objects.get(event="person.ended").actor_id == administrator.pk

    def test_replacements_end_in_both_directions(self, employee, approver, administrator, project):
        grant(employee, Role.APPROVER, project)
        as_absent, as_deputy = deputize(employee, approver), deputize(approver, employee)
        end_person(employee.public_id, actor=administrator, reason="Uit dienst")

        for appointment in (as_absent, as_deputy):
            appointment.refresh_from_db()
            assert appointment.valid_until <= now()

    def test_open_proposals_are_withdrawn(
        self, local_administrator, employee, administrator, project
    ):
        by_them = propose(employee, Role.FINANCE, project, proposed_by=local_administrator)
        for_them = propose(local_administrator, Role.FINANCE, project)
        end_person(local_administrator.public_id, actor=administrator, reason="Uit dienst")

        for proposal in (by_them, for_them):
            proposal.refresh_from_db()
            assert proposal.state == ProposalState.WITHDRAWN

    def test_sessions_end_at_the_next_request(self, client, employee, administrator):
        log_in(client, employee)
        assert client.get("/").status_code == 200
        end_person(employee.public_id, actor=administrator, reason="Uit dienst")

        assert client.get("/").headers["Location"].startswith(reverse("identity:login"))
        assert not LoginSession.objects.filter(identity__person=employee, ended_at=None).exists()

    def test_it_has_a_reason_and_happens_once(self, employee, administrator):
        with pytest.raises(RefusalNeedsReason):
            end_person(employee.public_id, actor=administrator, reason="")
        end_person(employee.public_id, actor=administrator, reason="Uit dienst")
        with pytest.raises(PersonHasLeft):
            end_person(employee.public_id, actor=administrator, reason="Uit dienst")

    @pytest.mark.parametrize("who", ["approver", "auditor", "stranger", "local_administrator"])
    def test_only_who_administers_all_their_roles_may(self, request, employee, ministry, who):
        grant(employee, Role.FINANCE, ministry)
        actor = request.getfixturevalue(who)
        with pytest.raises(NotAllowed):
            end_person(employee.public_id, actor=actor, reason="Uit dienst")

        entry = AuditEntry.objects.get(event="person.ending_refused")
        assert (entry.actor_id, entry.node_id) == (actor.pk, ministry.pk)
        employee.refresh_from_db()
        assert employee.is_active

    def test_somebody_with_roles_elsewhere_is_ended_by_nobody_alone(self, employee, administrator):
        grant(employee, Role.REQUESTER, make_organization())

        with pytest.raises(NotAllowed):
            end_person(employee.public_id, actor=administrator, reason="Uit dienst")

    def test_who_only_logged_in_is_ended_by_who_administers_what_they_log_in_for(
        self, administrator, local_administrator, stranger, directorate
    ):
        newcomer = known_at(directorate)

        with pytest.raises(NotAllowed):
            end_person(newcomer.public_id, actor=stranger, reason="Kwam nooit")
        assert may_end(local_administrator, newcomer)
        end_person(newcomer.public_id, actor=administrator, reason="Kwam nooit")
        assert may_reinstate(local_administrator, newcomer)

    def test_a_former_organization_has_no_say_in_who_went_on(
        self, administrator, employee, stranger
    ):
        employee.grants.update(valid_until=now(), end_reason="moved")
        known_at(stranger.grants.get().node, employee)

        assert not may_end(administrator, employee)
        assert may_end(stranger, employee)

    def test_a_role_that_is_yet_to_begin_counts_too(self, administrator, stranger):
        employee = known_at(administrator.grants.get().node)
        elsewhere = stranger.grants.get().node
        grant_in_portal(employee, Role.FINANCE, elsewhere, begins=timedelta(days=3))

        assert not may_end(administrator, employee)
        assert may_end(stranger, employee)

    def test_who_ended_them_is_who_lets_them_in_again(self, administrator, employee, stranger):
        employee.grants.update(valid_until=now(), end_reason="weg")
        grant_in_portal(employee, Role.FINANCE, stranger.grants.get().node)
        end_person(employee.public_id, actor=stranger, reason="Uit dienst")

        with pytest.raises(NotAllowed):
            reinstate_person(employee.public_id, actor=administrator)
        reinstate_person(employee.public_id, actor=stranger)

    def test_who_ended_somebody_in_a_part_can_let_them_in_again(
        self, local_administrator, employee, ministry
    ):
        """Also when people log in for the whole."""
        known_at(ministry, employee)
        end_person(employee.public_id, actor=local_administrator, reason="Vergissing")

        reinstate_person(employee.public_id, actor=local_administrator)

    def test_emergency_access_is_nobody_s_to_end(self, administrator, ministry):
        emergency = PersonFactory()
        Identity.objects.create(person=emergency, issuer=EMERGENCY, subject="emergency-access")
        grant(emergency, Role.OPERATOR, ministry, issuer=EMERGENCY)

        with pytest.raises(NotAllowed):
            end_person(emergency.public_id, actor=administrator, reason="Weg")

    def test_nobody_ends_themselves(self, administrator):
        with pytest.raises(AboutYourself):
            end_person(administrator.public_id, actor=administrator, reason="Uit dienst")


class TestWork:
    """What was theirs stays where it belongs."""

    @pytest.fixture
    def order(self, employee, project, version, directorate):
        return place(employee, project, version)

    def test_orders_of_a_leaver_stay_with_the_project(
        self, order, employee, administrator, approver
    ):
        end_person(employee.public_id, actor=administrator, reason="Uit dienst")

        assert list(orders_to_decide(approver)) == [order]

    def test_what_waited_for_a_leaver_waits_for_the_others(
        self, order, approver, administrator, ministry
    ):
        successor = PersonFactory()
        end_person(approver.public_id, actor=administrator, reason="Uit dienst")
        assert not orders_to_decide(approver).exists()

        grant_in_portal(successor, Role.APPROVER, ministry)
        assert list(orders_to_decide(successor)) == [order]
        assert list(visible_orders(successor)) == [order]


class TestComingBack:
    def test_without_any_role(self, employee, administrator):
        end_person(employee.public_id, actor=administrator, reason="Uit dienst")
        reinstate_person(employee.public_id, actor=administrator)

        employee.refresh_from_db()
        assert employee.is_active
        assert employee.ended_at is None
        assert roles_of(employee) == set()
        with pytest.raises(PersonIsActive):
            reinstate_person(employee.public_id, actor=administrator)

    def test_not_by_everybody(self, employee, administrator, stranger):
        end_person(employee.public_id, actor=administrator, reason="Uit dienst")
        with pytest.raises(NotAllowed):
            reinstate_person(employee.public_id, actor=stranger)

        entry = AuditEntry.objects.get(event="person.reinstating_refused")
        assert (entry.actor_id, entry.node_id) == (stranger.pk, employee.grants.get().node_id)

    def test_the_trail_says_it_where_they_worked(self, employee, administrator, directorate):
        grant_in_portal(employee, Role.FINANCE, directorate)
        end_person(employee.public_id, actor=administrator, reason="Uit dienst")
        reinstate_person(employee.public_id, actor=administrator)

        assert AuditEntry.objects.get(event="person.reinstated").node_id == directorate.pk


class TestAbsence:
    @pytest.fixture
    def away(self, directorate):
        """Somebody who logs in for the last time now, with a role from a claim and one of ours."""
        person = PersonFactory(last_login=now())
        grant_in_portal(person, Role.FINANCE, directorate)
        return person

    @pytest.fixture
    def passes(self, monkeypatch):
        """Let so many days go by, on the clock of the service."""

        def move(**time):
            moment = now() + timedelta(**time)
            monkeypatch.setattr(people, "now", lambda: moment)

        return move

    @pytest.mark.parametrize(
        ("time", "is_over"), [({"days": 89, "hours": 23}, False), ({"days": 90, "hours": 1}, True)]
    )
    def test_after_90_days_the_roles_of_the_portal_end(self, away, passes, time, is_over):
        passes(**time)
        end_absent_people()

        away.refresh_from_db()
        assert (away.absent_since is not None) == is_over
        assert (away.grants.get().end_reason == "absent") == is_over
        assert AuditEntry.objects.filter(subject_public_id=away.public_id).exists() == is_over
        assert away.is_active

    def test_once(self, away, passes):
        passes(days=91)
        end_absent_people()
        end_absent_people()

        entries = AuditEntry.objects.filter(subject_public_id=away.public_id)
        assert [entry.event for entry in entries] == ["person.absent"]
        assert AuditEntry.objects.get(event="role.ended").data["cause"] == "absent"

    def test_a_role_that_is_given_afterwards_waits_as_long_again(
        self, away, passes, directorate, monkeypatch
    ):
        passes(days=91)
        end_absent_people()
        again = grant_in_portal(away, Role.FINANCE, directorate)
        passes(days=180)
        end_absent_people()
        again.refresh_from_db()
        assert again.end_reason == ""

        passes(days=182)
        end_absent_people()
        again.refresh_from_db()
        assert again.end_reason == "absent"

    def test_who_never_logged_in_counts_from_the_first_day(self, passes, directorate):
        person = PersonFactory(last_login=None)
        grant_in_portal(person, Role.FINANCE, directorate)
        passes(days=91)
        end_absent_people()

        assert person.grants.get().end_reason == "absent"

    def test_deputies_of_who_is_away_end_too(self, away, employee, passes, directorate):
        grant_in_portal(away, Role.APPROVER, directorate)
        appointment = deputize(away, employee, days=100)
        passes(days=91)
        end_absent_people()

        assert Deputy.objects.get().valid_until < appointment.valid_until


class TestErasing:
    def test_name_and_address_of_a_leaver_go(self, employee, administrator):
        with pytest.raises(PersonIsActive):
            erase_person(employee.public_id)
        end_person(employee.public_id, actor=administrator, reason="Uit dienst")
        erase_person(employee.public_id)

        employee.refresh_from_db()
        assert (employee.name, employee.email) == ("Verwijderde persoon", "")
        entry = AuditEntry.objects.get(event="person.erased")
        assert entry.node_id == employee.grants.get().node_id

    def test_from_the_command_line(self, employee, administrator):
        with pytest.raises(CommandError, match="has access"):
            call_command("erase_person", str(employee.public_id))
        with pytest.raises(CommandError, match="nobody"):
            call_command("erase_person", str(uuid4()))
        end_person(employee.public_id, actor=administrator, reason="Uit dienst")
        call_command("erase_person", str(employee.public_id))

        employee.refresh_from_db()
        assert employee.name == "Verwijderde persoon"
