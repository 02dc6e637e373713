"""Which limits hold one after the other in a period: dated limits begin and end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db.models import F, Q

from catalog.models import Metric, QuotaLimit
from portal.identity.models import Node

NOTHING: Final = Decimal(0)
NO_END: Final = Decimal("Infinity")  # an unlimited limit, as it is compared


@dataclass(frozen=True)
class LimitPeriod:
    """What holds from one moment until another; None is for good, and NO_END is unlimited."""

    since: datetime
    until: datetime | None
    amount: Decimal

    @property
    def limit(self) -> Decimal | None:
        """None is unlimited."""
        return None if self.amount == NO_END else self.amount

    def contains(self, moment: datetime) -> bool:
        return self.since <= moment and (self.until is None or moment < self.until)


def limits_through(
    node: Node, metric: Metric, since: datetime, until: datetime | None
) -> list[LimitPeriod]:
    """Every limit that holds somewhere in the period, without gaps: without a row it is zero."""
    rows = QuotaLimit.objects.filter(
        Q(valid_until=None) | Q(valid_until__gt=since),
        Q(valid_until=None) | Q(valid_until__gt=F("valid_from")),
        quota__node=node,
        quota__metric=metric,
    )
    if until is not None:
        rows = rows.filter(valid_from__lt=until)
    return periods_of(rows.order_by("valid_from"), since, until)


def periods_of(
    limits: Iterable[QuotaLimit], since: datetime, until: datetime | None
) -> list[LimitPeriod]:
    """As ``limits_through``, of limits that all hold somewhere in the period, in order."""
    found: list[LimitPeriod] = []
    reached = since
    for row in limits:
        begin = max(row.valid_from, since)
        if reached < begin:
            found.append(LimitPeriod(reached, begin, NOTHING))
        ends = [end for end in (row.valid_until, until) if end is not None]
        end = min(ends) if ends else None
        found.append(LimitPeriod(begin, end, NO_END if row.amount is None else row.amount))
        if end is None:
            return found
        reached = end
    if until is None or reached < until:
        found.append(LimitPeriod(reached, until, NOTHING))
    return found


def lowest_of(periods: list[LimitPeriod]) -> Decimal:
    """The lowest limit that holds somewhere in them; NO_END when all are unlimited."""
    return min((period.amount for period in periods), default=NOTHING)


def periods_below(periods: list[LimitPeriod], amount: Decimal) -> list[LimitPeriod]:
    """Where less than ``amount`` holds, as long pieces: what touches is one, of the lowest."""
    found: list[LimitPeriod] = []
    for period in periods:
        if period.amount >= amount:
            continue
        if found and found[-1].until == period.since:
            before = found.pop()
            period = LimitPeriod(before.since, period.until, min(before.amount, period.amount))
        found.append(period)
    return found
