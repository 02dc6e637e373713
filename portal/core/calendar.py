"""Business days, months and years: calendar periods in Europe/Amsterdam, as aware datetimes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

BUSINESS_TIME: Final = ZoneInfo("Europe/Amsterdam")


@dataclass(frozen=True)
class Period:
    """From ``start`` (inclusive) to ``end`` (exclusive), both aware."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> int:
        """Seconds that really pass: one hour less in the month in which summer time begins."""
        # In UTC, for between two moments of one zone Python subtracts what the clocks show.
        return int((self.end.astimezone(UTC) - self.start.astimezone(UTC)).total_seconds())


def start_of_day(day: date) -> datetime:
    """Midnight in Amsterdam at which ``day`` begins."""
    return datetime(day.year, day.month, day.day, tzinfo=BUSINESS_TIME)


def end_of_day(day: date) -> datetime:
    """Midnight in Amsterdam at which ``day`` ends."""
    return start_of_day(day + timedelta(days=1))


def whole_second(moment: datetime) -> datetime:
    """The second that ``moment`` falls in: what decides who pays changes on whole seconds."""
    return moment.replace(microsecond=0)


def day_of(moment: datetime) -> date:
    """The business day that ``moment`` (aware) falls on."""
    return moment.astimezone(BUSINESS_TIME).date()


def last_day_before(end: datetime) -> date:
    """The last business day of a period that ends at ``end`` (aware, exclusive)."""
    return day_of(end - timedelta(microseconds=1))


def month_of(moment: datetime) -> Period:
    """The business month that ``moment`` (aware) falls in."""
    local = moment.astimezone(BUSINESS_TIME)
    return month(local.year, local.month)


def month(year: int, number: int) -> Period:
    """The business month ``number`` (1 to 12) of ``year``."""
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    return Period(start_of_day(date(year, number, 1)), start_of_day(date(*following, 1)))


def months_in(period: Period) -> list[Period]:
    """The business months that ``period`` touches, in order, each in full."""
    months = [month_of(period.start)]
    while months[-1].end < period.end:
        months.append(month_of(months[-1].end))
    return months


def months_later(moment: datetime, months: int) -> datetime:
    """As many calendar months after ``moment`` (aware), at the same time by the clocks here.

    Of a month that has no such day the last one; of an hour that the clocks skip the next one, and
    of one that comes twice the first.
    """
    local = moment.astimezone(BUSINESS_TIME)
    years, before = divmod(local.year * 12 + local.month - 1 + months, 12)
    last = last_day_before(month(years, before + 1).end).day
    then = local.replace(year=years, month=before + 1, day=min(local.day, last), fold=0)
    return then.astimezone(UTC)


def days_in(period: Period) -> list[Period]:
    """The business days of ``period``, which begins and ends at midnight; 23 to 25 hours each."""
    first, last = day_of(period.start), day_of(period.end)
    days = [first + timedelta(days=number) for number in range((last - first).days)]
    return [Period(start_of_day(day), end_of_day(day)) for day in days]


def year_of(moment: datetime) -> Period:
    """The business year that ``moment`` (aware) falls in."""
    year = moment.astimezone(BUSINESS_TIME).year
    return Period(start_of_day(date(year, 1, 1)), start_of_day(date(year + 1, 1, 1)))


def quarter_of(moment: datetime) -> Period:
    """The business quarter (from January, April, July or October) that ``moment`` falls in."""
    local = moment.astimezone(BUSINESS_TIME)
    first = 3 * ((local.month - 1) // 3) + 1
    return Period(month(local.year, first).start, month(local.year, first + 2).end)
