"""What was claimed day by day, how fast that grows, and when it meets its limit.

A day's reading is what stood there when it was last read, each hour and a minute before midnight.
A day that is like the one before has none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final, LiteralString

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.timezone import now

from catalog.models import Quota, QuotaLimit, QuotaReading
from portal.core.calendar import day_of, end_of_day, start_of_day
from portal.core.locks import lock_tree_shared

SHOWN_DAYS: Final = 90
LEAST_DAYS: Final = 14  # of knowledge, before anything is said about the future
FARTHEST_DAYS: Final = 730
KEPT_YEARS: Final = 3
NOTHING: Final = Decimal(0)

# In the order in which claims lock the counters, for the foreign key looks at each.
_READ: Final[LiteralString] = """
INSERT INTO catalog_quotareading (quota_id, day, claimed, "limit")
SELECT quota.id, %(day)s, quota.claimed, quota.limit_now
FROM catalog_quota AS quota
LEFT JOIN LATERAL (
    SELECT reading.claimed, reading."limit" FROM catalog_quotareading AS reading
    WHERE reading.quota_id = quota.id AND reading.day <= %(day)s
    ORDER BY reading.day DESC LIMIT 1
) AS newest ON true
WHERE (quota.claimed, quota.limit_now) IS DISTINCT FROM (newest.claimed, newest."limit")
ORDER BY quota.node_id, quota.metric
ON CONFLICT (quota_id, day) DO UPDATE SET claimed = EXCLUDED.claimed, "limit" = EXCLUDED."limit"
"""


@dataclass(frozen=True)
class DayUse:
    """What was claimed at the end of a day, and the limit then; None is unlimited."""

    day: date
    claimed: Decimal
    limit: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Trend:
    """How the use of one quota went, and where that leads.

    Attributes:
        readings: every day of the last ``SHOWN_DAYS`` of which something is known, in order.
        per_day: by how much it grows a day, over those days; None while it is known too briefly.
        full_on: the first day on which it has no room any more, at this rate and with the limits
            that are planned; None when that is not within ``FARTHEST_DAYS``, or not known.
    """

    readings: list[DayUse]
    per_day: Decimal | None
    full_on: date | None


@transaction.atomic(durable=True)
def read_quotas(day: date) -> int:
    """Write what every quota holds now as that of ``day``, where it is other than what stands.

    It reads the counters only, so it takes as long with many claims as with few. Returns how many
    readings were written.
    """
    lock_tree_shared()
    with connection.cursor() as cursor:
        cursor.execute(_READ, {"day": day})
        return int(cursor.rowcount)


@transaction.atomic(durable=True)
def forget_readings(today: date) -> int:
    """Remove what is older than ``KEPT_YEARS``, but for what held when those years began."""
    first = _years_before(today, KEPT_YEARS)
    later = QuotaReading.objects.filter(
        quota=OuterRef("quota"), day__gt=OuterRef("day"), day__lte=first
    )
    count, _by_model = QuotaReading.objects.filter(Exists(later), day__lt=first).delete()
    return count


def trend_of(quota: Quota, *, until: date | None = None) -> Trend:
    """As ``trends_of``, for one."""
    return trends_of([quota], until=until)[quota.pk]


def trends_of(quotas: Sequence[Quota], *, until: date | None = None) -> dict[int, Trend]:
    """The trend of each of these quotas, by primary key. Two queries.

    Args:
        until: the last day that counts; today, as the counters stand now, when left out.
    """
    last = until or day_of(now())
    readings = _find_readings(quotas, last)
    planned = _find_limits(quotas, last)
    trends = {}
    for quota in quotas:
        days = fill_days(readings.get(quota.pk, []), last)
        if until is None:
            today = DayUse(last, quota.claimed, quota.limit_now)
            days = [*(day for day in days if day.day != last), today]
        trends[quota.pk] = make_trend(days, planned.get(quota.pk, []))
    return trends


def make_trend(days: list[DayUse], planned: Sequence[tuple[date, Decimal | None]]) -> Trend:
    """Say where these days lead.

    Args:
        days: one after the other, without a gap.
        planned: from which day on another limit holds, in order.
    """
    slope = _slope([day.claimed for day in days]) if len(days) >= LEAST_DAYS else None
    if slope is None:
        return Trend(readings=days, per_day=None, full_on=None)
    per_day = Decimal(slope.numerator) / Decimal(slope.denominator)
    return Trend(readings=days, per_day=per_day, full_on=_full_on(days[-1], slope, planned))


def fill_days(readings: Sequence[DayUse], last: date) -> list[DayUse]:
    """Every day until and including ``last``: one without a reading is as the one before."""
    first = last - timedelta(days=SHOWN_DAYS - 1)
    by_day = {max(reading.day, first): reading for reading in readings}  # in order: newest wins
    days: list[DayUse] = []
    for number in range(SHOWN_DAYS):
        day = first + timedelta(days=number)
        known = by_day.get(day) or (days[-1] if days else None)
        if known:
            days.append(DayUse(day, known.claimed, known.limit))
    return days


def _find_readings(quotas: Sequence[Quota], last: date) -> dict[int, list[DayUse]]:
    """Those of the days that are shown, and the one that held when these began."""
    first = last - timedelta(days=SHOWN_DAYS - 1)
    known = QuotaReading.objects.filter(quota__in=[quota.pk for quota in quotas])
    held = known.filter(day__lte=first).order_by("quota", "-day").distinct("quota")
    rows = known.filter(Q(day__gt=first, day__lte=last) | Q(pk__in=held.values("pk")))
    found: dict[int, list[DayUse]] = {}
    facts = rows.order_by("day").values_list("quota_id", "day", "claimed", "limit")
    for quota_id, day, claimed, limit in facts:
        found.setdefault(quota_id, []).append(DayUse(day, claimed, limit))
    return found


def _find_limits(
    quotas: Sequence[Quota], last: date
) -> dict[int, list[tuple[date, Decimal | None]]]:
    """The limits that will hold, each from the first day at whose end it does."""
    limits: dict[int, list[QuotaLimit]] = {}
    rows = QuotaLimit.objects.filter(quota__in=[quota.pk for quota in quotas])
    for row in rows.filter(Q(valid_until=None) | Q(valid_until__gt=start_of_day(last))):
        limits.setdefault(row.quota_id, []).append(row)
    return {pk: _steps(rows, last) for pk, rows in limits.items()}


def _steps(limits: Sequence[QuotaLimit], last: date) -> list[tuple[date, Decimal | None]]:
    moments = {moment for row in limits for moment in (row.valid_from, row.valid_until) if moment}
    days = sorted({day for day in map(day_of, moments) if day > last})
    return [(day, _limit_at_end_of(day, limits)) for day in days]


def _limit_at_end_of(day: date, limits: Sequence[QuotaLimit]) -> Decimal | None:
    end = end_of_day(day)
    for row in limits:
        if row.valid_from < end and (row.valid_until is None or row.valid_until >= end):
            return row.amount
    return NOTHING


def _slope(amounts: Sequence[Decimal]) -> Fraction:
    """Of the line that lies nearest to these amounts of following days (least squares), exactly."""
    if len(set(amounts)) == 1:
        return Fraction(0)
    count = len(amounts)
    of_days = count * (count - 1) // 2
    of_squares = (count - 1) * count * (2 * count - 1) // 6
    total, products = (
        Fraction(sum(amounts)),
        Fraction(sum(number * amount for number, amount in enumerate(amounts))),
    )
    return (count * products - of_days * total) / (count * of_squares - of_days**2)


def _full_on(
    today: DayUse, slope: Fraction, planned: Sequence[tuple[date, Decimal | None]]
) -> date | None:
    """The first day from ``today`` on with as much in use as the limit of that day.

    The line begins at what is in use now: that is surely so, whatever the days before say.
    """
    end = today.day + timedelta(days=FARTHEST_DAYS + 1)
    begins = [(today.day, today.limit), *planned]
    ends = [*(day for day, _limit in planned), end]
    for (begin, limit), following in zip(begins, ends, strict=True):
        use = max(Fraction(0), Fraction(today.claimed) + slope * (begin - today.day).days)
        wait = _days_until(limit, use, slope)
        if wait is not None and begin + timedelta(days=wait) < min(following, end):
            return begin + timedelta(days=wait)
    return None


def _days_until(limit: Decimal | None, use: Fraction, slope: Fraction) -> int | None:
    """In how many days the use is at the limit; None: never, or farther than anybody looks."""
    if limit is None:
        return None
    missing = Fraction(limit) - use
    if missing <= 0:
        return 0 if use else None
    days = math.ceil(missing / slope) if slope > 0 else None
    return days if days is not None and days <= FARTHEST_DAYS else None


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28)
