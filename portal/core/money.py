"""Amounts of money: ``Decimal`` in euros, six places until a statement line rounds to cents."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

CURRENCY: Final = "EUR"
RATED_PLACES: Final = Decimal("0.000001")
CENT: Final = Decimal("0.01")


def to_cents(amount: Decimal) -> Decimal:
    """Round half up to whole cents, as a statement line does, once."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)
