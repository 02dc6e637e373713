"""The bar of a meter: used, new, reserved and free against a limit, as shapes of an SVG."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

Number = Decimal | int

HIGH: Final = Decimal("0.85")  # from this part of the limit on, the bar is orange


@dataclass(frozen=True)
class Shape:
    """A piece of the bar. ``x`` and ``width`` are percentages, ready for an attribute."""

    part: str  # used, high, new, reserved, over
    x: str
    width: str


@dataclass(frozen=True)
class Bar:
    """The pieces from left to right, and where the limit stands if it is passed."""

    shapes: tuple[Shape, ...]
    limit_at: str | None


def _percentage(value: Decimal) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") + "%"


def make_bar(
    limit: Number,
    used: Number,
    *,
    new: Number = 0,
    reserved: Number = 0,
    warns: bool = True,
) -> Bar:
    """Divide the width of a bar.

    Args:
        limit: what may be used; the bar is as long as this, or as the sum where that is more.
        used: in use, drawn solid.
        new: what this order adds, drawn dark; nothing is drawn of what it takes off.
        reserved: reserved or expected, drawn hatched.
        warns: whether the used part turns orange from 85% on. For quotas, not for budgets.
    """
    used, new, reserved, limit = (Decimal(part) for part in (used, new, reserved, limit))
    new = max(new, Decimal(0))
    total = used + new + reserved
    longest = max(limit, total)
    if longest <= 0:
        return Bar((), None)
    is_over = total > limit
    is_high = warns and not is_over and total >= limit * HIGH

    shapes = []
    position = Decimal(0)
    for part, amount in (
        ("high" if is_high else "used", used),
        ("new", new),
        ("reserved", reserved),
    ):
        if amount > 0:
            width = amount / longest * 100
            shapes.append(Shape(part, _percentage(position), _percentage(width)))
            position += width
    if not is_over:
        return Bar(tuple(shapes), None)
    limit_at = limit / longest * 100
    shapes.append(Shape("over", _percentage(limit_at), _percentage(100 - limit_at)))
    return Bar(tuple(shapes), _percentage(limit_at))
