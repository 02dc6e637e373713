"""Business days, months and years: calendar periods in Europe/Amsterdam, as aware datetimes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
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
        return int((self.end - self.start).total_seconds())


def start_of_day(day: date) -> datetime:
    """Midnight in Amsterdam at which ``day`` begins."""
    return datetime(day.year, day.month, day.day, tzinfo=BUSINESS_TIME)


def month_of(moment: datetime) -> Period:
    """The business month that ``moment`` (aware) falls in."""
    local = moment.astimezone(BUSINESS_TIME)
    return month(local.year, local.month)


def month(year: int, number: int) -> Period:
    """The business month ``number`` (1 to 12) of ``year``."""
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    return Period(start_of_day(date(year, number, 1)), start_of_day(date(*following, 1)))


def year_of(moment: datetime) -> Period:
    """The business year that ``moment`` (aware) falls in."""
    year = moment.astimezone(BUSINESS_TIME).year
    return Period(start_of_day(date(year, 1, 1)), start_of_day(date(year + 1, 1, 1)))
