"""What summaries say of months, for the part of the tree that is asked for, while they hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.contrib.postgres.aggregates import BoolOr
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Round

from billing.models import MonthSummary, OutdatedMonth, SummaryDay, SummaryLine
from billing.services.cost_lines import CostLine, Costs
from billing.services.month_figures import MonthCosts, MonthTotal
from billing.services.summaries import rest_after
from portal.core.calendar import Period, day_of, month_of
from portal.identity.models import NodeKind, NodeParent, Organization

# A summary of what still runs is as good as its next one is near.
_ROUNDS_LATE: Final = 5
# So few charges may as well be reckoned to the second.
_FEW: Final = 10_000
_OF_LINE: Final = (
    *("organization_id", "project_id", "sku_id", "price_id"),
    *("cost_center", "cost_object", "commitment_number", "from_quantity"),
    *("quantity_seconds", "exact"),
)
_NOTHING: Final = Costs(lines=())


class _Total(NamedTuple):
    amount: Decimal
    is_price_missing: bool


_ZERO: Final = _Total(Decimal(0), is_price_missing=False)


def summarized(
    node_ids: Sequence[int], summaries: dict[datetime, MonthSummary]
) -> dict[datetime, MonthCosts]:
    if not summaries:
        return {}
    lines = _read_lines(summaries.values(), node_ids)

    def of(summary: MonthSummary) -> MonthCosts:
        month = month_of(summary.month_start)
        realised = lines.get((summary.pk, False), _NOTHING)
        is_over = summary.as_of == month.end
        return MonthCosts(
            month=month,
            as_of=summary.as_of,
            realised=realised,
            expected=realised if is_over else lines.get((summary.pk, True), _NOTHING),
            summary_id=summary.pk,
        )

    return {start: of(summary) for start, summary in summaries.items()}


def summarized_totals(
    node_ids: Sequence[int],
    summaries: dict[datetime, MonthSummary],
    cost_center: str | None = None,
) -> dict[datetime, MonthTotal]:
    if not summaries:
        return {}
    totals = _read_totals(summaries.values(), node_ids, cost_center)

    def of(summary: MonthSummary) -> MonthTotal:
        month = month_of(summary.month_start)
        realised = totals.get((summary.pk, False), _ZERO)
        is_over = summary.as_of == month.end
        expected = realised if is_over else totals.get((summary.pk, True), _ZERO)
        return MonthTotal(
            month=month,
            realised=realised.amount,
            expected=expected.amount,
            has_lines=(summary.pk, False) in totals,
            is_price_missing=expected.is_price_missing,
        )

    return {start: of(summary) for start, summary in summaries.items()}


def find_summaries(
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
    rows = SummaryLine.objects.filter(paid_by(node_ids), summary__in=by_pk).values(
        *("summary_id", "is_expected", *_OF_LINE),
        unit=F("price__unit"),
        price_per_unit=Coalesce("unit_price", "price__amount"),
    )
    lines: dict[tuple[int, bool], list[CostLine]] = {}
    for row in rows.order_by(*_OF_LINE):
        key = row.pop("summary_id"), row.pop("is_expected")
        month_start = by_pk[key[0]].month_start
        unit_price = row.pop("price_per_unit")
        line = CostLine(month_start=month_start, unit_price=unit_price, **row)
        lines.setdefault(key, []).append(line)
    return {key: Costs(lines=tuple(some)) for key, some in lines.items()}


def _read_totals(
    summaries: Iterable[MonthSummary], node_ids: Sequence[int], cost_center: str | None
) -> dict[tuple[int, bool], _Total]:
    """By summary, and whether it is what is expected. Each line rounded to cents, half up."""
    lines = SummaryLine.objects.filter(paid_by(node_ids), summary__in=summaries)
    if cost_center is not None:
        lines = lines.filter(cost_center=cost_center or None)
    sums = lines.values_list("summary_id", "is_expected").annotate(
        amount=Sum(Round("exact", 2)), is_missing=BoolOr(Q(price=None))
    )
    return {
        (summary_id, is_expected): _Total(amount, is_missing)
        for summary_id, is_expected, amount, is_missing in sums
    }


def read_days(summary_id: int, paid_by: Q) -> dict[tuple[bool, date], Decimal]:
    """By whether it is expected, and day."""
    rows = SummaryDay.objects.filter(paid_by, summary=summary_id)
    sums = rows.values_list("is_expected", "day_start").annotate(exact=Sum("exact"))
    return {(is_expected, day_of(start)): amount for is_expected, start, amount in sums}


def paid_by(node_ids: Collection[int]) -> Q:
    return Q(project__in=node_ids) | Q(organization__in=_branches(node_ids))


def _branches(node_ids: Collection[int]) -> QuerySet[Organization]:
    """The organizations among these nodes, and all below them."""
    return Organization.objects.filter(Q(pk__in=node_ids) | Q(ancestor_ids__overlap=list(node_ids)))
