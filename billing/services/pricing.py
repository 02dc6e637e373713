"""What something will cost, before it is ordered: the tariff of one moment, times the meters.

Where a price has tiers that depends on how much the project uses already: see ``_BeneathQuotes``.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, TypeVar

from django.db.models import Q, Sum
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from billing.errors import PriceMissing
from billing.meters import Meter, expected_by_sku, quantity_by_sku
from billing.models import Price, PriceUnit, Sku, UsageSpan
from billing.rating import (
    DUE_AT_ONCE,
    Tier,
    TierPart,
    Unit,
    UnitPrice,
    Usage,
    rate_tiers,
    split_by_month,
    used_per_unit,
)
from portal.core.calendar import Period, month_of, months_later
from portal.core.formats import money
from portal.core.formats import quantity as shown_quantity
from portal.core.models import is_in_force
from portal.core.money import RATED_PLACES, to_cents
from portal.identity.models import Organization, Project

Key = TypeVar("Key", bound=Hashable)

_OF_TIERS: Final = ("tiers", "beneath", "included")
_OF_SOME: Final = ("beneath", "included", "expected")  # numbers that not every line has


@dataclass(frozen=True, kw_only=True)
class QuoteLine:
    """What one SKU costs: six decimals, euros without VAT.

    Attributes:
        unit: a value of ``PriceUnit``.
        unit_price: where there are ``tiers``, until the first of them.
        monthly: the cost of a full calendar month; zero for a one-off price. Of an hourly price:
            times the hours of the month in which the quote was made (672 to 745). Of a price with
            tiers the part in each is rounded to cents, as a statement has a line of each.
        one_off: the cost that falls due once, when the use begins.
        beneath: how much of it the project is expected to use besides, all month; of what is paid
            once, how much began in the month. Counted only where there are tiers.
        included: how many units of a full month, or once, cost nothing where others do.
        expected: of what is measured: what a full month costs at most, or is thought to cost. No
            promise; whoever judges beforehand looks at it.
        minimum_months: for at least so long it is due, and costs the same; zero is no minimum.

    Of what is measured ``quantity`` and both costs are zero: only the price is known beforehand.
    """

    sku: str
    name_nl: str
    name_en: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    monthly: Decimal
    one_off: Decimal
    tiers: tuple[Tier, ...] = ()
    beneath: Decimal = Decimal(0)
    included: Decimal = Decimal(0)
    expected: Decimal = Decimal(0)
    minimum_months: int = 0

    @property
    def least(self) -> Decimal:
        """What is due in the minimum term, in whole cents: as many months as it has."""
        return to_cents(self.monthly) * self.minimum_months

    @property
    def minimum_text(self) -> str:
        """For how long it is due, and what that comes to, in words."""
        text = ngettext(
            "for at least {number} month: {amount}",
            "for at least {number} months: {amount}",
            self.minimum_months,
        )
        return text.format(number=self.minimum_months, amount=money(self.least))

    def due_until(self, start: datetime, end: datetime) -> datetime:
        """Until when it is due if it is used from ``start`` until ``end``."""
        return max(end, months_later(start, self.minimum_months)) if self.minimum_months else end

    @property
    def name(self) -> str:
        """The name in the reader's language."""
        return self.name_en if get_language() == "en" else self.name_nl

    @property
    def is_measured(self) -> bool:
        """What is used shows afterwards."""
        return not self.quantity

    @property
    def unit_label(self) -> str:
        """The unit in words, e.g. “per month”."""
        return str(PriceUnit(self.unit).label)

    @property
    def included_text(self) -> str:
        """How much of it is included, in words."""
        text = _("of which {quantity} included")
        if self.unit == PriceUnit.HOUR:
            text = _("of which {quantity} hours a month included")
        return text.format(quantity=shown_quantity(self.included))

    @property
    def expected_text(self) -> str:
        """What is expected of what is measured, in words."""
        text = _("expected: {amount} per month")
        if self.unit == PriceUnit.GIB_MONTH:
            text = _("at most {amount} per month, when it is full")
        return text.format(amount=money(self.expected))

    def cost(self, start: datetime, end: datetime) -> Decimal:
        """What holding this from ``start`` until ``end`` costs, as the charges will say it."""
        price = UnitPrice(Unit(self.unit), self.unit_price, self.tiers)
        pieces = split_by_month(Usage(self.quantity, start, end))
        return sum(
            (_cost_of_parts(_parts_on_top(piece, price, beneath=self.beneath)) for piece in pieces),
            Decimal(0),
        )

    def expected_cost(self, start: datetime, end: datetime) -> Decimal:
        """What ``expected`` comes to from ``start`` until ``end``, by the seconds of each month."""
        return sum(
            (
                self.expected * piece.seconds / month_of(piece.start).seconds
                for piece in split_by_month(Usage(Decimal(1), start, end))
            ),
            Decimal(0),
        )

    def as_json(self) -> dict[str, Any]:
        """For a JSON column; numbers as decimal strings, tiers only where there are any."""
        left_out: tuple[str, ...] = () if self.tiers else _OF_TIERS
        left_out += () if self.expected else ("expected",)
        left_out += ("minimum_months",)  # a number as it is
        written: dict[str, Any] = {
            field.name: str(getattr(self, field.name))
            for field in fields(QuoteLine)
            if field.name not in left_out
        }
        if self.minimum_months:
            written["minimum_months"] = self.minimum_months
        if self.tiers:
            written["tiers"] = [[str(one.from_quantity), str(one.amount)] for one in self.tiers]
        return written

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> QuoteLine:
        """The line that ``as_json`` wrote."""
        numbers = ("quantity", "unit_price", "monthly", "one_off", *_OF_SOME)
        tiers = [Tier(*map(Decimal, pair)) for pair in line.get("tiers", ())]
        read = {name: Decimal(line[name]) for name in numbers if name in line}
        return cls(**{**line, **read, "tiers": tuple(tiers)})


