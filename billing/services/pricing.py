"""What something will cost, before it is ordered: the tariff of one moment, times the meters.

Where a price has tiers that depends on how much the project uses already: see ``_BeneathQuotes``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TypeVar

from django.db.models import Q, Sum

from billing.errors import PriceMissing
from billing.meters import Meter, expected_by_sku, quantity_by_sku
from billing.models import Price, UsageSpan
from billing.rating import DUE_AT_ONCE, TierPart, UnitPrice, Usage, used_per_unit
from billing.services.price_book import PriceBook, nearest_of, nearest_prices
from billing.services.quotes import Quote, QuoteLine, cost_of_parts, parts_on_top
from portal.core.calendar import Period, month_of
from portal.core.models import is_in_force
from portal.core.money import RATED_PLACES, to_cents
from portal.identity.models import Project

Key = TypeVar("Key", bound=Hashable)


def quote(
    meters: Sequence[Meter],
    *,
    project: Project,
    at: datetime,
    besides: Mapping[str, Decimal] = MappingProxyType({}),
    agreed: Mapping[str, Price] = MappingProxyType({}),
) -> Quote:
    """Price ``meters`` for ``project`` by the tariff in force at ``at``. One query.

    An organization's own price goes before that of the organizations above it, and those before
    the price for everybody. Where one has tiers, a second query tells what runs already.

    Args:
        besides: by SKU what will be used too, or below zero what no longer will.
        agreed: by SKU what it costs in a minimum term that runs, whatever the tariff (``prices_in``
            of ``term_reading``). Its term has begun, so none begins.

    Raises:
        PriceMissing: a SKU is unknown or has no price then.
    """
    quantities = quantity_by_sku(meters)
    held = {sku: agreed[sku] for sku in quantities if sku in agreed}
    prices = nearest_prices(project.lineage_ids, at=at, skus=quantities) | held
    for sku in quantities:
        if sku not in prices:
            raise PriceMissing(sku=sku)
    beneath = _BeneathQuotes.of([project], prices.values(), at)
    others = beneath.for_project(project, besides)
    quoted = _quote(quantities, prices, at, others, expected_by_sku(meters))
    if not held:
        return quoted
    lines = (replace(line, minimum_months=0) if line.sku in held else line for line in quoted.lines)
    return Quote(lines=tuple(lines))


def quote_each(sets: Mapping[Key, Sequence[Meter]], book: PriceBook) -> dict[Key, Quote]:
    """Price many sets of meters as ``quote`` does, in one query for all that the book lacks.

    Returns:
        The quotes by the keys of ``sets``, without those in which a SKU has no price.
    """
    quantities = {key: quantity_by_sku(meters) for key, meters in sets.items()}
    skus = {sku for wanted in quantities.values() for sku in wanted}
    prices = book.prices_of(skus)
    beneath = _BeneathQuotes.of([book.project], prices.values(), book.at).for_project(book.project)
    return {
        key: _quote(wanted, prices, book.at, beneath, expected_by_sku(sets[key]))
        for key, wanted in quantities.items()
        if wanted.keys() <= prices.keys()
    }


def quote_in_projects(
    sets: Mapping[Key, tuple[Project, Sequence[Meter]]], *, at: datetime
) -> dict[Key, Quote]:
    """Price sets of meters that run, each in a project of its own: what ending it would save.

    In queries as ``quote``.
    """
    quantities = {key: quantity_by_sku(meters) for key, (_project, meters) in sets.items()}
    skus = {sku for wanted in quantities.values() for sku in wanted}
    held = Price.objects.filter(is_in_force(at), sku__code__in=skus).select_related("sku")
    prices = list(held)
    beneath = _BeneathQuotes.of([project for project, _meters in sets.values()], prices, at)
    quotes = {}
    for key, (project, _meters) in sets.items():
        nearest = nearest_of(prices, project.lineage_ids)
        wanted = quantities[key]
        if wanted.keys() <= nearest.keys():
            others = beneath.for_project(
                project, {sku: -quantity for sku, quantity in wanted.items()}
            )
            quotes[key] = _quote(wanted, nearest, at, others)
    return quotes


@dataclass(frozen=True)
class _BeneathQuotes:
    """What projects use already of SKUs whose price has tiers: what is quoted comes on top.

    It is what runs at the moment of the quote, as if all month; of what is paid once, what began in
    its month until then. By primary key of the project and code of the SKU.
    """

    running: Mapping[tuple[int, str], Decimal]

    @classmethod
    def of(
        cls, projects: Iterable[Project], prices: Iterable[Price], at: datetime
    ) -> _BeneathQuotes:
        """One query, and none where no price has tiers."""
        tiered = [price for price in prices if price.tiers]
        if not tiered:
            return cls({})
        once = {price.sku_id for price in tiered if price.unit in DUE_AT_ONCE}
        others = {price.sku_id for price in tiered} - once
        month = month_of(at)
        began = Q(is_beginning=True, started_at__gte=month.start, started_at__lte=at)
        runs = Q(started_at__lte=at) & (Q(ended_at=None) | Q(ended_at__gt=at))
        runs &= Q(term=None) | Q(term__ends_at__lte=at)  # in a term the price of that holds
        sums = (
            UsageSpan.objects.filter(resource__project__in=[project.pk for project in projects])
            .filter(runs & Q(sku__in=others) | began & Q(sku__in=once))
            .values_list("resource__project", "sku__code")
            .annotate(sum=Sum("quantity"))
        )
        return cls({(project_id, code): quantity for project_id, code, quantity in sums})

    def for_project(
        self, project: Project, besides: Mapping[str, Decimal] = MappingProxyType({})
    ) -> dict[str, Decimal]:
        """By SKU; with what will be used besides, or no longer will."""
        own = {code: sum_ for (pk, code), sum_ in self.running.items() if pk == project.pk}
        return {
            code: max(Decimal(0), own.get(code, Decimal(0)) + besides.get(code, Decimal(0)))
            for code in own.keys() | besides.keys()
        }


def _quote(
    quantities: Mapping[str, Decimal],
    prices: Mapping[str, Price],
    at: datetime,
    beneath: Mapping[str, Decimal],
    expected: Mapping[str, Decimal] = MappingProxyType({}),
) -> Quote:
    month, nothing = month_of(at), Decimal(0)
    return Quote(
        lines=tuple(
            _line(
                prices[sku],
                quantity,
                month,
                beneath=beneath.get(sku, nothing),
                expected=expected.get(sku, nothing),
            )
            for sku, quantity in quantities.items()
        )
    )


def _line(
    price: Price, quantity: Decimal, month: Period, *, beneath: Decimal, expected: Decimal
) -> QuoteLine:
    unit_price = price.unit_price
    if not price.tiers:
        beneath = Decimal(0)
    full_month = Usage(quantity, month.start, month.end)
    parts = parts_on_top(full_month, unit_price, beneath=beneath)
    cost = cost_of_parts(parts)
    if price.tiers:
        cost = sum((to_cents(part.cost) for part in parts), Decimal(0))
    is_at_once = unit_price.unit in DUE_AT_ONCE
    return QuoteLine(
        sku=price.sku.code,
        name_nl=price.sku.name_nl,
        name_en=price.sku.name_en,
        quantity=quantity,
        unit=price.unit,
        unit_price=price.amount,
        monthly=Decimal(0) if is_at_once else cost,
        one_off=cost if is_at_once else Decimal(0),
        tiers=price.tiers,
        beneath=beneath,
        included=_included(parts, unit_price, month) if price.tiers else Decimal(0),
        expected=cost_of_parts(
            parts_on_top(replace(full_month, quantity=expected), unit_price, beneath=beneath)
        )
        if expected
        else Decimal(0),
        minimum_months=price.minimum_months if quantity else 0,
    )


def _included(parts: Iterable[TierPart], price: UnitPrice, month: Period) -> Decimal:
    """How many units are in tiers that cost nothing, to the sixth decimal."""
    free = sum((part.used for part in parts if not part.tier.amount), Decimal(0))
    return (free / used_per_unit(price.unit, month)).quantize(RATED_PLACES)
