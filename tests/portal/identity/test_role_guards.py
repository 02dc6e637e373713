"""What the database refuses about roles by claim and deputies, whoever asks and in which way."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils.timezone import now

from portal.identity.models import Deputy, Role, RoleGrant
from portal.identity.services import break_glass, deputies, logins
from portal.identity.services.people import end_person
from tests.constraints import execute, refused_by
from tests.factories import (
    PersonFactory,
    deputize,
    grant,
    grant_in_portal,
    make_organization,
)
from tests.factories.identity import ISSUER

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


class TestClaims:
    def claim(self, person, node, **facts):
        moment = now()
        return RoleGrant.objects.create(
            **{
                "person": person,
                "node": node,
                "role": Role.OPERATOR,
                "issuer": ISSUER,
                "valid_from": moment,
                "valid_until": moment + logins.CLAIM_GRANT_TERM,
                **facts,
            }
        )

    def test_a_provider_gives_a_role_for_a_day(self, employee, project):
        assert self.claim(employee, project).pk

    @pytest.mark.parametrize("issuer", ["https://elders.example", f"{ISSUER}/", "urn:verzonnen"])
    def test_not_one_that_does_not_know_the_person(self, employee, project, issuer):
        with refused_by("role_claimed_where_the_person_is_known"):
            self.claim(employee, project, issuer=issuer)

    def test_not_one_that_knows_another_person(self, employee, project):
        with refused_by("role_claimed_where_the_person_is_known"):
            self.claim(PersonFactory(), project)

    def test_not_for_longer(self, employee, project):
        with refused_by("role_by_claim_lasts_a_day"):
            self.claim(employee, project, valid_until=now() + DAY + 6 * MINUTE)

    def test_not_prolonged_for_longer(self, employee):
        claimed = employee.grants.get()
        with refused_by("role_by_claim_lasts_a_day"):
            execute(
                "UPDATE identity_rolegrant SET valid_until = now() + interval '30 days'"
                " WHERE id = %s",
                claimed.pk,
            )

    def test_what_lasts_too_long_can_still_be_ended(self, employee):
        """A row from before this rule, or of a clock that was ahead."""
        claimed = employee.grants.get()
        execute("SET CONSTRAINTS ALL IMMEDIATE")  # else the table may not be altered
        execute("ALTER TABLE identity_rolegrant DISABLE TRIGGER role_grant_guard_claimed")
        claimed.valid_until = now() + 30 * DAY
        claimed.save()
        execute("ALTER TABLE identity_rolegrant ENABLE TRIGGER role_grant_guard_claimed")
        claimed.valid_until = now() + 2 * DAY
        claimed.save()

        assert claimed.valid_until < now() + 3 * DAY

    def test_what_the_portal_grants_lasts_as_it_was_decided(self, employee, project):
        granted = grant_in_portal(employee, Role.FINANCE, project)

        assert granted.valid_until > now() + 300 * DAY


class TestAppointing:
    @pytest.fixture
    def appoint(self, approver, employee):
        """An appointment that somebody writes past the service."""
        moment = now()
        facts = {
            "absent": approver,
            "deputy": employee,
            "appointed_by": approver,
            "valid_from": moment,
            "valid_until": moment + DAY,
        }
        return lambda **changes: Deputy.objects.create(**{**facts, **changes})

    def test_an_approver_appoints_a_colleague(self, appoint, approver):
        assert appoint().appointed_by == approver

    def test_who_administers_all_that_they_approve_does_not_do_it_alone(
        self, appoint, administrator
    ):
        with refused_by("deputy_appointed_by_the_absent_one_or_by_two"):
            appoint(appointed_by=administrator)

    def test_the_longest_that_the_service_allows_fits(self, appoint):
        longest = deputies.LONGEST_TERM + DAY + timedelta(hours=1)
        moment = now()

        assert appoint(valid_from=moment, valid_until=moment + longest).pk

    @pytest.mark.parametrize(
        ("facts", "constraint"),
        [
            ({"appointed_by": None}, None),
            ({"valid_until": None}, None),
            ({"valid_until": now() + 369 * DAY}, "deputy_for_a_year_at_most"),
            ({"valid_until": now() - DAY}, "deputy_ends_after_it_begins"),
            ({"valid_from": now() - DAY}, "deputy_not_appointed_for_the_past"),
        ],
        ids=["by nobody", "without an end", "too long", "backwards", "for the past"],
    )
    def test_not_without_who_and_until_when(self, appoint, facts, constraint):
        with refused_by(constraint):
            appoint(**facts)

    def test_nobody_deputizes_for_themselves(self, appoint, approver):
        with refused_by("deputy_appointed_by_another_person"):
            appoint(deputy=approver)

    def test_nobody_appoints_themselves(self, appoint, employee, ministry):
        grant(employee, Role.QUOTA_ADMINISTRATOR, ministry)
        with refused_by("deputy_appointed_by_another_person"):
            appoint(appointed_by=employee)

    def test_only_approvers_have_deputies(self, appoint, administrator, colleague):
        with refused_by("deputy_of_an_approver"):
            appoint(absent=administrator, appointed_by=colleague)

    def test_nor_who_was_one(self, appoint, approver, administrator):
        end_person(approver.public_id, actor=administrator, reason="Uit dienst")
        with refused_by("deputy_of_an_approver"):
            appoint()

    def test_an_approver_by_claim_stays_one_over_the_weekend(self, appoint, approver):
        approver.last_login = now() - 4 * DAY
        approver.save()
        approver.grants.update(valid_from=now() - 4 * DAY, valid_until=now() - 3 * DAY)

        assert appoint().absent == approver

    @pytest.mark.parametrize("why", ["no role", "another organization", "left"])
    def test_a_deputy_is_a_colleague(self, appoint, stranger, employee, administrator, why):
        deputy = {"no role": PersonFactory(), "another organization": stranger}.get(why, employee)
        if why == "left":
            end_person(employee.public_id, actor=administrator, reason="Uit dienst")
        with refused_by("deputy_is_a_colleague"):
            appoint(deputy=deputy)

    @pytest.mark.parametrize("who", ["colleague_of_theirs", "auditor", "stranger", "of_a_part"])
    def test_others_appoint_nobody(self, request, appoint, project, auditor, stranger, who):
        colleague, of_a_part = PersonFactory(), PersonFactory()
        grant(colleague, Role.APPROVER, project)
        grant(of_a_part, Role.QUOTA_ADMINISTRATOR, project)
        people = {"colleague_of_theirs": colleague, "of_a_part": of_a_part}
        with refused_by("deputy_appointed_by_who_may"):
            appoint(appointed_by=people.get(who) or request.getfixturevalue(who))

    def test_nor_does_emergency_access(self, appoint, ministry):
        emergency = break_glass._emergency_person()
        break_glass._grant_roles(emergency)
        with refused_by("deputy_appointed_by_who_may"):
            appoint(appointed_by=emergency)

    def test_an_approver_in_two_places_takes_an_administrator_of_both(
        self, appoint, approver, administrator
    ):
        grant(approver, Role.APPROVER, make_organization())
        with refused_by("deputy_appointed_by_who_may"):
            appoint(appointed_by=administrator)


class TestEnding:
    @pytest.fixture
    def appointment(self, approver, employee):
        return deputize(approver, employee)

    @pytest.mark.parametrize("after", [timedelta(0), DAY], ids=["now", "before it was meant to"])
    def test_an_end_comes_sooner(self, appointment, after):
        appointment.valid_until = now() + after
        appointment.save()

        assert Deputy.objects.get().valid_until == appointment.valid_until

    @pytest.mark.parametrize("until", [15 * DAY, -DAY], ids=["later", "in the past"])
    def test_and_nothing_else_does(self, appointment, until):
        with refused_by("deputy_end_only_comes_sooner"):
            Deputy.objects.update(valid_until=appointment.valid_from + until)

    def test_what_ended_stays_ended(self, appointment):
        Deputy.objects.update(valid_until=now())
        with refused_by("deputy_end_only_comes_sooner"):
            Deputy.objects.update(valid_until=now() + DAY)

    @pytest.mark.parametrize("column", ["absent_id", "deputy_id", "appointed_by_id"])
    def test_who_it_is_about_stays(self, appointment, column, colleague):
        with refused_by("deputy_never_changes"):
            Deputy.objects.update(**{column: colleague.pk})

    @pytest.mark.parametrize("column", ["public_id", "valid_from"])
    def test_the_rest_of_it_stays(self, appointment, column):
        other = {"public_id": PersonFactory().public_id, "valid_from": now() - DAY}
        with refused_by("deputy_never_changes"):
            Deputy.objects.update(**{column: other[column]})

    def test_none_is_deleted(self, appointment):
        with refused_by("deputy_is_never_deleted"):
            appointment.delete()


def test_database_and_portal_mean_the_same_by_emergency_access(employee):
    """Its name stands in the function of the migration, too."""
    held = partial(_standing, break_glass._emergency_person())
    break_glass._grant_roles(break_glass._emergency_person())

    assert held("") == set()
    assert _standing(employee, "requester") == {employee.grants.get().node_id}


def _standing(person, role):
    nodes = Deputy.objects.raw(
        "SELECT node AS id FROM identity_standing_nodes(%s, %s) AS node", [person.pk, role]
    )
    return {found.id for found in nodes}
