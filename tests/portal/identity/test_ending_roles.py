"""Ending a role takes one person, works at once, and outlives the next login."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from portal.core.errors import NotAllowed
from portal.identity.access import has_role
from portal.identity.errors import AboutYourself, BarLifted, RefusalNeedsReason, RoleHasEnded
from portal.identity.gaps import find_gaps, gaps_after
from portal.identity.models import ClaimBar, ProjectOwner, Role, RoleGrant
from portal.identity.oidc.errors import NoAccess
from portal.identity.services import logins
from portal.identity.services.break_glass import ISSUER as EMERGENCY
from portal.identity.services.logins import ClaimedOrganization, ClaimedRole, Login
from portal.identity.services.people import end_person
from portal.identity.services.roles import end_grant, lift_bar
from tests.factories import PersonFactory, give_numbers, grant, grant_in_portal
from tests.factories.identity import ISSUER

pytestmark = pytest.mark.django_db
OIN = "00000001003214345000"


@pytest.fixture
def granted(employee, project):
    return grant_in_portal(employee, Role.APPROVER, project)


@pytest.fixture
def login(ministry, project):
    """What the provider says of somebody who logs in."""
    give_numbers(ministry, oin=OIN)

    def make(*roles):
        return Login(
            provider_key="local",
            provider_name="Lokaal",
            issuer=ISSUER,
            subject="gerda",
            name="Gerda",
            email="gerda@example.nl",
            organization=ClaimedOrganization(identifier="oin", number=OIN),
            roles=frozenset(ClaimedRole(role=role, node_code=project.code) for role in roles),
            level="substantial",
            language="nl",
        )

    return make


def log_in(login):
    """The person, as a login leaves them behind."""
    return logins.log_in(login).person


class TestEnding:
    def test_what_it_reached_is_gone_at_once(self, granted, administrator, employee, project):
        ended = end_grant(granted.public_id, actor=administrator, reason="Andere functie")

        assert not has_role(employee, project, Role.APPROVER)
        assert (ended.ended_by, ended.end_reason) == (administrator, "Andere functie")
        entry = AuditEntry.objects.get(event="role.ended")
        assert entry.actor_id == administrator.pk
        assert entry.data == {"role": "approver", "person": employee.pk, "cause": "withdrawn"}

    def test_one_that_has_yet_to_begin_never_does(self, granted, administrator):
        later = grant_in_portal(
            granted.person, Role.FINANCE, granted.node, begins=timedelta(days=5)
        )
        end_grant(later.public_id, actor=administrator, reason="Toch niet")

        later.refresh_from_db()
        assert later.valid_until == later.valid_from

    def test_the_portal_itself_may(self, granted):
        end_grant(granted.public_id, actor=None, reason="Niet bevestigd")

        assert AuditEntry.objects.get(event="role.ended").actor_id is None

    @pytest.mark.parametrize("who", ["employee", "approver", "auditor", "stranger"])
    def test_others_may_not(self, request, granted, who):
        refusal = AboutYourself if who == "employee" else NotAllowed
        with pytest.raises(refusal):
            end_grant(granted.public_id, actor=request.getfixturevalue(who), reason="x")

        granted.refresh_from_db()
        assert granted.valid_until > now()
        assert AuditEntry.objects.get(event="role.ending_refused").code == refusal.code

    def test_it_has_a_reason_and_happens_once(self, granted, administrator):
        with pytest.raises(RefusalNeedsReason):
            end_grant(granted.public_id, actor=administrator, reason="")
        end_grant(granted.public_id, actor=administrator, reason="Klaar")
        with pytest.raises(RoleHasEnded):
            end_grant(granted.public_id, actor=administrator, reason="Klaar")


class TestClaim:
    def test_the_next_login_does_not_give_it_back(self, login, administrator, project):
        person = log_in(login(Role.APPROVER, Role.REQUESTER))
        given = person.grants.get(role=Role.APPROVER)
        end_grant(given.public_id, actor=administrator, reason="Niet meer nodig")
        log_in(login(Role.APPROVER, Role.REQUESTER))

        assert not has_role(person, project, Role.APPROVER)
        assert has_role(person, project, Role.REQUESTER)
        assert AuditEntry.objects.get(event="role.barred").actor_id == administrator.pk

    def test_who_has_nothing_else_does_not_get_in(self, login, administrator):
        person = log_in(login(Role.APPROVER))
        end_grant(person.grants.get().public_id, actor=administrator, reason="Weg")

        with pytest.raises(NoAccess):
            log_in(login(Role.APPROVER))

    def test_another_provider_still_may(self, login, administrator, employee, project):
        grant(employee, Role.APPROVER, project)
        given = employee.grants.get(role=Role.APPROVER)
        end_grant(given.public_id, actor=administrator, reason="Weg")

        assert ClaimBar.objects.get().issuer == ISSUER

    def test_what_lapsed_over_the_weekend_can_be_ended(self, login, administrator, project):
        person = log_in(login(Role.APPROVER))
        person.grants.update(
            valid_from=now() - timedelta(hours=30), valid_until=now() - timedelta(hours=6)
        )
        person.last_login = now() - timedelta(hours=30)
        person.save()
        end_grant(person.grants.get().public_id, actor=administrator, reason="Weg")

        with pytest.raises(NoAccess):
            log_in(login(Role.APPROVER))

    def test_what_the_claim_itself_ended_is_over(self, login, administrator):
        person = log_in(login(Role.APPROVER, Role.REQUESTER))
        given = person.grants.get(role=Role.APPROVER)
        log_in(login(Role.REQUESTER))

        with pytest.raises(RoleHasEnded):
            end_grant(given.public_id, actor=administrator, reason="Weg")
        assert not ClaimBar.objects.exists()


class TestLiftingABar:
    @pytest.fixture
    def bar(self, login, local_administrator):
        person = log_in(login(Role.APPROVER, Role.AUDITOR))
        for given in person.grants.all():
            end_grant(given.public_id, actor=local_administrator, reason="Weg")
        return ClaimBar.objects.get(role=Role.APPROVER)

    def test_the_next_login_gives_the_role_again(self, bar, login, local_administrator):
        lift_bar(bar.public_id, actor=local_administrator)
        person = log_in(login(Role.APPROVER))

        assert has_role(person, bar.node, Role.APPROVER)
        assert AuditEntry.objects.get(event="role.bar_lifted").actor_id == local_administrator.pk
        with pytest.raises(BarLifted):
            lift_bar(bar.public_id, actor=local_administrator)

    def test_that_of_a_privileged_role_is_lifted_from_above(
        self, bar, project, administrator, local_administrator
    ):
        only_there = PersonFactory()
        grant(only_there, Role.QUOTA_ADMINISTRATOR, project)
        privileged = ClaimBar.objects.get(role=Role.AUDITOR)

        with pytest.raises(NotAllowed):
            lift_bar(privileged.public_id, actor=only_there)
        lift_bar(privileged.public_id, actor=administrator)

    def test_nobody_lifts_their_own(self, bar, project):
        grant_in_portal(bar.person, Role.QUOTA_ADMINISTRATOR, project)

        with pytest.raises(AboutYourself):
            lift_bar(bar.public_id, actor=bar.person)
        with pytest.raises(IntegrityError, match="lifted_by_another"), transaction.atomic():
            ClaimBar.objects.filter(pk=bar.pk).update(lifted_by=bar.person, lifted_at=now())

    def test_nothing_else_of_it_changes(self, bar):
        with pytest.raises(IntegrityError, match="lifted once"), transaction.atomic():
            ClaimBar.objects.filter(pk=bar.pk).update(role=Role.REQUESTER)
        with pytest.raises(IntegrityError, match="lifted once"), transaction.atomic():
            ClaimBar.objects.filter(pk=bar.pk).delete()


class TestGaps:
    def test_they_are_told_before_the_last_one_goes(self, approver, directorate, project):
        last = approver.grants.get()
        assert list(gaps_after([last]).without_approver) == [project.node_ptr]

        grant(PersonFactory(), Role.APPROVER, directorate.parent)
        assert gaps_after([last]).count() == 0

    def test_the_last_administrator(self, local_administrator, directorate, project):
        gaps = gaps_after(list(local_administrator.grants.all()))

        assert set(gaps.without_administrator) == {directorate.node_ptr, project.node_ptr}
        assert not gaps.without_approver.exists()

    def test_projects_of_a_leaver(self, employee, project):
        ProjectOwner.objects.create(project=project, owner=employee, valid_from=now())

        assert list(gaps_after([], leaver=employee).without_owner) == [project]

    def test_administrators_see_what_has_nobody(self, administrator, approver, employee, project):
        ProjectOwner.objects.create(project=project, owner=employee, valid_from=now())
        assert find_gaps(administrator).count() == 0

        approver.is_active = employee.is_active = False
        approver.save()
        employee.save()
        gaps = find_gaps(administrator)
        assert list(gaps.without_owner) == [project]
        assert list(gaps.without_approver) == [project.node_ptr]

    def test_emergency_access_does_not_count(self, auditor, ministry):
        grant(PersonFactory(), Role.QUOTA_ADMINISTRATOR, ministry, issuer=EMERGENCY)

        assert ministry.node_ptr in find_gaps(auditor).without_administrator

    def test_an_auditor_sees_what_no_administrator_reaches(self, auditor, ministry):
        assert ministry.node_ptr in find_gaps(auditor).without_administrator

    def test_another_tenant_sees_none_of_it(self, stranger, project):
        assert project not in find_gaps(stranger).without_owner

    def test_a_role_that_lapsed_until_the_next_login_counts(self, administrator, approver, project):
        RoleGrant.objects.filter(person=approver).update(
            valid_from=now() - timedelta(hours=30), valid_until=now() - timedelta(hours=6)
        )
        approver.last_login = now() - timedelta(hours=30)
        approver.save()
        assert not find_gaps(administrator).without_approver.exists()

        approver.last_login = now() - timedelta(hours=1)  # and that login did not give it
        approver.save()
        assert find_gaps(administrator).without_approver.exists()


class TestBeforeItBegins:
    def test_a_role_that_was_ended_is_not_ended_again(self, administrator, employee, directorate):
        """Its beginning is still to come, so by its end alone it looks as if it would hold."""
        later = grant_in_portal(employee, Role.FINANCE, directorate, begins=timedelta(days=30))
        end_grant(later.public_id, actor=administrator, reason="Toch niet")
        end_person(employee.public_id, actor=administrator, reason="Uit dienst")

        later.refresh_from_db()
        assert later.end_reason == "Toch niet"
        ended = [entry.data["role"] for entry in AuditEntry.objects.filter(event="role.ended")]
        assert ended.count(Role.FINANCE) == 1
