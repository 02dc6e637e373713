"""From usage to money: pure arithmetic, no Django and no database.

The order page, the forecast and the tests rate with these functions; ``billing.services.charging``
says the same in SQL for many spans at once, and a test proves on random histories that both agree
to the sixth decimal.

Rounding: a piece of usage within one calendar month is multiplied first, divided once and rounded
half up at six decimals; where a price has tiers, each part that falls in one of them. Half up
because cents are rounded so too (and PostgreSQL's ``round`` does it); six decimals because the
thousand pieces of a busy line then stray by 0.0005 euro at most, where cents would let them stray
by 5 euros.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from enum import StrEnum
from typing import Final

from portal.core.calendar import Period, month_of, months_in
from portal.core.money import RATED_PLACES

SECONDS_PER_HOUR: Final = 3600
# Quantity and price have 18 digits each and seconds at most 10: no product is ever rounded.
_EXACT: Final = Context(prec=80, rounding=ROUND_HALF_UP)


class Unit(StrEnum):
    """What a price is the price of: see ``billing.models.PriceUnit``, which adds the words."""

    MONTH = "month"
    HOUR = "hour"
    GIB_MONTH = "gib_month"
    ONE_OFF = "one_off"
    GIB = "gib"


# What is due of a quantity where its use begins, however long that lasts.
DUE_AT_ONCE: Final = frozenset({Unit.ONE_OFF, Unit.GIB})
LONGEST_MINIMUM_MONTHS: Final = 60


@dataclass(frozen=True, order=True)
class Tier:
    """From ``from_quantity`` units in one month on, a further one costs ``amount`` euros."""

    from_quantity: Decimal
    amount: Decimal


@dataclass(frozen=True)
class UnitPrice:
    """``amount`` euros, without VAT, for one ``unit`` of one SKU.

    With ``tiers``, in rising order, only until the first of them; each part of the use costs the
    amount of the tier that it falls in. So what is included is an ``amount`` of zero.

    Use that begins at it is due for at least ``minimum_months``, and costs the same until then.
    """

    unit: Unit
    amount: Decimal
    tiers: tuple[Tier, ...] = ()
    minimum_months: int = 0

    @property
    def steps(self) -> tuple[Tier, ...]:
        """All tiers; the first one begins at nothing."""
        return (Tier(Decimal(0), self.amount), *self.tiers)


@dataclass(frozen=True)
class TierPart:
    """What of some use falls in one tier, and costs: euros, six decimals.

    ``used``: quantity x seconds; of what is paid once the quantity.
    """

    tier: Tier
    used: Decimal
    cost: Decimal


@dataclass(frozen=True)
class Usage:
    """``quantity`` of a SKU held from ``start`` (inclusive) to ``end`` (exclusive), both aware.

    ``is_beginning`` is False for what continues an earlier piece: a one-off price is due only
    where the use begins.
    """

    quantity: Decimal
    start: datetime
    end: datetime
    is_beginning: bool = True

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("usage needs aware moments")
        if self.seconds < 0:
            raise ValueError(f"usage ends before it begins: {self.start} to {self.end}")

    @property
    def seconds(self) -> int:
        """Whole seconds held; meters know no finer."""
        return Period(self.start, self.end).seconds


def split_by_month(usage: Usage) -> Iterator[Usage]:
    """Cut usage at the ends of business months. Usage of no seconds has no pieces."""
    if not usage.seconds:
        return
    start = usage.start.astimezone(UTC)
    for month in months_in(Period(start, usage.end)):
        end = min(month.end, usage.end).astimezone(UTC)
        yield Usage(usage.quantity, start, end, usage.is_beginning and start == usage.start)
        start = end


def rate_piece(piece: Usage, price: UnitPrice) -> Decimal:
    """Return the cost of usage that lies within one business month: euros, six decimals.

    Raises:
        ValueError: the piece passes the end of a month.
    """
    month = month_of(piece.start)
    if piece.end > month.end:
        raise ValueError(f"usage passes the end of a month: {piece.start} to {piece.end}")
    with localcontext(_EXACT):
        quantity_seconds = piece.quantity * piece.seconds
    begun = piece.quantity if piece.is_beginning else Decimal(0)
    return rate_sum(price, quantity_seconds=quantity_seconds, begun=begun, month=month)


def rate_sum(
    price: UnitPrice, *, quantity_seconds: Decimal, begun: Decimal, month: Period
) -> Decimal:
    """Return the cost of what usage within one business month adds up to: euros, six decimals.

    Args:
        quantity_seconds: the sum of quantity x seconds.
        begun: the sum of the quantities whose use begins in it; of these is due what is due
            at once.
    """
    used = begun if price.unit in DUE_AT_ONCE else quantity_seconds
    parts = rate_tiers(price, used=used, month=month)
    with localcontext(_EXACT):
        return sum((part.cost for part in parts), Decimal(0)).quantize(RATED_PLACES)


def rate_tiers(
    price: UnitPrice, *, used: Decimal, month: Period, before: Decimal = Decimal(0)
) -> list[TierPart]:
    """Cut use within one business month at the tiers of its price, and rate each part once.

    Args:
        used: quantity x seconds; of what is paid once the quantity.
        before: as much was used already, of the same price and project in the same month.
    """
    parts = []
    with localcontext(_EXACT):
        divisor = used_per_unit(price.unit, month)
        begins = [tier.from_quantity * divisor for tier in price.steps]
        ends = [*begins[1:], before + used]
        for tier, begin, end in zip(price.steps, begins, ends, strict=True):
            part = min(before + used, end) - max(before, begin)
            if part > 0:
                cost = (part * tier.amount / divisor).quantize(RATED_PLACES)
                parts.append(TierPart(tier, part, cost))
    return parts


def used_per_unit(unit: Unit, month: Period) -> int:
    """How much use one unit is: quantity x seconds; of what is paid once just the quantity."""
    match unit:
        case Unit.ONE_OFF | Unit.GIB:
            return 1
        case Unit.HOUR:
            return SECONDS_PER_HOUR
        case Unit.MONTH | Unit.GIB_MONTH:
            return month.seconds


def rate(usage: Usage, price: UnitPrice) -> Decimal:
    """Return the cost of usage of any length at one price: euros, six decimals.

    A month-priced SKU costs exactly its price in a full calendar month (Europe/Amsterdam), and in
    part of one price x seconds / seconds of that month, so an hour of the short March is dearer.
    """
    return sum((rate_piece(piece, price) for piece in split_by_month(usage)), Decimal(0))
