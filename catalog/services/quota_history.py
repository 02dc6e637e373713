"""How full a level was, and when it will be full if that goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from catalog.models import Quota, QuotaReading


@dataclass(frozen=True, kw_only=True)
class Trend:
    """What a counter did. ``per_day`` None: too little is known; ``full_on`` None: not by this."""

    per_day: Decimal | None
    full_on: date | None
    readings: list[QuotaReading]


def trend_of(quota: Quota) -> Trend:
    """What the counter did so far, and when it reaches its limit if that goes on."""
    return Trend(per_day=None, full_on=None, readings=list(quota.readings.order_by("day")))
