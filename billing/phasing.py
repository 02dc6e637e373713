"""A year's amount over its months. Arithmetic on whole cents, no Django."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

MONTHS: Final = 12
_CENTS: Final = 100


def equal_parts(amount: Decimal) -> list[Decimal]:
    """Twelve amounts that add up to ``amount``: what cannot be shared goes a cent each to the
    first months.
    """
    part, left = divmod(int(amount * _CENTS), MONTHS)
    return [Decimal(part + (number < left)) / _CENTS for number in range(MONTHS)]
