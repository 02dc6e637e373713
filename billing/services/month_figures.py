"""What is said of a month: its lines, its total, its days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from billing.models import BillingMonth
from billing.services.cost_lines import Costs
from portal.core.calendar import Period, day_of, days_in


@dataclass(frozen=True, kw_only=True)
class MonthCosts:
    """One business month of one part of the tree.

    Attributes:
        as_of: open use counts until here.
        realised: what was used until then.
        expected: what the whole month comes to if what runs then runs on, to its end date, and as
            much passes by each day as lately.
        summary_id: where this was read; None is from usage itself, or from statements.
        closed: the month in the books, if this is what was billed of it.
        other_centers: the cost centres that were left out, where only one was asked for.
    """

    month: Period
    as_of: datetime
    realised: Costs
    expected: Costs
    summary_id: int | None = None
    closed: BillingMonth | None = None
    other_centers: frozenset[str] = frozenset()

    @property
    def cost_centers(self) -> frozenset[str]:
        """What anything of it falls under, also where that was left out."""
        lines = (*self.realised.lines, *self.expected.lines)
        return self.other_centers | {line.cost_center for line in lines if line.cost_center}

    def of_center(self, code: str) -> MonthCosts:
        """Only what falls under this cost centre; empty: under none."""
        return replace(
            self,
            realised=self.realised.of_center(code),
            expected=self.expected.of_center(code),
            other_centers=self.cost_centers - {code},
        )


def costs_of_months(
    months: Iterable[Period],
    *,
    at: datetime,
    realised: Mapping[datetime, Costs],
    expected: Mapping[datetime, Costs],
) -> dict[datetime, MonthCosts]:
    """Those months by where they start; a month that has nothing has no lines."""
    nothing = Costs(lines=())
    return {
        month.start: MonthCosts(
            month=month,
            as_of=min(at, month.end),
            realised=realised.get(month.start, nothing),
            expected=expected.get(month.start, nothing),
        )
        for month in months
    }


@dataclass(frozen=True, kw_only=True)
class MonthTotal:
    """What one business month came to, in whole cents: the sums of its lines.

    ``has_lines``: there is something to look at, also where it comes to nothing: all is shared.
    """

    month: Period
    realised: Decimal
    expected: Decimal
    has_lines: bool
    is_price_missing: bool
    is_billed: bool = False

    @classmethod
    def of(cls, found: MonthCosts) -> MonthTotal:
        """The lines of the month, added up."""
        return cls(
            month=found.month,
            realised=found.realised.total,
            expected=found.expected.total,
            has_lines=bool(found.realised.lines),
            is_price_missing=found.expected.is_price_missing,
            is_billed=found.closed is not None,
        )


@dataclass(frozen=True, kw_only=True)
class DayCosts:
    """One business day, six decimals."""

    day: date
    realised: Decimal
    expected: Decimal


def days_of(
    month: Period, exact: dict[tuple[bool, date], Decimal], *, is_over: bool
) -> list[DayCosts]:
    """Every day of a month, of sums by whether they are expected and by day."""

    def of(day: date) -> DayCosts:
        realised = exact.get((False, day), Decimal(0))
        expected = realised if is_over else exact.get((True, day), Decimal(0))
        return DayCosts(day=day, realised=realised, expected=expected)

    return [of(day_of(day.start)) for day in days_in(month)]
