"""Asking for a role for somebody else."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from portal.core.calendar import day_of
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.access import has_role
from portal.identity.errors import (
    AboutYourself,
    AlreadyProposed,
    NodeEnded,
    RefusalNeedsReason,
)
from portal.identity.models import Identity, ProposalState, Role, RoleProposal
from portal.identity.role_policies import (
    people_beside,
    proposals_to_decide,
    visible_people,
)
from portal.identity.services.proposals import (
    propose_role,
)
from tests.factories import PersonFactory

pytestmark = pytest.mark.django_db


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
        Identity.objects.create(
            person=newcomer, issuer="https://idp.example.nl", subject="nieuw", node=ministry
        )

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
