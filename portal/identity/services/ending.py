"""What ends together with a node: the roles on it, and everything that was said of it."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest

from portal.audit.services import record
from portal.core.calendar import whole_second
from portal.identity.facts import kinds_of, rows_of
from portal.identity.models import Node, NodeParent, Person, RoleGrant


def open_grants(node: Node, *, at: datetime) -> QuerySet[RoleGrant]:
    """The grants on the node itself that hold at that moment, or would begin later."""
    lasting = Q(valid_until=None) | Q(valid_until__gt=at) & Q(valid_until__gt=F("valid_from"))
    return RoleGrant.objects.filter(lasting, node=node)


def close_node(node: Node, *, actor: Person, at: datetime) -> None:
    """End the node with its roles and facts; nothing is deleted. Call under the tree lock.

    Last in its transaction: it writes the audit entries.
    """
    second = whole_second(at)
    ended = list(open_grants(node, at=at))
    open_grants(node, at=at).update(valid_until=Greatest(F("valid_from"), at))
    for rows in [
        *(rows_of(kind, [node.pk]) for kind in kinds_of(node)),
        NodeParent.objects.filter(node=node),
    ]:
        lasting = rows.filter(Q(valid_until=None) | Q(valid_until__gt=second))
        lasting.update(valid_until=Greatest(F("valid_from"), second))
    node.ended_at = at
    node.save(update_fields=["ended_at"])
    for grant in ended:
        data = {"role": grant.role, "person": grant.person_id, "because": "node.ended"}
        record("role.ended", grant, actor=actor, node_id=node.pk, data=data)
    record("node.ended", node, actor=actor, node_id=node.pk)
