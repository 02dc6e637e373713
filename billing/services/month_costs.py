"""What months cost a part of the tree: from the summary of a month, or from usage itself.

Both say the same of the same moment, to the cent; only the time that it takes differs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.contrib.postgres.aggregates import BoolOr
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Round

from billing.models import MonthSummary, OutdatedMonth, SummaryDay, SummaryLine
from billing.services.charging import CostLine, Costs, cost_by_day, costs, expected_costs
from billing.services.summaries import rest_after
from portal.core.calendar import Period, day_of, days_in
from portal.identity.models import NodeKind, NodeParent, Organization

# A summary of what still runs is as good as its next one is near.
_ROUNDS_LATE: Final = 5
# So few charges may as well be reckoned to the second.
_FEW: Final = 10_000
_OF_LINE: Final = (
    *("organization_id", "project_id", "sku_id", "price_id"),
    *("cost_center", "cost_object", "commitment_number", "quantity_seconds", "exact"),
)
_NOTHING: Final = Costs(lines=())


class _Total(NamedTuple):
    amount: Decimal
    is_price_missing: bool


_ZERO: Final = _Total(Decimal(0), is_price_missing=False)


@dataclass(frozen=True, kw_only=True)
class MonthCosts:
    """One business month of one part of the tree.

    Attributes:
        as_of: open use counts until here.
        realised: what was used until then.
        expected: what the whole month comes to if what runs then runs on, to its end date.
        summary_id: where this was read; None is from usage itself.
    """

    month: Period
    as_of: datetime
    realised: Costs
    expected: Costs
    summary_id: int | None


@dataclass(frozen=True, kw_only=True)
class MonthTotal:
    """What one business month came to, in whole cents: the sums of its lines."""

    month: Period
    realised: Decimal
    expected: Decimal
    is_price_missing: bool


@dataclass(frozen=True, kw_only=True)
class DayCosts:
    """One business day, six decimals."""

    day: date
    realised: Decimal
    expected: Decimal


def month_costs(
    node_ids: Sequence[int], months: Sequence[Period], *, at: datetime, is_fresh: bool = False
) -> list[MonthCosts]:
    """What each of these business months cost. At most six queries, however many months.

    Args:
        node_ids: as of ``billing.services.charging.costs``.
        at: the present moment.
        is_fresh: what is not over is reckoned up to this very second: for who decides on money.
    """
    summaries = _summaries(months, at, is_fresh=is_fresh)
    lines = _read_lines(summaries.values(), node_ids) if summaries else {}
    missing = [month for month in months if month.start not in summaries]
    reckoned = _reckon(node_ids, missing, at) if missing else {}

    def of(month: Period) -> MonthCosts:
        summary = summaries.get(month.start)
        if summary is None:
            return reckoned[month.start]
        realised = lines.get((summary.pk, False), _NOTHING)
        is_over = summary.as_of == month.end
        return MonthCosts(
            month=month,
            as_of=summary.as_of,
            realised=realised,
            expected=realised if is_over else lines.get((summary.pk, True), _NOTHING),
            summary_id=summary.pk,
        )

    return [of(month) for month in months]


def month_totals(
    node_ids: Sequence[int], months: Sequence[Period], *, at: datetime, is_fresh: bool = False
) -> list[MonthTotal]:
    """The same added up, without reading every line; arguments as of ``month_costs``."""
    summaries = _summaries(months, at, is_fresh=is_fresh)
    totals = _read_totals(summaries.values(), node_ids) if summaries else {}
    missing = [month for month in months if month.start not in summaries]
    reckoned = _reckon(node_ids, missing, at) if missing else {}

    def of(month: Period) -> MonthTotal:
        summary = summaries.get(month.start)
        if summary is None:
            found = reckoned[month.start]
            return MonthTotal(
                month=month,
                realised=found.realised.total,
                expected=found.expected.total,
                is_price_missing=found.expected.is_price_missing,
            )
        realised = totals.get((summary.pk, False), _ZERO)
        is_over = summary.as_of == month.end
        expected = realised if is_over else totals.get((summary.pk, True), _ZERO)
        return MonthTotal(
            month=month,
            realised=realised.amount,
            expected=expected.amount,
            is_price_missing=expected.is_price_missing,
        )

    return [of(month) for month in months]


def day_costs(node_ids: Sequence[int], found: MonthCosts) -> list[DayCosts]:
    """The same month day by day, days without use included. Two queries at most."""
    days = days_in(found.month)
    if found.summary_id is None:
        return _reckon_days(node_ids, found)
    rows = SummaryDay.objects.filter(_paid_by(node_ids), summary=found.summary_id)
    sums = rows.values_list("is_expected", "day_start").annotate(exact=Sum("exact"))
    exact = {(is_expected, day_of(start)): amount for is_expected, start, amount in sums}
    is_over = found.as_of == found.month.end

    def of(day: date) -> DayCosts:
        realised = exact.get((False, day), Decimal(0))
        expected = realised if is_over else exact.get((True, day), Decimal(0))
        return DayCosts(day=day, realised=realised, expected=expected)

    return [of(day_of(day.start)) for day in days]


# --- from usage itself -------------------------------------------------------------------------


def _reckon(
    node_ids: Sequence[int], months: Sequence[Period], at: datetime
) -> dict[datetime, MonthCosts]:
    """By the start of the month. All between the earliest and the latest is read at once."""
    whole = Period(min(month.start for month in months), max(month.end for month in months))
    realised = _by_month(costs(node_ids, period=whole, as_of=min(at, whole.end)))
    expected = realised
    if at < whole.end:
        expected = _by_month(expected_costs(node_ids, period=whole, as_of=at))
    return {
        month.start: MonthCosts(
            month=month,
            as_of=min(at, month.end),
            realised=realised.get(month.start, _NOTHING),
            expected=expected.get(month.start, _NOTHING),
            summary_id=None,
        )
        for month in months
    }


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


# --- from summaries ----------------------------------------------------------------------------


def _summaries(
    months: Sequence[Period], at: datetime, *, is_fresh: bool
) -> dict[datetime, MonthSummary]:
    """The newest summary of each month, by its start, where that one holds."""
    starts = [month.start for month in months if not (is_fresh and month.end > at)]
    newest = (
        MonthSummary.objects.filter(month_start__in=starts, taken_at__lte=at)
        .order_by("month_start", "-pk")
        .distinct("month_start")
    )
    by_start = {summary.month_start: summary for summary in newest}
    if not by_start:
        return {}
    outdated = set(
        OutdatedMonth.objects.filter(month_start__in=by_start).values_list("month_start", flat=True)
    )
    moved_at = _last_move()
    return {
        month.start: by_start[month.start]
        for month in months
        if month.start in by_start
        and month.start not in outdated
        and (moved_at is None or moved_at <= month.start)
        and _holds(by_start[month.start], month, at)
    }


def _holds(summary: MonthSummary, month: Period, at: datetime) -> bool:
    if month.end <= at:
        return summary.as_of == month.end
    is_recent = at <= summary.taken_at + _ROUNDS_LATE * rest_after(summary.seconds)
    return is_recent and summary.charge_count > _FEW


def _last_move() -> datetime | None:
    """When an organization last stood elsewhere. Months before are read from usage.

    A summary knows which organization paid, and not under which that one stood at the time.
    """
    moves = NodeParent.objects.filter(node__kind=NodeKind.ORGANIZATION, valid_until__isnull=False)
    moved: datetime | None = (
        moves.order_by("-valid_until").values_list("valid_until", flat=True).first()
    )
    return moved


def _read_lines(
    summaries: Iterable[MonthSummary], node_ids: Sequence[int]
) -> dict[tuple[int, bool], Costs]:
    """By summary, and whether it is what is expected; sorted as a statement sorts them."""
    by_pk = {summary.pk: summary for summary in summaries}
    rows = SummaryLine.objects.filter(_paid_by(node_ids), summary__in=by_pk).values(
        *("summary_id", "is_expected", *_OF_LINE),
        unit=F("price__unit"),
        unit_price=F("price__amount"),
    )
    lines: dict[tuple[int, bool], list[CostLine]] = {}
    for row in rows.order_by(*_OF_LINE):
        key = row.pop("summary_id"), row.pop("is_expected")
        month_start = by_pk[key[0]].month_start
        lines.setdefault(key, []).append(CostLine(month_start=month_start, **row))
    return {key: Costs(lines=tuple(some)) for key, some in lines.items()}


def _read_totals(
    summaries: Iterable[MonthSummary], node_ids: Sequence[int]
) -> dict[tuple[int, bool], _Total]:
    """By summary, and whether it is what is expected. Each line rounded to cents, half up."""
    lines = SummaryLine.objects.filter(_paid_by(node_ids), summary__in=summaries)
    sums = lines.values_list("summary_id", "is_expected").annotate(
        amount=Sum(Round("exact", 2)), is_missing=BoolOr(Q(price=None))
    )
    return {
        (summary_id, is_expected): _Total(amount, is_missing)
        for summary_id, is_expected, amount, is_missing in sums
    }


def _paid_by(node_ids: Collection[int]) -> Q:
    return Q(project__in=node_ids) | Q(organization__in=_branches(node_ids))


def _branches(node_ids: Collection[int]) -> QuerySet[Organization]:
    """The organizations among these nodes, and all below them."""
    return Organization.objects.filter(Q(pk__in=node_ids) | Q(ancestor_ids__overlap=list(node_ids)))
