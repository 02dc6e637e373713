"""When a day costs so much more than usual that somebody should look. Arithmetic, no Django."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from statistics import median
from typing import Final

DAYS_BEFORE: Final = 28
TIMES_USUAL: Final = 3
LEAST_USUAL: Final = Decimal(1)  # euro: below that three times as much is nobody's concern


def usual_day(before: Sequence[Decimal]) -> Decimal:
    """What a day usually costs: the middle one of ``before``, but a euro at least."""
    return max(median(before), LEAST_USUAL) if before else LEAST_USUAL


def is_unusual(cost: Decimal, before: Sequence[Decimal]) -> bool:
    """Whether a day that cost this much stands out against the days before it."""
    return cost >= TIMES_USUAL * usual_day(before)
