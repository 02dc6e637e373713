"""What months cost a part of the tree: as billed, from the summary of a month, or from usage.

A closed month is what its statements say. Of any other a summary and usage itself say the same of
the same moment, to the cent; only the time that it takes differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from billing.models import BillingMonth, MonthSummary
from billing.services.billed import (
    billed_by_resource,
    billed_days,
    billed_lines,
    billed_totals,
    closed_among,
    payers_in,
)
from billing.services.charging import cost_by_day, cost_by_resource, costs, expected_costs
from billing.services.cost_lines import CostLine, Costs, ResourceCost
from billing.services.month_figures import (
    DayCosts,
    MonthCosts,
    MonthTotal,
    costs_of_months,
    days_of,
)
from billing.services.month_shares import (
    MonthShares,
    shares_in,
    total_with_shares,
    with_shares,
)
from billing.services.summary_reading import (
    find_summaries,
    paid_by,
    read_days,
    summarized,
    summarized_totals,
)
from portal.core.calendar import Period, day_of, month_of


@dataclass(frozen=True, kw_only=True)
class _Places:
    """Where each month is read: in the books, in a summary, or from usage itself."""

    closed: dict[datetime, BillingMonth]
    summaries: dict[datetime, MonthSummary]
    others: list[Period]


def month_costs(
    node_ids: Sequence[int], months: Sequence[Period], *, at: datetime, is_fresh: bool = False
) -> list[MonthCosts]:
    """What each of these business months cost. At most eleven queries, however many months;
    where costs are shared by key twice as many.

    Args:
        node_ids: as of ``billing.services.charging.costs``.
        at: the present moment.
        is_fresh: what is not over is reckoned up to this very second: for who decides on money.
    """
    places = _find_places(months, at, is_fresh=is_fresh)
    found = (
        _billed(node_ids, places.closed)
        | summarized(node_ids, places.summaries)
        | _reckon(node_ids, places.others, at)
    )
    shares = _shares(node_ids, places, at)
    return [with_shares(found[month.start], shares.get(month.start)) for month in months]


def month_totals(
    node_ids: Sequence[int],
    months: Sequence[Period],
    *,
    at: datetime,
    is_fresh: bool = False,
    cost_center: str | None = None,
) -> list[MonthTotal]:
    """The same added up, without reading every line; arguments as of ``month_costs``.

    Args:
        cost_center: only what falls under this one; empty: under none.
    """
    places = _find_places(months, at, is_fresh=is_fresh)
    reckoned = _reckon(node_ids, places.others, at)
    shares = _shares(node_ids, places, at)
    if cost_center is not None:
        reckoned = {start: found.of_center(cost_center) for start, found in reckoned.items()}
        shares = {start: found.of_center(cost_center) for start, found in shares.items()}
    found = (
        _billed_totals(node_ids, places.closed, cost_center)
        | summarized_totals(node_ids, places.summaries, cost_center)
        | {start: MonthTotal.of(month) for start, month in reckoned.items()}
    )
    return [total_with_shares(found[month.start], shares.get(month.start)) for month in months]


def open_shares(
    node_ids: Sequence[int], months: Sequence[Period], *, at: datetime
) -> dict[datetime, MonthShares]:
    """What is shared in months that are not closed, to this very second, by their start."""
    return _shares(node_ids, _Places(closed={}, summaries={}, others=list(months)), at)


def _shares(node_ids: Sequence[int], places: _Places, at: datetime) -> dict[datetime, MonthShares]:
    """What is shared in the months that are not closed; of a closed one that is on statements."""
    months = [*places.others, *(month_of(start) for start in places.summaries)]

    def read(project_ids: Sequence[int]) -> dict[datetime, MonthCosts]:
        reckoned = _reckon(project_ids, places.others, at)
        return summarized(project_ids, places.summaries) | reckoned

    return shares_in(node_ids, months, read)


def _find_places(months: Sequence[Period], at: datetime, *, is_fresh: bool) -> _Places:
    closed = closed_among(months)
    others = [month for month in months if month.start not in closed]
    summaries = find_summaries(others, at, is_fresh=is_fresh)
    return _Places(
        closed=closed,
        summaries=summaries,
        others=[month for month in others if month.start not in summaries],
    )


def day_costs(node_ids: Sequence[int], found: MonthCosts) -> list[DayCosts]:
    """The same month day by day, days without use included. Five queries at most."""
    if found.closed:
        return _billed_days(node_ids, found.closed)
    if found.summary_id is None:
        return _reckon_days(node_ids, found)
    sums = read_days(found.summary_id, paid_by(node_ids))
    return days_of(found.month, sums, is_over=found.as_of == found.month.end)


def resource_costs(project_id: int, found: MonthCosts) -> list[ResourceCost]:
    """What each resource of a project used in the month, dearest first. Two queries at most."""
    if found.closed:
        return billed_by_resource(project_id, found.closed)
    return cost_by_resource(project_id, period=found.month, as_of=found.as_of)


# --- as billed ---------------------------------------------------------------------------------


def _billed(
    node_ids: Sequence[int], closed: dict[datetime, BillingMonth]
) -> dict[datetime, MonthCosts]:
    if not closed:
        return {}
    lines = billed_lines(node_ids, closed.values())
    return {
        start: MonthCosts(
            month=month.period,
            as_of=month.period.end,
            realised=lines[start],
            expected=lines[start],
            closed=month,
        )
        for start, month in closed.items()
    }


def _billed_totals(
    node_ids: Sequence[int], closed: dict[datetime, BillingMonth], cost_center: str | None
) -> dict[datetime, MonthTotal]:
    if not closed:
        return {}
    totals = billed_totals(node_ids, closed.values(), cost_center=cost_center)

    def of(start: datetime, month: BillingMonth) -> MonthTotal:
        amount = totals.get(start, Decimal(0))
        return MonthTotal(
            month=month.period,
            realised=amount,
            expected=amount,
            has_lines=start in totals,
            is_price_missing=False,
            is_billed=True,
        )

    return {start: of(start, month) for start, month in closed.items()}


def _billed_days(node_ids: Sequence[int], closed: BillingMonth) -> list[DayCosts]:
    """From the summary that a worker kept of what was billed; else from all that is behind it."""
    month = closed.period
    kept = MonthSummary.objects.filter(month_start=month.start, is_billed=True).first()
    if kept:
        payers = payers_in(node_ids, closed)
        sums = read_days(kept.pk, Q(project__in=node_ids) | Q(organization__in=payers))
    else:
        days = billed_days(node_ids, closed)
        sums = {(False, day_of(start)): amount for start, amount in days.items()}
    return days_of(month, sums, is_over=True)


# --- from usage itself -------------------------------------------------------------------------


def _reckon(
    node_ids: Sequence[int], months: Sequence[Period], at: datetime
) -> dict[datetime, MonthCosts]:
    """By the start of the month. All between the earliest and the latest is read at once."""
    if not months:
        return {}
    whole = Period(min(month.start for month in months), max(month.end for month in months))
    realised = _by_month(costs(node_ids, period=whole, as_of=min(at, whole.end)))
    expected = realised
    if at < whole.end:
        expected = _by_month(expected_costs(node_ids, period=whole, as_of=at))
    return costs_of_months(months, at=at, realised=realised, expected=expected)


def _by_month(found: Costs) -> dict[datetime, Costs]:
    lines: dict[datetime, list[CostLine]] = {}
    for line in found.lines:
        lines.setdefault(line.month_start, []).append(line)
    return {start: Costs(lines=tuple(some)) for start, some in lines.items()}


def _reckon_days(node_ids: Sequence[int], found: MonthCosts) -> list[DayCosts]:
    month, as_of = found.month, found.as_of
    realised = cost_by_day(node_ids, month=month, as_of=as_of)
    expected = realised
    if as_of < month.end:
        expected = cost_by_day(node_ids, month=month, as_of=as_of, until=month.end)
    return [
        DayCosts(day=one.day, realised=one.exact, expected=other.exact)
        for one, other in zip(realised, expected, strict=True)
    ]
