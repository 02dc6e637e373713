"""Which price holds, for whom, at a moment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import Q

from billing.models import Price, Sku, UsageSpan
from portal.core.models import is_in_force
from portal.identity.models import Organization, Project


def nearest_prices(
    lineage: Sequence[int], *, at: datetime, skus: Iterable[str] | None = None
) -> dict[str, Price]:
    """The price that holds at ``at`` of each SKU that has one, by the code of the SKU. One query.

    Args:
        lineage: primary keys from the topmost organization down; the lowest goes first, the price
            for everybody comes last.
        skus: only these; None is all.
    """
    reaching = Q(organization__in=lineage) | Q(organization=None)
    prices = Price.objects.filter(is_in_force(at), reaching)
    if skus is not None:
        prices = prices.filter(sku__code__in=skus)
    return nearest_of(prices.select_related("sku"), lineage)


class PriceBook:
    """What holds in a project at a moment: the database is asked once for the price of each SKU."""

    def __init__(self, project: Project, at: datetime) -> None:
        self.project, self.at = project, at
        self._asked: set[str] = set()
        self._found: dict[str, Price] = {}

    def prices_of(self, skus: Collection[str]) -> dict[str, Price]:
        """Those of the SKUs that have a price, by code."""
        unknown = set(skus) - self._asked
        if unknown:
            self._found |= nearest_prices(self.project.lineage_ids, at=self.at, skus=unknown)
            self._asked |= unknown
        return {sku: self._found[sku] for sku in skus if sku in self._found}


def nearest_of(prices: Iterable[Price], lineage: Sequence[int]) -> dict[str, Price]:
    """Of prices that hold, those that reach the lowest of ``lineage``; others are passed over."""
    places: dict[int | None, int] = {pk: depth for depth, pk in enumerate(lineage)}
    places[None] = -1
    reaching = [price for price in prices if price.organization_id in places]
    return {
        price.sku.code: price
        for price in sorted(reaching, key=lambda price: places[price.organization_id])
    }


def unpriced_skus(
    skus: Iterable[str], *, organizations: Collection[Organization], at: datetime
) -> list[str]:
    """Return the SKUs without a price at ``at`` for all projects below ``organizations``.

    Without organizations: for all projects there are. One query.
    """
    wanted = sorted(set(skus))
    lineages = [set(organization.lineage_ids) for organization in organizations]
    prices = Price.objects.filter(is_in_force(at), sku__code__in=wanted)
    priced: dict[str, set[int | None]] = {}
    for code, organization_id in prices.values_list("sku__code", "organization_id"):
        priced.setdefault(code, set()).add(organization_id)

    def is_priced(code: str) -> bool:
        places = priced.get(code, set())
        return None in places or (bool(lineages) and all(places & each for each in lineages))

    return [code for code in wanted if not is_priced(code)]


def unpriced_use(lineages: Mapping[int, Collection[int]], *, at: datetime) -> list[Sku]:
    """What is in use at ``at`` and would have no price if the projects stood there. Three queries.

    Args:
        lineages: the organizations that would stand above each project, by their primary keys.
    """
    running = UsageSpan.objects.filter(resource__project__in=lineages, ended_at=None)
    uses = set(running.values_list("resource__project", "sku").distinct())
    prices = Price.objects.filter(is_in_force(at), sku__in={sku_id for _project, sku_id in uses})
    priced = set(prices.values_list("sku", "organization"))
    unpriced = {
        sku_id
        for project_id, sku_id in uses
        if not any((sku_id, place) in priced for place in (None, *lineages[project_id]))
    }
    return list(Sku.objects.filter(pk__in=unpriced).order_by("code"))
