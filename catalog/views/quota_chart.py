"""The use of a quota day by day, as bars, and its limit as a line over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Final

from django.utils.dateformat import format as format_date
from django.utils.translation import pgettext

from billing.charts import BarChart, make_bar_chart
from catalog.services.quota_history import LEAST_DAYS, DayUse

MOST_LABELS: Final = 6
HIGHEST_LINE: Final = 4  # times the highest bar: above that the bars would be too low to read
NOTHING: Final = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class UseChart:
    """The bars, the limit as ``points`` of polylines, and what stands below the axis."""

    bars: BarChart
    lines: list[str]
    labels: list[str]


def make_use_chart(days: Sequence[DayUse], unit: Decimal) -> UseChart:
    """Draw these days, at least one; a short history begins at the right.

    A limit far above the use is left out. ``unit``: what is counted in, as of a cent or a piece.
    """
    days = [*_unknown_before(days), *days]
    highest = max(day.claimed for day in days)
    drawn = [day.limit if _is_near(day.limit, highest) else None for day in days]
    bars = make_bar_chart(
        [(day.claimed, NOTHING) for day in days],
        line=max((limit for limit in drawn if limit is not None), default=NOTHING),
        unit=unit,
    )
    return UseChart(bars=bars, lines=_lines(bars, drawn), labels=_labels([d.day for d in days]))


def _unknown_before(days: Sequence[DayUse]) -> list[DayUse]:
    """Empty days, so that a bar is never wider than a day in two weeks."""
    missing = range(LEAST_DAYS - len(days), 0, -1)
    return [DayUse(days[0].day - timedelta(days=number), NOTHING, None) for number in missing]


def _is_near(limit: Decimal | None, highest: Decimal) -> bool:
    return limit is not None and limit <= max(highest * HIGHEST_LINE, Decimal(1))


def _lines(bars: BarChart, limits: Sequence[Decimal | None]) -> list[str]:
    """A line for each run of days with a limit; it steps where the limit changes."""
    room = 100 / len(limits)
    lines: list[str] = []
    for has_limit, run in groupby(enumerate(limits), lambda each: each[1] is not None):
        if has_limit:
            lines.append(" ".join(_step(bars, number, limit, room) for number, limit in run))
    return lines


def _step(bars: BarChart, number: int, limit: Decimal | None, room: float) -> str:
    y = bars.y_of(limit or NOTHING)
    return f"{number * room:.2f},{y} {(number + 1) * room:.2f},{y}"


def _labels(days: Sequence[date]) -> list[str]:
    """The days in the middle of equal pieces of the axis."""
    count = min(MOST_LABELS, len(days))
    middles = [days[(2 * piece + 1) * len(days) // (2 * count)] for piece in range(count)]
    return [format_date(day, pgettext("date format without year", "j M")) for day in middles]
