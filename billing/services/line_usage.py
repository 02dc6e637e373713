"""What is behind one line of a statement: the pieces of use that it adds up."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

from django.db.models import QuerySet

from billing.models import StatementLine, StatementLineSource
from billing.rating import DUE_AT_ONCE, Unit, used_per_unit
from portal.core.calendar import Period

EXACT: Final = Context(prec=80, rounding=ROUND_HALF_UP)
_PLACES: Final = Decimal("1e-12")  # as of the quantity of a line


def usage_of(line: StatementLine) -> QuerySet[StatementLineSource]:
    """The pieces of use, by the name of the resource and by time.

    None of what puts an earlier month right, is given back or is shared: that is of no resource.
    """
    pieces = line.sources.select_related("span__resource", "span__term")
    return pieces.order_by("span__resource__name", "span__resource_id", "started_at", "pk")


def used_of(piece: StatementLineSource, line: StatementLine) -> Decimal:
    """How much of the quantity of its line a piece is: in the unit of the price, twelve places."""
    unit = Unit(line.unit)
    return in_unit(amount_used(piece, unit), unit, line.used_in.period)


def amount_used(piece: StatementLineSource, unit: Unit) -> Decimal:
    """How much use a piece is: quantity x seconds, and of what is paid once the quantity."""
    if piece.part is not None:
        return piece.part
    return EXACT.multiply(piece.span.quantity, 1 if unit in DUE_AT_ONCE else piece.seconds)


def in_unit(used: Decimal, unit: Unit, month: Period) -> Decimal:
    """Use as a quantity in the unit of a price, rounded to twelve places once."""
    quantity = EXACT.divide(used, used_per_unit(unit, month))
    return quantity.quantize(_PLACES, context=EXACT)
