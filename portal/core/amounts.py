"""Amounts as people type them, in the Dutch or the English way of writing."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from django.utils.formats import get_format
from django.utils.translation import gettext as _

_WHOLE: Final = re.compile(r"[0-9]{1,8}")
_DECIMALS: Final = re.compile(r"([0-9]{1,8})([.,])([0-9]{1,6})")
_GROUPED: Final = re.compile(r"[1-9][0-9]{0,2}([.,])[0-9]{3}(?:\1[0-9]{3})*((?!\1)[.,][0-9]{1,6})?")


def read_amount(text: str, *, places: int) -> Decimal | None:
    """Return the amount in euros, with at most so many decimals; None where nothing was filled in.

    What could be thousands or decimals is refused, but where the language of the page decides:
    1.234 is a thousand to one reader and little more than one to another, and prices are both.

    Raises:
        ValueError: it is no amount, or could be two.
    """
    typed = "".join(text.split())
    if not typed:
        return None
    if _WHOLE.fullmatch(typed):
        return Decimal(typed)
    found = _DECIMALS.fullmatch(typed)
    if found and len(found.group(3)) <= places:
        whole, separator, decimals = found.groups()
        is_own = separator == get_format("DECIMAL_SEPARATOR")
        if not is_own and _GROUPED.fullmatch(typed):
            raise ValueError(_two_ways(whole, decimals))
        return Decimal(f"{whole}.{decimals}")
    # Three digits behind the sign that stands before decimals here are decimals, and too many.
    is_too_fine = found is not None and found.group(2) == get_format("DECIMAL_SEPARATOR")
    found = _GROUPED.fullmatch(typed)
    rest = (found and found.group(2)) or ""
    if found is None or is_too_fine or len(rest) > places + 1:
        message = _("Fill in an amount in euros, with at most {places} decimals.")
        raise ValueError(message.format(places=places))
    whole = typed.removesuffix(rest).replace(found.group(1), "")
    return Decimal(whole + rest.replace(",", "."))


def write_amount(amount: Decimal) -> str:
    """The amount as ``read_amount`` reads it in the language of the page."""
    return f"{amount.normalize():f}".replace(".", get_format("DECIMAL_SEPARATOR"))


def _two_ways(whole: str, decimals: str) -> str:
    own = get_format("DECIMAL_SEPARATOR")
    text = _("This can be read in two ways. Write {thousands} or {decimal}.")
    return text.format(thousands=whole + decimals, decimal=f"{whole}{own}{decimals}")
