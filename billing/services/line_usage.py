"""What is behind one line of a statement: the pieces of use that it adds up."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.db.models import QuerySet

from billing.models import StatementLine, StatementLineSource
from billing.rating import DUE_AT_ONCE, Unit, used_per_unit

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
    used = piece.part
    if used is None:
        used = piece.span.quantity * (1 if unit in DUE_AT_ONCE else piece.seconds)
    return (used / used_per_unit(unit, line.used_in.period)).quantize(_PLACES)
