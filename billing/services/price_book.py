"""Which price holds, for whom, at a moment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from billing.models import Price, Sku, UsageSpan
from portal.core.models import is_in_force
from portal.core.rows import Cut, RowOf, ask
from portal.identity.models import Organization, Project

_PRICE: Final = RowOf(Price)
_SKU: Final = RowOf(Sku)
_HOLDING: Final = f"""
    SELECT {_PRICE.columns}, {_SKU.columns}
    FROM billing_price JOIN billing_sku ON billing_sku.id = sku_id
    WHERE valid_from <= %(at)s AND (valid_until IS NULL OR valid_until > %(at)s)
        AND (organization_id IS NULL OR organization_id = ANY(%(lineage)s))
"""  # noqa: S608  (names of columns)
_HOLDING_OF: Final = _HOLDING + " AND code = ANY(%(skus)s)"


def nearest_prices(
    lineage: Sequence[int], *, at: datetime, skus: Iterable[str] | None = None
) -> dict[str, Price]:
    """The price that holds at ``at`` of each SKU that has one, by the code of the SKU. One query.

    Args:
        lineage: primary keys from the topmost organization down; the lowest goes first, the price
            for everybody comes last.
        skus: only these; None is all.
    """
    statement, asked = _HOLDING, {"lineage": list(lineage), "at": at}
    if skus is not None:
        statement, asked = _HOLDING_OF, {**asked, "skus": list(skus)}
    return nearest_of(map(_read, ask(statement, asked)), lineage)


def _read(row: Cut) -> Price:
    price = row.take(_PRICE)
    price.sku = row.take(_SKU)
    return price


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
