"""Whose reach changes when a part of the tree gets another place: roles are inherited downwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.timezone import now

from portal.identity.access import has_role, later_grants, standing_grants
from portal.identity.models import PRIVILEGED_ROLES, Node, Person, Role, RoleGrant


@dataclass(frozen=True, kw_only=True)
class ReachChange:
    """The roles that begin to hold on a node and everything below it, and those that end there.

    Now or later: who is to have a role from some day on gets it as well.

    Somebody who has the same role on it either way, as an approver up to the same amount, is in
    neither.
    """

    gained: Sequence[RoleGrant]
    lost: Sequence[RoleGrant]

    @property
    def gained_privileged(self) -> list[RoleGrant]:
        return [grant for grant in self.gained if grant.role in PRIVILEGED_ROLES]


def reach_after_move(node: Node, parent: Node) -> ReachChange:
    """What putting the node under ``parent`` would change. One query."""
    here, there = {*node.ancestor_ids, node.pk}, {*parent.lineage_ids, node.pk}
    moment = now()
    grants = (standing_grants() | later_grants()).filter(node__in=here | there)
    found = list(grants.select_related("person", "node").order_by("person__name", "role", "pk"))
    # What is held on both sides stays; what begins later on the one is no reason to pass it over.
    held = {_what(grant) for grant in found if grant.node_id in here and _began(grant, moment)}
    kept = {_what(grant) for grant in found if grant.node_id in there and _began(grant, moment)}
    return ReachChange(
        gained=_once([each for each in found if each.node_id not in here], held),
        lost=_once([each for each in found if each.node_id not in there], kept),
    )


def may_carry_reach(actor: Person, node: Node, parent: Node, reach: ReachChange) -> bool:
    """Whether the actor may move the node although it gives somebody a privileged role on it.

    That is decided on from above, as when it is granted: above the highest node that it comes
    under and above the highest that it leaves. Nothing is above a root.
    """
    if not reach.gained_privileged:
        return True
    return all(
        has_role(actor, top.parent or top, Role.QUOTA_ADMINISTRATOR) for top in _tops(node, parent)
    )


def _tops(node: Node, parent: Node) -> list[Node]:
    """The highest node that is left, and the highest that is entered."""
    left = [pk for pk in node.ancestor_ids if pk not in parent.lineage_ids]
    entered = [pk for pk in parent.lineage_ids if pk not in node.ancestor_ids]
    tops = [ids[0] for ids in (left, entered) if ids]
    return list(Node.objects.filter(pk__in=tops).select_related("parent"))


def _what(grant: RoleGrant) -> tuple[int, str, Decimal | None]:
    return grant.person_id, grant.role, grant.amount_limit


def _began(grant: RoleGrant, moment: datetime) -> bool:
    return grant.valid_from <= moment


def _once(
    grants: Sequence[RoleGrant], same: set[tuple[int, str, Decimal | None]]
) -> list[RoleGrant]:
    """One grant for each of what these give beside the same, the privileged ones first."""
    first = {_what(grant): grant for grant in reversed(grants) if _what(grant) not in same}
    return sorted(first.values(), key=lambda grant: grant.role not in PRIVILEGED_ROLES)
