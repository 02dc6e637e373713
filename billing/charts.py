"""The geometry of a bar chart: percentages for an SVG with a viewBox of 100 by 100."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

MOST_TICKS: Final = 5
BAR_WIDTH: Final = Decimal("0.6")  # of the room that a bar has
CENT: Final = Decimal("0.01")


@dataclass(frozen=True)
class Part:
    """A rectangle; all four are attribute values. ``is_expected`` is drawn pale."""

    x: str
    y: str
    width: str
    height: str
    is_expected: bool


@dataclass(frozen=True)
class Tick:
    """A line across the chart, and the amount that it stands for."""

    y: str
    amount: Decimal


@dataclass(frozen=True)
class BarChart:
    """Bars from left to right, and ticks from the top down to zero."""

    parts: tuple[Part, ...]
    ticks: tuple[Tick, ...]

    def y_of(self, amount: Decimal) -> str:
        """Where a line at this amount stands; zero is at 100."""
        return _text(100 - amount / self.ticks[0].amount * 100)


def make_bar_chart(
    bars: Sequence[tuple[Decimal, Decimal]],
    *,
    line: Decimal = Decimal(0),
    unit: Decimal = CENT,
) -> BarChart:
    """Draw pairs of (realised, expected on top of it), none of them negative.

    Args:
        line: the highest amount of a line that is drawn over them.
        unit: ticks stand at whole numbers of it.
    """
    step = _round_step(max([line, *(sum(bar, Decimal(0)) for bar in bars)]), unit)
    top = step * (MOST_TICKS - 1)
    room = Decimal(100) / max(len(bars), 1)
    parts: list[Part] = []
    for number, bar in enumerate(bars):
        base = Decimal(0)
        for amount, is_expected in zip(bar, (False, True), strict=True):
            height = amount / top * 100
            if height > 0:
                left = (number + (1 - BAR_WIDTH) / 2) * room
                parts.append(
                    Part(
                        x=_text(left),
                        y=_text(100 - base - height),
                        width=_text(room * BAR_WIDTH),
                        height=_text(height),
                        is_expected=is_expected,
                    )
                )
            base += height
    ticks = [
        Tick(_text(100 - Decimal(100) * number / (MOST_TICKS - 1)), step * number)
        for number in reversed(range(MOST_TICKS))
    ]
    return BarChart(tuple(parts), tuple(ticks))


def _round_step(highest: Decimal, unit: Decimal) -> Decimal:
    """The smallest of …, 1, 2, 2.5, 5, 10, … units of which four reach ``highest``."""
    least = max(highest / (MOST_TICKS - 1), unit)
    power = Decimal(1).scaleb(least.adjusted())
    for factor in (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5)):
        step = power * factor
        if step >= least and not step % unit:
            return step
    return power * 10


def _text(value: Decimal) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
