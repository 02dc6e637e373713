"""Numbers that the government gives to organizations: their form, and whether they can exist."""

from __future__ import annotations

import re
from typing import Final

OIN_LENGTH: Final = 20
KVK_LENGTH: Final = 8
RSIN_LENGTH: Final = 9
_RSIN_WEIGHTS: Final = (9, 8, 7, 6, 5, 4, 3, 2, -1)


def is_oin(text: str) -> bool:
    """True for 20 digits (Organisatie-identificatienummer), not all of them zero."""
    return _has_digits(text, OIN_LENGTH)


def is_kvk_number(text: str) -> bool:
    """True for the 8 digits of the trade register (Kamer van Koophandel)."""
    return _has_digits(text, KVK_LENGTH)


def is_rsin(text: str) -> bool:
    """True for 9 digits that pass the elfproef, as every RSIN does: one wrong digit is noticed."""
    if not _has_digits(text, RSIN_LENGTH):
        return False
    weighed = (weight * int(digit) for weight, digit in zip(_RSIN_WEIGHTS, text, strict=True))
    return sum(weighed) % 11 == 0


def _has_digits(text: str, length: int) -> bool:
    return re.fullmatch(f"[0-9]{{{length}}}", text) is not None and bool(text.strip("0"))
