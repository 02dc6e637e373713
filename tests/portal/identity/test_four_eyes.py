"""One human with two logins, at two providers, is not two pairs of eyes."""

from contextlib import nullcontext

import pytest
from django.utils.timezone import localdate

from catalog.errors import SelfApproval
from catalog.models import OrderState
from catalog.services.approvals import approve_order, reject_order
from portal.audit.models import AuditEntry
from portal.core.formats import DATE_FORMATS
from portal.identity.four_eyes import SameHuman, check_other_humans
from portal.identity.models import (
    ClaimBar,
    Deputy,
    Person,
    ProposalState,
    ReviewScope,
    Role,
)
from portal.identity.services.deputy_proposals import WantedDeputy, propose_deputy
from portal.identity.services.people import end_person, reinstate_person
from portal.identity.services.proposals import WantedRole, grant_role, propose_role, refuse_role
from portal.identity.services.reviews import keep_grants, open_campaign, withdraw_grant
from portal.identity.services.roles import end_grant, lift_bar
from tests.constraints import execute, refused_by
from tests.factories import (
    PersonFactory,
    deputize,
    give_identity,
    grant,
    grant_in_portal,
    place,
    propose,
)
from tests.logins import log_in

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def one_human(one, other, address="sanne@example.nl"):
    """Two persons whose providers say the same address, each in its own capitals."""
    Person.objects.filter(pk=one.pk).update(email=address)
    Person.objects.filter(pk=other.pk).update(email=address.title())


def refused(event, actor):
    """The refusal is written down, with who tried it."""
    entry = AuditEntry.objects.get(event=event)
    return (entry.result, entry.code, entry.actor_id) == ("refused", "same_human", actor.pk)


@pytest.fixture
def requester(project):
    person = PersonFactory(name="Sanne Wiersma")
    grant(person, Role.REQUESTER, project)
    return person


@pytest.fixture
def order(project, requester, version):
    return place(requester, project, version)


class TestWhoIsAlike:
    @pytest.mark.parametrize(
        ("one", "other", "is_alike"),
        [
            ("a@example.nl", "a@example.nl", True),
            ("A@Example.nl", "a@example.NL", True),
            ("a@example.nl", "b@example.nl", False),
            ("", "", False),
            ("a@example.nl", "", False),
        ],
    )
    def test_whoever_has_the_same_address(self, one, other, is_alike):
        asking, deciding = PersonFactory(email=one), PersonFactory(email=other)

        with pytest.raises(SameHuman, match=asking.name) if is_alike else nullcontext():
            check_other_humans([asking.pk], [deciding.pk])

    def test_a_person_on_both_sides_is_for_others_to_judge(self):
        person = PersonFactory(email="a@example.nl")

        check_other_humans([person.pk], [person.pk])


class TestOrders:
    @pytest.mark.parametrize(
        ("decide", "event"),
        [
            (approve_order, "order.approval_refused"),
            (reject_order, "order.rejection_refused"),
        ],
    )
    def test_are_not_decided_by_the_other_login(self, order, requester, approver, decide, event):
        one_human(requester, approver)

        with pytest.raises(SameHuman):
            decide(order.public_id, approver=approver, reason="Prima")

        order.refresh_from_db()
        assert order.state == OrderState.PENDING_APPROVAL
        assert refused(event, approver)

    def test_nor_by_a_deputy_of_the_other_login(self, order, requester, approver, employee):
        deputize(approver, employee)
        one_human(requester, approver)

        with pytest.raises(SameHuman):
            approve_order(order.public_id, approver=employee)

    def test_by_the_same_login_is_refused_as_ever(self, order, requester, project):
        grant(requester, Role.APPROVER, project)
        Person.objects.filter(pk=requester.pk).update(email="sanne@example.nl")

        with pytest.raises(SelfApproval):
            approve_order(order.public_id, approver=requester)

    def test_the_page_says_why(self, client, order, requester, approver):
        one_human(requester, approver)

        response = log_in(client, approver).post(f"/approvals/{order.public_id}/approve")

        assert response.status_code == 403
        assert "hetzelfde e-mailadres" in response.content.decode()

    def test_somebody_else_approves(self, order, requester, approver, sent_tasks):
        one_human(requester, PersonFactory())

        assert approve_order(order.public_id, approver=approver).state == OrderState.PROVISIONING


