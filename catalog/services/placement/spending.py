"""What was spent in each place in a month: the figures of *Costs per resource*, put together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from billing.policies import topmost
from catalog.placement_policies import register_payers, register_projects
from catalog.services.placement.reading import Place
from catalog.services.resource_costs import ResourceCostList, ResourceCostOrder, ResourceFilter
from portal.core.calendar import Period
from portal.identity.models import Node, Person


@dataclass(frozen=True, kw_only=True)
class Spending:
    """Euros without VAT, six decimals. None: what stands there is not known as a resource here.

    ``is_price_missing``: part of the use has no price, and is not in it.
    """

    by_place: Mapping[Place | None, Decimal]
    is_price_missing: bool

    @property
    def total(self) -> Decimal:
        return sum(self.by_place.values(), Decimal(0))


def spend_by_place(person: Person, *, node: Node | None, month: Period, at: datetime) -> Spending:
    """What the parts of which the person reads the register spent, in all or below one node.

    Four queries.
    """
    asked = ResourceCostList(
        node_ids=_branches(person, node),
        month=month,
        at=at,
        filter=ResourceFilter(),
        order=ResourceCostOrder.DEAREST,
    )
    found: defaultdict[Place | None, Decimal] = defaultdict(Decimal)
    is_price_missing = False
    for cloud, offering, exact, is_missing in asked.by_place():
        found[Place(cloud, offering) if cloud else None] += exact
        is_price_missing |= is_missing
    return Spending(by_place=dict(found), is_price_missing=is_price_missing)


def _branches(person: Person, node: Node | None) -> list[int]:
    """As ``branches_for`` of the costs per resource, by the roles that read the register."""
    payers, projects = register_payers(person), register_projects(person)
    if node:
        payers = payers.filter(pk=node.pk)
        projects = projects.filter(Q(pk=node.pk) | Q(ancestor_ids__contains=[node.pk]))
    paid = set(topmost(payers).values_list("pk", flat=True))
    return [*paid, *projects.values_list("pk", flat=True)]
