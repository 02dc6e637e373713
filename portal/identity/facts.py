"""The dated facts of a node: what holds now, from where, and what held before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from django.db.models import QuerySet

from portal.core.models import is_in_force
from portal.identity.models import (
    CostCentre,
    DataOwner,
    Node,
    NodeKind,
    Person,
    ProjectOwner,
    VatTreatmentPeriod,
)

Row = CostCentre | DataOwner | ProjectOwner | VatTreatmentPeriod


class FactKind(StrEnum):
    """The facts that hold from one day until another. The value is the word in addresses."""

    COST_CENTRE = "cost-centre"
    VAT_TREATMENT = "vat-treatment"
    DATA_OWNER = "data-owner"
    PROJECT_OWNER = "project-owner"


_MODELS: Final[dict[FactKind, type[Row]]] = {
    FactKind.COST_CENTRE: CostCentre,
    FactKind.VAT_TREATMENT: VatTreatmentPeriod,
    FactKind.DATA_OWNER: DataOwner,
    FactKind.PROJECT_OWNER: ProjectOwner,
}
# The name of the foreign key to the place that the fact is about.
_PLACES: Final = {
    FactKind.COST_CENTRE: "node",
    FactKind.VAT_TREATMENT: "organization",
    FactKind.DATA_OWNER: "node",
    FactKind.PROJECT_OWNER: "project",
}


@dataclass(frozen=True, kw_only=True)
class NodeFact:
    """One kind of fact on one node.

    Attributes:
        current: what holds now, of the node itself or inherited; None when nobody said.
        source: the node on which ``current`` stands.
        rows: everything that was ever said of the node itself, the newest first.
    """

    kind: FactKind
    current: Row | None
    source: Node | None
    rows: Sequence[Row]


def kinds_of(node: Node) -> list[FactKind]:
    """The facts that may be said of a node of its kind."""
    own = FactKind.VAT_TREATMENT if node.kind == NodeKind.ORGANIZATION else FactKind.PROJECT_OWNER
    return [FactKind.DATA_OWNER, FactKind.COST_CENTRE, own]


def rows_of(kind: FactKind, node_ids: Sequence[int]) -> QuerySet[Any]:
    """Everything that was ever said of these nodes."""
    rows: QuerySet[Any] = _MODELS[kind]._default_manager.filter(
        **{f"{_PLACES[kind]}__in": node_ids}
    )
    return rows


def make_row(kind: FactKind, node: Node, **values: Any) -> Row:
    """A row that is not stored yet."""
    return _MODELS[kind](**{f"{_PLACES[kind]}_id": node.pk}, **values)


def facts_of(node: Node, *, at: datetime) -> list[NodeFact]:
    """All facts of a node. One query for each kind, and one for the nodes above it."""
    lineage = Node.objects.in_bulk(node.lineage_ids)
    return [_fact(kind, node, lineage, at) for kind in kinds_of(node)]


def data_owners(node_ids: Collection[int], *, at: datetime) -> dict[int, Person]:
    """Who answers for the data of each node then, of itself or the nearest above; by primary key.

    Two queries. Where nobody does, the node is not in it.
    """
    nodes = Node.objects.filter(pk__in=node_ids).values_list("pk", "ancestor_ids")
    lineages = {pk: [pk, *reversed(ancestors)] for pk, ancestors in nodes}
    above = {pk for lineage in lineages.values() for pk in lineage}
    rows = DataOwner.objects.filter(is_in_force(at), node__in=above).select_related("owner")
    owners = {row.node_id: row.owner for row in rows}
    nearest = {
        node: next((owners[pk] for pk in lineage if pk in owners), None)
        for node, lineage in lineages.items()
    }
    return {node: owner for node, owner in nearest.items() if owner}


def place_of(kind: FactKind, row: Row) -> int:
    """Primary key of the node that the row is about."""
    place: int = getattr(row, f"{_PLACES[kind]}_id")
    return place


def owner_of(row: Row) -> Person | None:
    """Who answers, where the fact is about a person."""
    return row.owner if isinstance(row, DataOwner | ProjectOwner) else None


def _fact(kind: FactKind, node: Node, lineage: dict[int, Node], at: datetime) -> NodeFact:
    rows = rows_of(kind, node.lineage_ids).order_by("-valid_from", "-pk")
    if kind in {FactKind.DATA_OWNER, FactKind.PROJECT_OWNER}:
        rows = rows.select_related("owner")
    found: list[Row] = list(rows)
    in_force = [row for row in found if holds(row, at)]
    depth = {pk: depth for depth, pk in enumerate(node.lineage_ids)}
    current = max(in_force, key=lambda row: depth[place_of(kind, row)], default=None)
    return NodeFact(
        kind=kind,
        current=current,
        source=lineage[place_of(kind, current)] if current else None,
        rows=[row for row in found if place_of(kind, row) == node.pk],
    )


def holds(row: Row, at: datetime) -> bool:
    return row.valid_from <= at and (row.valid_until is None or row.valid_until > at)
