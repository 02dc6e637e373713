"""Changes of the tree that touch what was ordered in it: moving a node, and ending one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Greatest
from django.utils.timezone import now
from django.utils.translation import gettext as _

from billing.models import Sku
from billing.services.price_book import unpriced_use
from billing.services.term_reading import StillDue, unused_in
from catalog.errors import ConfirmationMismatch, NodeInUse
from catalog.models import (
    OPEN_ORDER_STATES,
    ClaimState,
    Metric,
    Order,
    Quota,
    QuotaClaim,
    Resource,
    ResourceState,
)
from catalog.quota_errors import LimitsRefused
from catalog.services.approval_routes import wait_where_they_stand
from catalog.services.limits import end_limits, find_move_problems
from catalog.services.quotas import held_by, move_claims
from portal.audit.services import record
from portal.core.calendar import whole_second
from portal.core.errors import InvalidInput
from portal.identity.errors import RightsComeAlong
from portal.identity.models import Node, NodeKind, NodeParent, Person
from portal.identity.policies import may_move, possible_parents
from portal.identity.reach import ReachChange, may_carry_reach, reach_after_move
from portal.identity.sensitive import sensitive
from portal.identity.services.ending import close_node
from portal.identity.services.tree import is_name_taken, node_to_change

_REWRITE_BRANCH: Final[LiteralString] = """
UPDATE identity_node
SET ancestor_ids = %(above)s::bigint[] || ancestor_ids[%(kept_from)s::int:]
WHERE ancestor_ids @> ARRAY[%(node)s]::bigint[]
"""


@dataclass(frozen=True, kw_only=True)
class LevelEffect:
    """What a move does to one metric on one level that the node comes under.

    ``limit`` None is unlimited; without a quota it is zero.
    """

    node: Node
    metric: Metric
    limit: Decimal | None
    claimed: Decimal
    asked: Decimal
    is_over: bool

    @property
    def claimed_after(self) -> Decimal:
        return self.claimed + self.asked

    @property
    def fits(self) -> bool:
        """As a claim is judged: a level that is over its limit accepts nothing."""
        return not self.is_over and (self.limit is None or self.claimed_after <= self.limit)


@dataclass(frozen=True, kw_only=True)
class MovePreview:
    """What a move would mean now.

    Attributes:
        entered: the organizations that the node comes under, from the top down.
        left: those that it no longer stands under.
        effects: for each level that is entered and each metric that the branch holds.
        reach: who gets and who loses which role on it.
        limit_problems: why its limits cannot come along, in words.
        unpriced: what runs in it and has no price there, so that its months cannot be closed.
    """

    entered: Sequence[Node]
    left: Sequence[Node]
    effects: Sequence[LevelEffect]
    reach: ReachChange
    limit_problems: Sequence[str]
    unpriced: Sequence[Sku]

    @property
    def fits(self) -> bool:
        return not self.limit_problems and all(effect.fits for effect in self.effects)


@dataclass(frozen=True, kw_only=True)
class Obstacles:
    """What must be gone before a node can end."""

    children: QuerySet[Node]
    orders: QuerySet[Order]
    resources: QuerySet[Resource]
    claims: QuerySet[QuotaClaim]

    def exist(self) -> bool:
        parts = (self.children, self.orders, self.resources, self.claims)
        return any(part.exists() for part in parts)


# --- moving ------------------------------------------------------------------------------------


@sensitive("node.move")
def move_node(public_id: UUID, *, new_parent: UUID, actor: Person) -> Node:
    """Put a node with everything below it under another organization, at once.

    What the branch holds counts from now on where it comes, and no longer where it was; costs go
    to the organization of the moment of use. Roles above it are those of the new place.

    Raises:
        NotAllowed, NodeEnded: as ``node_to_change``.
        InvalidInput: the new parent is not one under which this person may put it, or something
            there has its name.
        RightsComeAlong: somebody would get a privileged role on it, and this person administers
            both places, but not from above.
        QuotaExceeded: a level there has too little; nothing has changed.
        LimitsRefused: the new parent would hand out more than it has.
    """
    with node_to_change(public_id, actor, may=may_move) as node:
        parent = possible_parents(actor, node).filter(public_id=new_parent).first()
        old_parent = node.parent
        if parent is None or old_parent is None:
            raise InvalidInput({"parent": [_("Choose an organisation from the list.")]})
        if is_name_taken(node, parent):
            raise InvalidInput({"parent": [_("Something there has the same name.")]})
        _check_reach(node, parent, actor)
        leaving, entering = _levels(node, parent)
        move_claims(_project_ids(node), leaving=leaving, entering=entering[::-1])
        if problems := find_move_problems(node, parent):
            raise LimitsRefused({0: problems}, field="parent")
        _hang(node, parent)
        wait_where_they_stand(_project_ids(node))
        data = {"from": str(old_parent.public_id), "to": str(parent.public_id)}
        record("node.moved", node, actor=actor, node_id=node.pk, data=data)
        data = {"node": str(node.public_id), "to": str(parent.public_id)}
        record("node.moved_away", old_parent, actor=actor, node_id=old_parent.pk, data=data)
        return node


def _check_reach(node: Node, parent: Node, actor: Person) -> None:
    reach = reach_after_move(node, parent)
    if not may_carry_reach(actor, node, parent, reach):
        names = dict.fromkeys(grant.person.name for grant in reach.gained_privileged)
        raise RightsComeAlong(names=", ".join(names))


def preview_move(node: Node, parent: Node) -> MovePreview:
    """What moving the node would mean now. Changes nothing, locks nothing."""
    leaving, entering = _levels(node, parent)
    nodes = Node.objects.in_bulk([*leaving, *entering])
    demand = held_by(_project_ids(node))
    rows = {
        (row.node_id, row.metric): row
        for row in Quota.objects.filter(node__in=entering, metric__in=demand)
    }
    return MovePreview(
        entered=[nodes[pk] for pk in entering],
        left=[nodes[pk] for pk in leaving],
        effects=[
            _effect(nodes[pk], metric, asked, rows.get((pk, metric)))
            for pk in entering
            for metric, asked in demand.items()
        ],
        reach=reach_after_move(node, parent),
        limit_problems=find_move_problems(node, parent),
        unpriced=unpriced_use(_lineages_there(node, parent), at=now()),
    )


def _effect(node: Node, metric: Metric, asked: Decimal, row: Quota | None) -> LevelEffect:
    return LevelEffect(
        node=node,
        metric=metric,
        limit=row.limit_now if row else Decimal(0),
        claimed=row.claimed if row else Decimal(0),
        asked=asked,
        is_over=row is not None and row.over_since is not None,
    )


def _levels(node: Node, parent: Node) -> tuple[list[int], list[int]]:
    """The nodes that no longer stand above ``node``, and those that then do, from the top down."""
    before, after = node.ancestor_ids, parent.lineage_ids
    leaving = [pk for pk in before if pk not in after]
    return leaving, [pk for pk in after if pk not in before]


def _project_ids(node: Node) -> list[int]:
    return list(_projects(node).values_list("pk", flat=True))


def _projects(node: Node) -> QuerySet[Node]:
    below = Q(pk=node.pk) | Q(ancestor_ids__contains=[node.pk])
    return Node.objects.filter(below, kind=NodeKind.PROJECT)


def _lineages_there(node: Node, parent: Node) -> dict[int, list[int]]:
    """What would stand above each project of the branch, by its primary key."""
    kept_from = len(node.ancestor_ids)
    return {
        pk: [*parent.lineage_ids, *ancestor_ids[kept_from:]]
        for pk, ancestor_ids in _projects(node).values_list("pk", "ancestor_ids")
    }


def _hang(node: Node, parent: Node) -> None:
    """Write the new place of the node and of everything below it, what has ended included."""
    moment = whole_second(now())
    history = NodeParent.objects.filter(node=node, valid_until=None)
    history.update(valid_until=Greatest("valid_from", Value(moment)))
    NodeParent.objects.create(node=node, parent=parent, valid_from=moment)
    kept_from = len(node.ancestor_ids) + 1
    node.parent, node.ancestor_ids = parent, parent.lineage_ids
    node.save(update_fields=["parent", "ancestor_ids"])
    parameters: dict[str, list[int] | int] = {
        "above": node.ancestor_ids,
        "kept_from": kept_from,
        "node": node.pk,
    }
    with connection.cursor() as cursor:
        cursor.execute(_REWRITE_BRANCH, parameters)


# --- ending ------------------------------------------------------------------------------------


@sensitive("node.end")
def end_node(public_id: UUID, *, actor: Person, confirmation: str) -> Node:
    """End an organization or project, with the roles, facts and limits on it. Nothing is deleted.

    Args:
        confirmation: its name, as the person typed it.

    Raises:
        NotAllowed, NodeEnded: as ``node_to_change``.
        ConfirmationMismatch: that is not its name.
        NodeInUse: something still lives in it; ``find_obstacles`` says what.
    """
    with node_to_change(public_id, actor) as node:
        if confirmation.strip() != node.name:
            raise ConfirmationMismatch(field="confirmation", name=node.name)
        if find_obstacles(node).exist():
            raise NodeInUse(name=node.name)
        end_limits(node)
        close_node(node, actor=actor, at=now())
        return node


def due_after_end(node: Node, *, at: datetime) -> list[StillDue]:
    """What stays due of minimum terms below a node, also of projects that ended before."""
    return unused_in(_project_ids(node), at=at)


def find_obstacles(node: Node) -> Obstacles:
    """What still lives in a node. Claims only where no order or resource of these shows them."""
    orders = Order.objects.filter(project=node.pk, state__in=OPEN_ORDER_STATES)
    resources = Resource.objects.filter(project=node.pk).exclude(state=ResourceState.RETIRED)
    claims = QuotaClaim.objects.filter(project=node.pk).exclude(state=ClaimState.RELEASED)
    return Obstacles(
        children=Node.objects.filter(parent=node, ended_at=None).order_by("kind", "name"),
        orders=orders.order_by("submitted_at"),
        resources=resources.order_by("name"),
        claims=claims.exclude(order_line__order__in=orders).exclude(resource__in=resources),
    )