class TestRoles:
    @pytest.mark.parametrize("whose", ["proposed_by", "person"])
    def test_are_decided_on_by_neither_other_login(
        self, administrator, colleague, employee, directorate, whose
    ):
        proposal = propose(employee, Role.FINANCE, directorate, proposed_by=colleague)
        one_human(getattr(proposal, whose), administrator)

        with pytest.raises(SameHuman):
            grant_role(proposal.public_id, actor=administrator)
        assert refused("role.decision_refused", administrator)
        with pytest.raises(SameHuman):
            refuse_role(proposal.public_id, actor=administrator, reason="Nee")

        proposal.refresh_from_db()
        assert proposal.state == ProposalState.PROPOSED

    def test_are_not_proposed_for_the_other_login(self, administrator, employee, directorate):
        one_human(administrator, employee)
        wanted = WantedRole(
            person=employee,
            node=directorate,
            role=Role.FINANCE,
            first_day=localdate(),
            last_day=localdate(),
            reason="Nieuw",
        )

        with pytest.raises(SameHuman):
            propose_role(wanted, actor=administrator)
        assert refused("role.proposing_refused", administrator)

    def test_of_the_other_login_are_not_reviewed(self, administrator, employee, ministry):
        campaign = open_campaign(ministry.public_id, ReviewScope.ALL, opened_by=administrator)
        item = campaign.items.get(person=employee)
        one_human(administrator, employee)

        with pytest.raises(SameHuman):
            keep_grants(campaign.public_id, [item.public_id], reviewer=administrator)
        assert refused("role.review_refused", administrator)
        with pytest.raises(SameHuman):
            withdraw_grant(campaign.public_id, item.public_id, reviewer=administrator, reason="Weg")

    def test_barred_for_the_other_login_stay_barred(self, administrator, colleague, directorate):
        person = PersonFactory()
        held = grant(person, Role.FINANCE, directorate)
        end_grant(held.public_id, actor=colleague, reason="Andere functie")
        one_human(administrator, person)
        bar = ClaimBar.objects.get(person=person)

        with pytest.raises(SameHuman):
            lift_bar(bar.public_id, actor=administrator)
        assert refused("role.bar_lifting_refused", administrator)


class TestPeople:
    def test_nobody_appoints_their_other_login(self, client, approver, employee):
        one_human(approver, employee)
        day = localdate().strftime(DATE_FORMATS[0])
        answers = {"deputy": str(employee.public_id), "first_day": day, "last_day": day}

        response = log_in(client, approver).post("/account/deputy", answers)

        assert response.status_code == 403
        assert refused("access.refused", approver)
        assert not Deputy.objects.exists()

    @pytest.mark.parametrize("whose", ["approver", "administrator"])
    def test_nor_proposes_one_as_a_deputy(self, request, approver, administrator, employee, whose):
        one_human(request.getfixturevalue(whose), employee)
        wanted = WantedDeputy(
            absent=approver,
            deputy=employee,
            first_day=localdate(),
            last_day=localdate(),
            reason="Vakantie",
        )

        with pytest.raises(SameHuman):
            propose_deputy(wanted, actor=administrator)
        assert refused("deputy.appointing_refused", administrator)

    def test_nobody_lets_their_other_login_in_again(self, administrator, colleague, directorate):
        person = PersonFactory()
        grant_in_portal(person, Role.FINANCE, directorate)
        end_person(person.public_id, actor=colleague, reason="Uit dienst")
        one_human(administrator, person)

        with pytest.raises(SameHuman):
            reinstate_person(person.public_id, actor=administrator)
        assert refused("person.reinstating_refused", administrator)


class TestIdentities:
    """By SQL, past every service."""

    @pytest.fixture
    def identity(self, employee):
        return give_identity(employee)

    @pytest.mark.parametrize(
        ("change", "value"),
        [("issuer = %s", "https://evil.example"), ("subject = %s", "x"), ("person_id = %s", None)],
    )
    def test_stay_as_they_are(self, identity, approver, change, value):
        with refused_by("identity_stays_with_its_person"):
            execute(
                f"UPDATE identity_identity SET {change} WHERE id = %s",
                value or approver.pk,
                identity.pk,
            )

    def test_follow_their_person_to_another_organization(self, identity, ministry):
        execute("UPDATE identity_identity SET node_id = %s WHERE id = %s", ministry.pk, identity.pk)

    def test_are_not_deleted_to_be_made_again_elsewhere(self, identity):
        with refused_by("identity_stays_with_its_person"):
            execute("DELETE FROM identity_identity WHERE id = %s", identity.pk)

    def test_remember_the_last_login(self, identity):
        execute("UPDATE identity_identity SET last_login_at = now() WHERE id = %s", identity.pk)
