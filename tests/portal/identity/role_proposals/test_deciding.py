"""Four eyes for roles: one proposes, another decides, a third gets it."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection
from django.utils.timezone import now

from catalog.services.limits import end_limits
from catalog.services.tree import move_node
from portal.audit.models import AuditEntry
from portal.core.calendar import day_of
from portal.core.errors import NotAllowed
from portal.identity.access import approval_limit, has_role
from portal.identity.errors import (
    AboutYourself,
    NodeEnded,
    OwnProposal,
    PersonElsewhere,
    PersonHasLeft,
    ProposalSettled,
    ProposerMayNot,
    RefusalNeedsReason,
)
from portal.identity.models import ProposalState, Role, RoleGrant, RoleProposal
from portal.identity.role_policies import (
    proposals_to_decide,
    visible_proposals,
)
from portal.identity.services import proposals
from portal.identity.services.proposals import (
    expire_proposals,
    grant_role,
    propose_role,
    refuse_role,
    withdraw_proposal,
)
from portal.identity.services.tree import add_organization
from tests.factories import PersonFactory, administrator_of, grant, grant_in_portal, propose

pytestmark = pytest.mark.django_db
PRIVILEGED = [Role.QUOTA_ADMINISTRATOR, Role.OPERATOR, Role.AUDITOR]


def events():
    return list(AuditEntry.objects.order_by("pk").values_list("event", flat=True))


class TestGranting:
    def test_the_role_is_held_at_once(self, proposal, colleague, employee, project):
        granted = grant_role(proposal.public_id, actor=colleague, reason="Akkoord")

        proposal.refresh_from_db()
        assert has_role(employee, project, Role.FINANCE)
        assert (granted.granted_by, granted.proposal) == (colleague, proposal)
        assert granted.valid_until == proposal.valid_until
        assert (proposal.state, proposal.decided_by) == (ProposalState.GRANTED, colleague)
        entry = AuditEntry.objects.get(event="role.granted")
        assert entry.actor_id == colleague.pk
        assert entry.data["proposal"] == str(proposal.public_id)

    def test_a_later_first_day_is_waited_for(self, wanted, administrator, colleague, employee):
        later = day_of(now()) + timedelta(days=3)
        proposal = propose_role(wanted(first_day=later), actor=administrator)
        granted = grant_role(proposal.public_id, actor=colleague)

        assert day_of(granted.valid_from) == later
        assert not has_role(employee, granted.node, Role.FINANCE)

    def test_a_new_amount_limit_takes_the_place_of_the_old(
        self, wanted, administrator, colleague, employee, project
    ):
        earlier = grant_in_portal(employee, Role.APPROVER, project, amount_limit=Decimal(500))
        proposal = propose_role(
            wanted(role=Role.APPROVER, amount_limit=Decimal("99.95")), actor=administrator
        )
        grant_role(proposal.public_id, actor=colleague)

        earlier.refresh_from_db()
        assert approval_limit(employee, project) == Decimal("99.95")
        assert earlier.valid_until <= now()
        assert AuditEntry.objects.get(event="role.ended").data["cause"] == "replaced"

    def test_who_left_meanwhile_gets_nothing(self, proposal, colleague, employee):
        employee.is_active = False
        employee.save()

        with pytest.raises(PersonHasLeft):
            grant_role(proposal.public_id, actor=colleague)

    def test_a_node_that_ended_meanwhile(self, proposal, colleague, project):
        project.ended_at = now()
        project.save()

        with pytest.raises(NodeEnded):
            grant_role(proposal.public_id, actor=colleague)

    def test_a_node_that_moved_to_another_organization(
        self, wanted, administrator, approver, stranger, project, ministry
    ):
        proposal = propose_role(wanted(person=approver), actor=administrator)
        elsewhere = stranger.grants.get().node
        grant(stranger, Role.QUOTA_ADMINISTRATOR, ministry)
        end_limits(project)  # there is nothing to hand out there
        move_node(project.public_id, new_parent=elsewhere.public_id, actor=stranger)

        with pytest.raises(PersonElsewhere):
            grant_role(proposal.public_id, actor=stranger)

    def test_who_proposed_may_no_longer(self, proposal, administrator, colleague, employee):
        administrator.grants.update(valid_until=now(), end_reason="Andere functie")

        with pytest.raises(ProposerMayNot):
            grant_role(proposal.public_id, actor=colleague)
        proposal.refresh_from_db()
        assert proposal.state == ProposalState.PROPOSED
        assert not RoleGrant.objects.filter(person=employee, role=Role.FINANCE).exists()
        refuse_role(proposal.public_id, actor=colleague, reason="Opnieuw voorstellen")

    def test_who_proposed_and_did_not_log_in_today_still_may(
        self, proposal, administrator, colleague
    ):
        administrator.last_login = now() - timedelta(days=2)
        administrator.save()
        administrator.grants.update(
            valid_from=now() - timedelta(days=2), valid_until=now() - timedelta(days=1)
        )

        grant_role(proposal.public_id, actor=colleague)

    def test_after_14_days_nobody_decides(self, employee, project, colleague):
        proposal = propose(employee, Role.FINANCE, project, age=timedelta(days=14))

        assert not proposals_to_decide(colleague).exists()
        with pytest.raises(ProposalSettled):
            grant_role(proposal.public_id, actor=colleague)
        expire_proposals()
        expire_proposals()

        proposal.refresh_from_db()
        assert proposal.state == ProposalState.EXPIRED
        assert events().count("role.proposal_expired") == 1


class TestWhoDecides:
    def test_never_who_proposed(self, proposal, administrator):
        with pytest.raises(OwnProposal):
            grant_role(proposal.public_id, actor=administrator)
        with pytest.raises(OwnProposal):
            refuse_role(proposal.public_id, actor=administrator, reason="Toch niet")

        entries = AuditEntry.objects.filter(event="role.decision_refused")
        assert [entry.code for entry in entries] == ["own_proposal"] * 2

    def test_nobody_about_the_person_of_emergency_access(self, emergency, ministry, administrator):
        proposal = propose(emergency, Role.FINANCE, ministry)

        with pytest.raises(NotAllowed):
            grant_role(proposal.public_id, actor=administrator)
        refuse_role(proposal.public_id, actor=administrator, reason="Noodtoegang is tijdelijk")

        assert not emergency.grants.filter(role=Role.FINANCE).exists()

    @pytest.mark.parametrize("decide", [grant_role, refuse_role])
    def test_never_who_gets_it(self, colleague, local_administrator, directorate, decide):
        proposal = propose(local_administrator, Role.FINANCE, directorate, proposed_by=colleague)

        assert not proposals_to_decide(local_administrator).exists()
        with pytest.raises(AboutYourself):
            decide(proposal.public_id, actor=local_administrator, reason="Graag")

    @pytest.mark.parametrize("who", ["approver", "auditor", "stranger"])
    def test_nobody_without_the_role(self, request, proposal, who):
        actor = request.getfixturevalue(who)
        with pytest.raises(NotAllowed):
            grant_role(proposal.public_id, actor=actor)

        assert AuditEntry.objects.get(event="role.decision_refused").actor_id == actor.pk
        assert not proposals_to_decide(actor).exists()

    @pytest.mark.parametrize("role", PRIVILEGED)
    def test_a_privileged_role_needs_an_administrator_from_above(
        self, employee, administrator, local_administrator, directorate, role
    ):
        proposal = propose(employee, role, directorate)

        assert not proposals_to_decide(local_administrator).exists()
        with pytest.raises(NotAllowed):
            grant_role(proposal.public_id, actor=local_administrator)
        assert list(proposals_to_decide(administrator)) == [proposal]
        grant_role(proposal.public_id, actor=administrator)

    @pytest.mark.parametrize("role", PRIVILEGED)
    def test_colleagues_of_one_node_do_not_give_each_other_one_on_a_part_that_they_add(
        self, local_administrator, administrator, directorate, role
    ):
        second, third = administrator_of(directorate), administrator_of(directorate)
        part = add_organization(
            directorate.public_id, actor=second, name="Nieuw", code="nieuw", kvk_number=""
        )
        proposal = propose(third, role, part, proposed_by=second)

        assert not proposals_to_decide(local_administrator).exists()
        with pytest.raises(NotAllowed):
            grant_role(proposal.public_id, actor=local_administrator)
        assert list(proposals_to_decide(administrator)) == [proposal]
        grant_role(proposal.public_id, actor=administrator)

    def test_neither_on_a_part_of_theirs_of_long_ago(
        self, employee, local_administrator, directorate, project
    ):
        proposal = propose(
            employee, Role.OPERATOR, project, proposed_by=administrator_of(directorate)
        )

        with pytest.raises(NotAllowed):
            grant_role(proposal.public_id, actor=local_administrator)

    def test_who_administers_the_part_alone_proposes_it_to_who_stands_above_them(
        self, employee, local_administrator, project
    ):
        proposal = propose(employee, Role.OPERATOR, project, proposed_by=administrator_of(project))

        assert list(proposals_to_decide(local_administrator)) == [proposal]
        grant_role(proposal.public_id, actor=local_administrator)

    def test_a_claim_that_waits_for_the_next_login_does_not_make_its_holder_lower(
        self, employee, local_administrator, directorate, project
    ):
        """Else a proposal of Friday were decided on by a colleague on Sunday."""
        proposer = administrator_of(directorate)
        proposer.last_login = now() - timedelta(days=2)
        proposer.save()
        grant(proposer, Role.QUOTA_ADMINISTRATOR, project)
        proposer.grants.filter(node=directorate).update(
            valid_from=now() - timedelta(days=2), valid_until=now() - timedelta(days=1)
        )
        proposal = propose(employee, Role.OPERATOR, project, proposed_by=proposer)

        with pytest.raises(NotAllowed):
            grant_role(proposal.public_id, actor=local_administrator)

    @pytest.mark.parametrize("role", [Role.REQUESTER, Role.APPROVER, Role.FINANCE])
    def test_other_roles_are_decided_on_where_they_stand(
        self, employee, local_administrator, directorate, role
    ):
        proposal = propose(employee, role, directorate)

        assert list(proposals_to_decide(local_administrator)) == [proposal]
        grant_role(proposal.public_id, actor=local_administrator)

    def test_nothing_is_above_a_root(self, employee, administrator, ministry):
        proposal = propose(employee, Role.AUDITOR, ministry)

        assert list(proposals_to_decide(administrator)) == [proposal]
        grant_role(proposal.public_id, actor=administrator)

    def test_an_auditor_sees_it_and_another_tenant_does_not(self, proposal, auditor, stranger):
        assert list(visible_proposals(auditor)) == [proposal]
        assert not visible_proposals(stranger).exists()


class TestSettling:
    def test_a_refusal_has_a_reason(self, proposal, colleague, employee, project):
        with pytest.raises(RefusalNeedsReason):
            refuse_role(proposal.public_id, actor=colleague, reason=" ")
        refuse_role(proposal.public_id, actor=colleague, reason="Te ruim")

        proposal.refresh_from_db()
        assert (proposal.state, proposal.decision_reason) == (ProposalState.REFUSED, "Te ruim")
        assert not has_role(employee, project, Role.FINANCE)
        assert AuditEntry.objects.get(event="role.refused").actor_id == colleague.pk

    def test_who_proposed_takes_it_back(self, proposal, administrator, colleague):
        with pytest.raises(NotAllowed):
            withdraw_proposal(proposal.public_id, actor=colleague)
        withdraw_proposal(proposal.public_id, actor=administrator)

        assert "role.proposal_withdrawn" in events()
        with pytest.raises(ProposalSettled):
            grant_role(proposal.public_id, actor=colleague)
        with pytest.raises(ProposalSettled):
            withdraw_proposal(proposal.public_id, actor=administrator)


# --- two administrators at the same moment -----------------------------------------------------


@pytest.fixture
def rivals(proposal, colleague, ministry, monkeypatch):
    """Two who both look whether it was decided before either writes."""
    second = PersonFactory()
    grant(second, Role.QUOTA_ADMINISTRATOR, ministry)
    both_looked = threading.Barrier(2)
    look = proposals.may_decide

    def look_then_wait_for_the_other(*arguments):
        answer = look(*arguments)
        try:
            both_looked.wait(timeout=1)  # never met while a lock keeps the other outside
        except threading.BrokenBarrierError:
            return answer
        return answer

    monkeypatch.setattr(proposals, "may_decide", look_then_wait_for_the_other)
    return [colleague, second]


def decide_at_once(proposal, people):
    outcomes = []

    def attempt(person):
        try:
            grant_role(proposal.public_id, actor=person)
            outcomes.append("granted")
        except (ProposalSettled, IntegrityError) as refusal:
            outcomes.append(type(refusal).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    return sorted(outcomes)


@pytest.mark.django_db(transaction=True)
def test_the_race_is_real_when_the_locks_are_taken_out(proposal, rivals, monkeypatch):
    # Without locks both see an open proposal; only the guard of the database stops the second.
    monkeypatch.setattr(
        type(RoleProposal.objects.all()), "select_for_update", lambda self, **_: self
    )

    assert decide_at_once(proposal, rivals) == ["IntegrityError", "granted"]


@pytest.mark.django_db(transaction=True)
def test_only_one_of_two_decisions_counts(proposal, rivals):
    assert decide_at_once(proposal, rivals) == ["ProposalSettled", "granted"]
    assert RoleGrant.objects.filter(proposal=proposal).count() == 1
