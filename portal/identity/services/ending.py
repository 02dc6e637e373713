"""What ends together with a node: roles and proposals for it, and everything said of it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest

from portal.audit.services import record
from portal.core.calendar import whole_second
from portal.core.models import is_not_over
from portal.identity.facts import kinds_of, rows_of
from portal.identity.models import Node, NodeParent, Person, ProposalState, RoleGrant
from portal.identity.services.proposals import record_proposal, settle
from portal.identity.services.roles import cut_short, record_ended

NODE_ENDED: Final = "node_ended"  # the reason of what ended because there is nothing to do any more


def open_grants(node: Node, *, at: datetime) -> QuerySet[RoleGrant]:
    """The grants on the node itself that hold at that moment, or would begin later."""
    return RoleGrant.objects.filter(is_not_over(at), node=node)


def close_node(node: Node, *, actor: Person, at: datetime) -> None:
    """End the node with its roles, proposals and facts. Call under the exclusive tree lock.

    Last in its transaction: it writes the audit entries.
    """
    second = whole_second(at)
    grants = list(open_grants(node, at=at).order_by("pk"))
    for grant in grants:
        cut_short(grant, at=at, by=actor, reason=NODE_ENDED)
    proposals = list(node.role_proposals.filter(state=ProposalState.PROPOSED).order_by("pk"))
    for proposal in proposals:
        settle(proposal, ProposalState.WITHDRAWN)
    for rows in [
        *(rows_of(kind, [node.pk]) for kind in kinds_of(node)),
        NodeParent.objects.filter(node=node),
    ]:
        lasting = rows.filter(Q(valid_until=None) | Q(valid_until__gt=second))
        lasting.update(valid_until=Greatest(F("valid_from"), second))
    node.ended_at = at
    node.save(update_fields=["ended_at"])
    for proposal in proposals:
        record_proposal("role.proposal_withdrawn", proposal, actor)
    for grant in grants:
        record_ended(grant, actor, cause=NODE_ENDED)
    record("node.ended", node, actor=actor, node_id=node.pk)
