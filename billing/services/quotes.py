"""A quote: what a set of meters costs at the tariff of one moment, kept with what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from billing.models import PriceUnit
from billing.rating import (
    DUE_AT_ONCE,
    Tier,
    TierPart,
    Unit,
    UnitPrice,
    Usage,
    rate_tiers,
    split_by_month,
)
from portal.core.calendar import Period, month_of, months_later
from portal.core.formats import money
from portal.core.formats import quantity as shown_quantity
from portal.core.money import to_cents

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

    def months_that_bind(self, unit: str, unit_price: Decimal) -> int:
        """For how many months at least it is due of who agreed to this line, at that price by now.

        What costs more than was agreed, or goes by another unit, binds nobody: it is paid as long
        as it is used.
        """
        binds = unit == self.unit and unit_price <= self.unit_price
        return self.minimum_months if binds else 0

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
            (cost_of_parts(parts_on_top(piece, price, beneath=self.beneath)) for piece in pieces),
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

    @property
    def later(self) -> Decimal:
        """What of ``least`` falls due after the first month."""
        held = (line for line in self.lines if line.minimum_months)
        return sum((line.least - to_cents(line.monthly) for line in held), Decimal(0))

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

    def bound_by(self, agreed: Quote) -> Quote:
        """This quote for who agreed to another: it binds to no more than that one did."""
        said = {line.sku: line for line in agreed.lines}
        return Quote(lines=tuple(_bound(line, said.get(line.sku)) for line in self.lines))

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


def parts_on_top(piece: Usage, price: UnitPrice, *, beneath: Decimal) -> list[TierPart]:
    """What a piece within one month adds, where ``beneath`` is held all of that month besides."""
    month = month_of(piece.start)
    if price.unit in DUE_AT_ONCE:
        used, before = piece.quantity * piece.is_beginning, beneath
    else:
        used, before = piece.quantity * piece.seconds, beneath * month.seconds
    return rate_tiers(price, used=used, before=before, month=month)


def _bound(line: QuoteLine, agreed: QuoteLine | None) -> QuoteLine:
    months = agreed.months_that_bind(line.unit, line.unit_price) if agreed else 0
    return replace(line, minimum_months=min(line.minimum_months, months))


def cost_of_parts(parts: Iterable[TierPart]) -> Decimal:
    return sum((part.cost for part in parts), Decimal(0))