@dataclass(frozen=True, kw_only=True)
class Quote:
    """What a set of meters costs at the tariff of one moment.

    ``monthly`` and ``one_off`` are sums of lines rounded to cents, as a statement adds them up:
    what the page shows is what a full month charges, while no tariff changes.
    """

    lines: tuple[QuoteLine, ...]

    @property
    def monthly(self) -> Decimal:
        return sum((to_cents(line.monthly) for line in self.lines), Decimal(0))

    @property
    def one_off(self) -> Decimal:
        return sum((to_cents(line.one_off) for line in self.lines), Decimal(0))

    @property
    def expected(self) -> Decimal:
        """What a full month of what is measured costs at most, or is thought to: no promise."""
        return sum((to_cents(line.expected) for line in self.lines), Decimal(0))

    @property
    def judged_monthly(self) -> Decimal:
        """What rules, limits and quota look at: a full month with what is expected of it."""
        return self.monthly + self.expected

    @property
    def measured_lines(self) -> list[QuoteLine]:
        """Those of which only the price is known beforehand."""
        return [line for line in self.lines if line.is_measured]

    @property
    def is_by_use_alone(self) -> bool:
        """Nothing is paid but what the cloud counts."""
        return bool(self.lines) and all(line.is_measured for line in self.lines)

    @property
    def least(self) -> Decimal:
        """What is due of it in any case, however soon it ends: that of the minimum terms."""
        return sum((line.least for line in self.lines), Decimal(0))

    def cost_until(
        self, start: datetime, end: datetime, *, limit: datetime | None = None
    ) -> Decimal:
        """What use from ``start`` (inclusive) to ``end`` (exclusive) costs: six decimals.

        What has a minimum term is due until that ends. Zero when ``end`` is not after ``start``.

        Args:
            limit: what is due from then on is left out.
        """
        if Period(start, end).seconds <= 0:
            return Decimal(0)
        ends = [(line, line.due_until(start, end)) for line in self.lines]
        return sum(
            (line.cost(start, min(until, limit) if limit else until) for line, until in ends),
            Decimal(0),
        )

    def judged_until(
        self, start: datetime, end: datetime, *, limit: datetime | None = None
    ) -> Decimal:
        """As ``cost_until``, with what is expected of what is measured: what budgets look at."""
        if Period(start, end).seconds <= 0:
            return Decimal(0)
        expected = sum((line.expected_cost(start, end) for line in self.lines), Decimal(0))
        return self.cost_until(start, end, limit=limit) + expected

    def after(self, before: Quote) -> Quote:
        """This quote without what fell due already where it follows on ``before``.

        What stays equal runs on, so it is not paid once more; of another quantity all of it is. Of
        what is in use no minimum term begins.
        """
        runs_on = {(line.sku, line.quantity) for line in before.lines}
        known = {line.sku for line in before.lines}
        return Quote(
            lines=tuple(
                replace(line, minimum_months=0) if line.sku in known else line
                for line in self.lines
                if line.unit != PriceUnit.ONE_OFF or (line.sku, line.quantity) not in runs_on
            )
        )

    @property
    def quantity_by_sku(self) -> dict[str, Decimal]:
        """How much it has of each."""
        quantities: dict[str, Decimal] = {}
        for line in self.lines:
            quantities[line.sku] = quantities.get(line.sku, Decimal(0)) + line.quantity
        return quantities

    @property
    def without_terms(self) -> Quote:
        """What of it stops when its use stops."""
        return Quote(lines=tuple(replace(line, minimum_months=0) for line in self.lines))

    def as_json(self) -> list[dict[str, Any]]:
        """The lines for a JSON column; numbers as decimal strings."""
        return [line.as_json() for line in self.lines]

    @classmethod
    def from_json(cls, data: Sequence[Mapping[str, Any]]) -> Quote:
        """The quote that ``as_json`` wrote."""
        return cls(lines=tuple(map(QuoteLine.from_json, data)))


