"""Reckon what months cost, for everybody at once, so that pages need not read all usage.

What is written follows from the same statement as every charge. It is never trusted for longer
than it holds: a fact about a month that is over outdates what was reckoned of it, in the same
transaction, and what runs is reckoned again and again. Of a closed month counts what was billed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, LiteralString

from django.db import transaction
from django.db.models import Min, Sum

from billing.models import BillingMonth, MonthSummary, OutdatedMonth, UsageSpan
from billing.services.billed import closed_among, write_billed_days
from billing.services.charge_query import ChargeQuery, Slice
from portal.core.calendar import Period, days_in, month_of, months_in, year_of
from portal.identity.models import Organization

MOST_MONTHS: Final = 36
# At most a twentieth of the time goes to it, however much usage there is.
_REST: Final = 20
_SHORTEST_REST: Final = timedelta(seconds=50)
# When a month ends, transactions still write about its last seconds.
_SETTLES_AFTER: Final = timedelta(hours=1)
# A page that is being put together reads the one that it found.
_KEPT: Final = timedelta(minutes=10)

_WRITE_LINES: Final[LiteralString] = """
INSERT INTO billing_summaryline (
    summary_id, is_expected, organization_id, project_id, sku_id, price_id,
    cost_center, cost_object, commitment_number, unit_price, from_quantity, charge_count,
    quantity_seconds, exact
)
SELECT
    %(summary)s, %(is_expected)s, organization_id, project_id, sku_id, price_id,
    cost_center, cost_object, commitment_number, unit_price, from_quantity,
    count(*), sum(quantity_seconds), coalesce(sum(amount), 0)
FROM charge
GROUP BY organization_id, project_id, sku_id, price_id, cost_center, cost_object,
    commitment_number, unit_price, from_quantity
"""
_WRITE_DAYS: Final[LiteralString] = """
INSERT INTO billing_summaryday (
    summary_id, is_expected, organization_id, project_id, day_start, exact
)
SELECT
    %(summary)s, %(is_expected)s, organization_id, project_id, slice_start, sum(amount)
FROM charge
WHERE amount IS NOT NULL
GROUP BY organization_id, project_id, slice_start
"""


def keep_summaries(*, at: datetime) -> None:
    """Reckon each month of which nothing is known, or nothing that holds; one after the other."""
    months = list(_months(at))
    closed = closed_among(months)
    _keep_billed_days(closed, at)
    for month in months:
        if month.start not in closed and _is_due(month, at):
            take_summary(month, at=at)


def rest_after(seconds: float) -> timedelta:
    """How long what took so many seconds is left alone."""
    return max(_SHORTEST_REST, timedelta(seconds=_REST * seconds))


@transaction.atomic
def take_summary(month: Period, *, at: datetime) -> MonthSummary:
    """Reckon one month: what was used up to ``at``, and what is expected if that runs on.

    The statements do not see one moment of the database: what is written between them is in the
    one and not in the other, until the next time.
    """
    begin = time.perf_counter()
    # Before anything is read: a fact that is committed meanwhile says so again.
    OutdatedMonth.objects.filter(month_start=month.start).delete()
    as_of = min(at, month.end)
    summary = MonthSummary.objects.create(
        month_start=month.start, as_of=as_of, taken_at=at, seconds=0
    )
    _write(summary, month, is_expected=False)
    if as_of < month.end:
        _write(summary, month, is_expected=True)
    counted = summary.lines.aggregate(charges=Sum("charge_count"))
    summary.charge_count = counted["charges"] or 0
    summary.seconds = time.perf_counter() - begin
    summary.save(update_fields=["charge_count", "seconds"])
    older = MonthSummary.objects.filter(month_start=month.start, taken_at__lt=at - _KEPT)
    older.exclude(pk=summary.pk).delete()
    return summary


def _write(summary: MonthSummary, month: Period, *, is_expected: bool) -> None:
    until = month.end if is_expected else summary.as_of
    values = {"summary": summary.pk, "is_expected": is_expected}
    for insert, periods in ((_WRITE_LINES, [month]), (_WRITE_DAYS, days_in(month))):
        slices = [Slice(period=period, month_seconds=month.seconds) for period in periods]
        query = ChargeQuery(node_ids=_roots(), slices=slices, as_of=summary.as_of, until=until)
        query.write(insert, **values)


def _keep_billed_days(closed: dict[datetime, BillingMonth], at: datetime) -> None:
    """Of each month that was closed, what every day was billed: once, for that never changes."""
    # What becomes known of them now is on no statement yet, so it outdates nothing.
    OutdatedMonth.objects.filter(month_start__in=closed).delete()
    of_closed = MonthSummary.objects.filter(month_start__in=closed)
    of_closed.filter(is_billed=False, taken_at__lt=at - _KEPT).delete()
    kept = set(of_closed.filter(is_billed=True).values_list("month_start", flat=True))
    for start, month in closed.items():
        if start not in kept:
            _take_billed_days(month, at)


@transaction.atomic
def _take_billed_days(month: BillingMonth, at: datetime) -> None:
    begin = time.perf_counter()
    period = month.period
    summary = MonthSummary.objects.create(
        month_start=period.start, as_of=period.end, taken_at=at, seconds=0, is_billed=True
    )
    write_billed_days(_roots(), month, summary_id=summary.pk)
    summary.seconds = time.perf_counter() - begin
    summary.save(update_fields=["seconds"])


def _roots() -> list[int]:
    return list(Organization.objects.filter(parent=None).values_list("pk", flat=True))


def _months(at: datetime) -> Iterator[Period]:
    """The running month, those until the end of the year, then those in which something ran."""
    running = month_of(at)
    yield from months_in(Period(running.start, year_of(at).end))
    first = UsageSpan.objects.aggregate(at=Min("started_at"))["at"]
    if first is not None and first < running.start:
        yield from months_in(Period(first, running.start))[::-1][:MOST_MONTHS]


def _is_due(month: Period, at: datetime) -> bool:
    newest = MonthSummary.objects.filter(month_start=month.start).order_by("-pk").first()
    if newest is None:
        return True
    has_rested = newest.taken_at + rest_after(newest.seconds) <= at
    is_settled = newest.taken_at >= month.end + _SETTLES_AFTER
    if not is_settled:
        return has_rested
    return has_rested and OutdatedMonth.objects.filter(month_start=month.start).exists()
