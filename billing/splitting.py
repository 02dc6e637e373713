"""Splitting an amount of money so that nothing of it is lost, and nobody bears a cent too much.

By largest remainder (Hamilton): everybody gets the whole cents of their exact share, and the cents
that are left go to those of whom most was cut off. Where as much was cut off of several, the one
whose name sorts first goes first. So it does not matter in which order they are named, and what is
given back is split exactly as what is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from portal.core.money import CENT

WHOLE: Final = Decimal(100)  # per cent


class Method(StrEnum):
    """By what an amount is split."""

    EQUAL = "equal"
    BY_USAGE = "by_usage"
    PERCENTAGES = "percentages"


def split(amount: Decimal, weights: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return what each bears of ``amount``, by name; together it is the amount, to the cent.

    Each differs less than a cent from its exact share. Splitting ``-amount`` gives the negative.

    Args:
        amount: euros, in whole cents; less than nothing is what is given back.
        weights: by name; where all of them are zero everybody bears the same.

    Raises:
        ValueError: there is nobody, a weight is negative, or the amount is not in whole cents.
    """
    if not weights or min(weights.values()) < 0:
        raise ValueError("somebody must bear it, and nobody less than nothing")
    if amount != amount.quantize(CENT):
        raise ValueError("only whole cents are split")
    cents = int(abs(amount) / CENT)
    shares = _exact_shares(cents, weights)
    given = {name: int(share) for name, share in shares.items()}
    left = cents - sum(given.values())
    for name in sorted(shares, key=lambda name: (given[name] - shares[name], name))[:left]:
        given[name] += 1
    return {name: (CENT * count).copy_sign(amount) for name, count in given.items()}


def is_equal(weights: Mapping[str, Decimal]) -> bool:
    """True when these weights say nothing, so that everybody bears the same."""
    return not any(weights.values())


def _exact_shares(cents: int, weights: Mapping[str, Decimal]) -> dict[str, Fraction]:
    parts = {name: Fraction(weight) for name, weight in weights.items()}
    if is_equal(weights):
        parts = dict.fromkeys(weights, Fraction(1))
    whole = sum(parts.values(), Fraction(0))
    return {name: cents * part / whole for name, part in parts.items()}
