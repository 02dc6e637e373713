"""Four eyes for roles: one proposes, another decides, a third gets it. The database agrees."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from catalog.services.tree import move_node
from portal.audit.models import AuditEntry
from portal.audit.services import record
from portal.core.calendar import day_of
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.access import approval_limit, has_role
from portal.identity.errors import (
    AboutYourself,
    AlreadyProposed,
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
    people_beside,
    proposals_to_decide,
    visible_people,
    visible_proposals,
)
from portal.identity.services import proposals
from portal.identity.services.break_glass import _emergency_person, _grant_roles
from portal.identity.services.proposals import (
    WantedRole,
    expire_proposals,
    grant_role,
    propose_role,
    refuse_role,
    withdraw_proposal,
)
from tests.factories import PersonFactory, grant, grant_in_portal, propose

pytestmark = pytest.mark.django_db
CHANGE_PROPOSAL = "UPDATE identity_roleproposal SET {}"
CHANGE_GRANT = "UPDATE identity_rolegrant SET {} WHERE issuer = ''"
PRIVILEGED = [Role.QUOTA_ADMINISTRATOR, Role.OPERATOR, Role.AUDITOR]


@pytest.fixture
def wanted(employee, project):
    """Arguments of a proposal; a test replaces what it is about."""

    def make(**changes):
        today = day_of(now())
        facts = {
            "person": employee,
            "node": project,
            "role": Role.FINANCE,
            "first_day": today,
            "last_day": today + timedelta(days=365),
            "reason": "Neemt de financiën over",
        }
        return WantedRole(**{**facts, **changes})

    return make


@pytest.fixture
def proposal(wanted, administrator):
    return propose_role(wanted(), actor=administrator)


@pytest.fixture
def emergency(ministry):
    person = _emergency_person()
    _grant_roles(person)
    return person


def events():
    return list(AuditEntry.objects.order_by("pk").values_list("event", flat=True))


class TestProposing:
    def test_it_waits_for_another_administrator(self, proposal, administrator, colleague):
        assert proposal.state == ProposalState.PROPOSED
        assert list(proposals_to_decide(colleague)) == [proposal]
        assert not proposals_to_decide(administrator).exists()
        entry = AuditEntry.objects.get(event="role.proposed")
        assert (entry.actor_id, entry.node_id) == (administrator.pk, proposal.node_id)
        assert entry.data == {"role": "finance", "person": proposal.person_id}

    def test_somebody_who_joined_without_a_role_is_found(self, wanted, administrator, ministry):
        newcomer = PersonFactory()
        with transaction.atomic():
            record("person.joined", newcomer, actor=newcomer, node_id=ministry.pk)

        assert newcomer in visible_people(administrator)
        propose_role(wanted(person=newcomer), actor=administrator)

    def test_it_gives_nothing_yet(self, proposal, employee, project):
        assert not has_role(employee, project, Role.FINANCE)

    def test_nobody_proposes_for_themselves(self, wanted, administrator, project):
        with pytest.raises(AboutYourself):
            propose_role(wanted(person=administrator), actor=administrator)

        entry = AuditEntry.objects.get(event="role.proposing_refused")
        assert (entry.actor_id, entry.code) == (administrator.pk, "about_yourself")

    @pytest.mark.parametrize("who", ["employee", "approver", "auditor", "stranger"])
    def test_only_a_quota_administrator_of_the_node_does(self, request, wanted, who, colleague):
        actor = request.getfixturevalue(who)
        with pytest.raises(NotAllowed):
            propose_role(wanted(person=colleague), actor=actor)

        assert AuditEntry.objects.get(event="role.proposing_refused").actor_id == actor.pk
        assert not RoleProposal.objects.exists()

    def test_somebody_of_another_organization_is_not_chosen(self, wanted, administrator, stranger):
        with pytest.raises(InvalidInput) as refusal:
            propose_role(wanted(person=stranger), actor=administrator)

        assert set(refusal.value.errors) == {"person"}

    def test_the_person_of_emergency_access_is_not_chosen(
        self, wanted, administrator, emergency, ministry
    ):
        assert emergency not in people_beside(ministry)
        with pytest.raises(InvalidInput) as refusal:
            propose_role(wanted(person=emergency), actor=administrator)

        assert set(refusal.value.errors) == {"person"}

    @pytest.mark.parametrize(
        ("field", "changes"),
        [
            ("first_day", {"first_day": timedelta(days=-1)}),
            ("first_day", {"first_day": timedelta(days=367)}),
            ("last_day", {"first_day": timedelta(days=2), "last_day": timedelta(days=1)}),
            ("last_day", {"last_day": timedelta(days=732)}),
            ("reason", {"reason": "x" * 301}),
            ("reason", {"reason": "nee\x00"}),
            ("reason", {"reason": "\u202enee"}),
            ("amount_limit", {"amount_limit": Decimal(100)}),
            ("amount_limit", {"role": Role.APPROVER, "amount_limit": Decimal(0)}),
            ("amount_limit", {"role": Role.APPROVER, "amount_limit": Decimal("-1")}),
            ("amount_limit", {"role": Role.APPROVER, "amount_limit": Decimal("1.001")}),
            ("amount_limit", {"role": Role.APPROVER, "amount_limit": Decimal("1e12")}),
            ("amount_limit", {"role": Role.APPROVER, "amount_limit": Decimal("NaN")}),
        ],
    )
    def test_nonsense_is_refused_at_its_field(self, wanted, administrator, field, changes):
        today = day_of(now())
        changes = {
            name: today + value if isinstance(value, timedelta) else value
            for name, value in changes.items()
        }
        with pytest.raises(InvalidInput) as refusal:
            propose_role(wanted(**changes), actor=administrator)

        assert set(refusal.value.errors) == {field}
        assert not RoleProposal.objects.exists()

    def test_it_needs_a_reason(self, wanted, administrator):
        with pytest.raises(RefusalNeedsReason):
            propose_role(wanted(reason=" \n "), actor=administrator)

    def test_the_same_role_waits_only_once(self, proposal, wanted, colleague):
        with pytest.raises(AlreadyProposed):
            propose_role(wanted(), actor=colleague)

    def test_nothing_is_given_on_a_node_that_has_ended(self, wanted, administrator, project):
        project.ended_at = now()
        project.save()

        with pytest.raises(NodeEnded):
            propose_role(wanted(), actor=administrator)


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


class TestDatabase:
    """No statement gets round it, whoever sends it."""

    @pytest.mark.parametrize(
        ("change", "constraint"),
        [
            ("proposed_by_id = person_id", "never changes"),
            ("person_id = proposed_by_id", "never changes"),
            ("role = 'operator'", "never changes"),
            ("amount_limit = 1", "never changes"),
            ("valid_until = valid_until + interval '1 day'", "never changes"),
            ("expires_at = expires_at + interval '1 day'", "never changes"),
            (
                "state = 'granted', decided_by_id = proposed_by_id, decided_at = now()",
                "role_proposal_decided_by_another_person",
            ),
            (
                "state = 'granted', decided_by_id = person_id, decided_at = now()",
                "role_proposal_decided_by_another_person",
            ),
            ("state = 'granted'", "role_proposal_decision_names_who_and_when"),
            ("decided_at = now()", "role_proposal_decision_names_who_and_when"),
            ("state = 'else'", "role_proposal_"),
        ],
    )
    def test_a_proposal(self, proposal, change, constraint):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            run(CHANGE_PROPOSAL.format(change))

    def test_a_settled_proposal(self, proposal, colleague):
        refuse_role(proposal.public_id, actor=colleague, reason="Nee")

        with pytest.raises(IntegrityError, match="stays settled"), transaction.atomic():
            run("UPDATE identity_roleproposal SET state = 'granted'")
        with pytest.raises(IntegrityError, match="never deleted"), transaction.atomic():
            run("DELETE FROM identity_roleproposal")

    def test_a_proposal_that_was_never_open(self, employee, project, colleague):
        with pytest.raises(IntegrityError, match="begins by waiting"), transaction.atomic():
            RoleProposal.objects.create(
                person=employee,
                node=project,
                role=Role.APPROVER,
                valid_from=now(),
                valid_until=now() + timedelta(days=1),
                reason="x",
                proposed_by=PersonFactory(),
                proposed_at=now(),
                expires_at=now(),
                state=ProposalState.GRANTED,
                decided_by=colleague,
                decided_at=now(),
            )

    @pytest.mark.parametrize(
        ("change", "constraint"),
        [
            ({"proposal": None}, "role_granted_by_claim_or_by_another_person"),
            ({"granted_by": None}, "role_granted_by_claim_or_by_another_person"),
            ({"valid_until": None}, "as it was decided"),
            ({"granted_by": "proposer"}, "role_grant_names_its_proposal"),
            ({"granted_by": "person"}, "role_granted_by_claim_or_by_another_person"),
            ({"person": "proposer"}, "role_grant_names_its_proposal"),
            ({"role": "operator"}, "role_grant_names_its_proposal"),
            ({"node": "parent"}, "role_grant_names_its_proposal"),
            ({"amount_limit": Decimal(1)}, "as it was decided"),
            ({"valid_until": timedelta(days=366)}, "as it was decided"),
            ({"valid_from": timedelta(days=-1)}, "as it was decided"),
        ],
    )
    def test_a_grant_is_what_was_decided(self, proposal, colleague, change, constraint):
        RoleProposal.objects.update(
            state=ProposalState.GRANTED, decided_by=colleague, decided_at=now()
        )
        facts = {
            "person": proposal.person,
            "node": proposal.node,
            "role": proposal.role,
            "granted_by": colleague,
            "proposal": proposal,
            "valid_from": proposal.valid_from,
            "valid_until": proposal.valid_until,
        }
        words = {
            "proposer": proposal.proposed_by,
            "person": proposal.person,
            "parent": proposal.node.parent,
        }
        for name, value in change.items():
            if isinstance(value, timedelta):
                value = facts[name] + value
            facts[name] = words.get(value, value) if isinstance(value, str) else value
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            RoleGrant.objects.create(**facts)

    @pytest.mark.parametrize("state", ["proposed", "refused"])
    def test_a_grant_without_a_yes(self, proposal, colleague, state):
        if state == "refused":
            refuse_role(proposal.public_id, actor=colleague, reason="Nee")

        with pytest.raises(IntegrityError), transaction.atomic():
            RoleGrant.objects.create(
                person=proposal.person,
                node=proposal.node,
                role=proposal.role,
                granted_by=colleague,
                proposal=proposal,
                valid_from=proposal.valid_from,
                valid_until=proposal.valid_until,
            )

    def test_a_decision_is_used_once(self, proposal, colleague):
        granted = grant_role(proposal.public_id, actor=colleague)
        granted.pk, granted.public_id = None, "5b0b0a5e-0000-4000-8000-000000000001"

        with pytest.raises(IntegrityError, match="proposal_id"), transaction.atomic():
            granted.save(force_insert=True)

    @pytest.mark.parametrize(
        "change",
        [
            "role = 'operator'",
            "amount_limit = NULL",
            "valid_from = valid_from - interval '1 day'",
            "valid_until = valid_until + interval '1 second'",
            "valid_until = NULL",
            "issuer = 'https://idp.example.nl', granted_by_id = NULL, proposal_id = NULL",
        ],
    )
    def test_a_grant_stays_as_it_was_granted(self, employee, directorate, change):
        grant_in_portal(employee, Role.APPROVER, directorate, amount_limit=Decimal(5))

        with pytest.raises(IntegrityError), transaction.atomic():
            run(CHANGE_GRANT.format(change))

    def test_a_grant_is_never_deleted(self, employee):
        with pytest.raises(IntegrityError, match="never deleted"), transaction.atomic():
            run("DELETE FROM identity_rolegrant")


def run(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


# --- two administrators at the same moment -----------------------------------------------------


@pytest.fixture
def rivals(proposal, colleague, ministry, monkeypatch):
    """Two who both look whether it was decided before either writes."""
    second = PersonFactory()
    grant(second, Role.QUOTA_ADMINISTRATOR, ministry)
    both_looked = threading.Barrier(2)
    look = proposals.may_decide_on

    def look_then_wait_for_the_other(*arguments):
        answer = look(*arguments)
        try:
            both_looked.wait(timeout=1)  # never met while a lock keeps the other outside
        except threading.BrokenBarrierError:
            return answer
        return answer

    monkeypatch.setattr(proposals, "may_decide_on", look_then_wait_for_the_other)
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
