"""No statement gives a role that not two others wanted, nor two decisions at the same moment."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from portal.identity.models import ProposalState, Role, RoleGrant, RoleProposal
from portal.identity.services import proposals
from portal.identity.services.proposals import (
    grant_role,
    refuse_role,
)
from tests.factories import PersonFactory, grant, grant_in_portal
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db
CHANGE_PROPOSAL = "UPDATE identity_roleproposal SET {}"
CHANGE_GRANT = "UPDATE identity_rolegrant SET {} WHERE issuer = ''"


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
    monkeypatch.setattr(proposals, "may_decide", meeting(proposals.may_decide))
    return [colleague, second]


def decide_at_once(proposal, people):
    acts = [partial(grant_role, proposal.public_id, actor=person) for person in people]
    return sorted(at_once(*acts))


@pytest.mark.django_db(transaction=True)
def test_the_race_is_real_when_the_locks_are_taken_out(proposal, rivals, monkeypatch):
    # Without locks both see an open proposal; only the guard of the database stops the second.
    monkeypatch.setattr(
        type(RoleProposal.objects.all()), "select_for_update", lambda self, **_: self
    )

    assert decide_at_once(proposal, rivals) == ["IntegrityError", "done"]


@pytest.mark.django_db(transaction=True)
def test_only_one_of_two_decisions_counts(proposal, rivals):
    assert decide_at_once(proposal, rivals) == ["ProposalSettled", "done"]
    assert RoleGrant.objects.filter(proposal=proposal).count() == 1