def quote(
    meters: Sequence[Meter],
    *,
    project: Project,
    at: datetime,
    besides: Mapping[str, Decimal] = MappingProxyType({}),
) -> Quote:
    """Price ``meters`` for ``project`` by the tariff in force at ``at``. One query.

    An organization's own price goes before that of the organizations above it, and those before
    the price for everybody. Where one has tiers, a second query tells what runs already.

    Args:
        besides: by SKU what will be used too, or below zero what no longer will.

    Raises:
        PriceMissing: a SKU is unknown or has no price then.
    """
    quantities = quantity_by_sku(meters)
    prices = nearest_prices(project.lineage_ids, at=at, skus=quantities)
    for sku in quantities:
        if sku not in prices:
            raise PriceMissing(sku=sku)
    beneath = _BeneathQuotes.of([project], prices.values(), at)
    others = beneath.for_project(project, besides)
    return _quote(quantities, prices, at, others, expected_by_sku(meters))


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
        nearest = _nearest(prices, project.lineage_ids)
        wanted = quantities[key]
        if wanted.keys() <= nearest.keys():
            others = beneath.for_project(
                project, {sku: -quantity for sku, quantity in wanted.items()}
            )
            quotes[key] = _quote(wanted, nearest, at, others)
    return quotes


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
    return _nearest(prices.select_related("sku"), lineage)


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


def _nearest(prices: Iterable[Price], lineage: Sequence[int]) -> dict[str, Price]:
    """Of prices that hold, those that reach the lowest of ``lineage``; others are passed over."""
    places: dict[int | None, int] = {pk: depth for depth, pk in enumerate(lineage)}
    places[None] = -1
    reaching = [price for price in prices if price.organization_id in places]
    return {
        price.sku.code: price
        for price in sorted(reaching, key=lambda price: places[price.organization_id])
    }


def _line(
    price: Price, quantity: Decimal, month: Period, *, beneath: Decimal, expected: Decimal
) -> QuoteLine:
    unit_price = price.unit_price
    if not price.tiers:
        beneath = Decimal(0)
    full_month = Usage(quantity, month.start, month.end)
    parts = _parts_on_top(full_month, unit_price, beneath=beneath)
    cost = _cost_of_parts(parts)
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
        expected=_cost_of_parts(
            _parts_on_top(replace(full_month, quantity=expected), unit_price, beneath=beneath)
        )
        if expected
        else Decimal(0),
        minimum_months=price.minimum_months if quantity else 0,
    )


def _parts_on_top(piece: Usage, price: UnitPrice, *, beneath: Decimal) -> list[TierPart]:
    """What a piece within one month adds, where ``beneath`` is held all of that month besides."""
    month = month_of(piece.start)
    if price.unit in DUE_AT_ONCE:
        used, before = piece.quantity * piece.is_beginning, beneath
    else:
        used, before = piece.quantity * piece.seconds, beneath * month.seconds
    return rate_tiers(price, used=used, before=before, month=month)


def _cost_of_parts(parts: Iterable[TierPart]) -> Decimal:
    return sum((part.cost for part in parts), Decimal(0))


def _included(parts: Iterable[TierPart], price: UnitPrice, month: Period) -> Decimal:
    """How many units are in tiers that cost nothing, to the sixth decimal."""
    free = sum((part.used for part in parts if not part.tier.amount), Decimal(0))
    return (free / used_per_unit(price.unit, month)).quantize(RATED_PLACES)
