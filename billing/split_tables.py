"""What a key makes of a month, for who looks at it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.forms import month_key
from billing.models import SplitKey
from billing.services.month_costs import month_costs
from billing.services.shares import used_by, weights_of
from billing.services.split_reading import HeldKey, held_key
from billing.splitting import Method, is_equal, split
from portal.core.calendar import Period, month_of, months_in
from portal.core.sheets import Rows
from portal.identity.models import Project

MOST_MONTHS: Final = 24  # to choose from


@dataclass(frozen=True, kw_only=True)
class PartRow:
    """What one project bears; ``weight``: per cent or euros used, by the method of the key."""

    project: Project
    weight: Decimal | None
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class Calculation:
    """How one month is shared.

    Attributes:
        total: what the source costs, which the parts add up to.
        is_billed: the month is closed; ``is_running``: it has not ended.
        is_held: the key held in that month; else this is what it would have made of it.
        was_nothing_used: nobody used anything, so that everybody bears the same.
        rows: of the projects whose costs the reader sees.
        hidden_count, hidden_amount: of all others.
    """

    month: Period
    total: Decimal
    is_billed: bool
    is_running: bool
    is_held: bool
    was_nothing_used: bool
    rows: tuple[PartRow, ...]
    hidden_count: int
    hidden_amount: Decimal


def months_of(key: SplitKey, *, at: datetime, sees_all: bool) -> list[Period]:
    """The months of which the reader may know how they are shared, the newest first.

    Those in which it holds or held. Before it begins last month, for who sees the costs of all its
    projects anyway (``sees_all``): others bear nothing yet that would let them know. Of what came
    to nothing there is none.
    """
    running = month_of(at)
    end = min(running.end, key.valid_until or running.end)
    if key.holds_at(key.valid_from) and key.valid_from < end:
        return months_in(Period(key.valid_from, end))[::-1][:MOST_MONTHS]
    if key.came_to_nothing or not sees_all:
        return []
    return [month_of(running.start - timedelta(seconds=1))]


def calculate(key: SplitKey, month: Period, *, at: datetime, seen: Collection[int]) -> Calculation:
    """Share the month, by the functions that close it.

    Args:
        seen: primary keys of the projects whose costs the reader sees.
    """
    held = held_key(key)
    (found,) = month_costs(sorted(held.projects), [month], at=at)
    lines = [line for line in found.realised.lines if not line.is_share]
    total = sum((line.amount for line in lines if line.project_id == held.source_id), Decimal(0))
    used = {
        pk: used_by(line for line in lines if line.project_id == pk)
        for pk in held.recipients.values()
    }
    weights = weights_of(held, used)
    parts = split(total, weights)
    rows = _rows(key, held, weights, parts)
    shown = tuple(row for row in rows if row.project.pk in seen)
    return Calculation(
        month=month,
        total=total,
        is_billed=found.closed is not None,
        is_running=found.as_of < month.end,
        is_held=key.holds_at(month.start),
        was_nothing_used=held.method == Method.BY_USAGE and is_equal(weights),
        rows=shown,
        hidden_count=len(rows) - len(shown),
        hidden_amount=total - sum((row.amount for row in shown), Decimal(0)),
    )


def part_rows(found: Calculation, method: str) -> Rows:
    """The calculation as rows of a file; those that the reader does not see in one of them."""
    is_by_weight = method != Method.EQUAL
    weight = _("Percentage") if method == Method.PERCENTAGES else _("Used")
    yield (_("Month"), _("Project"), *((weight,) if is_by_weight else ()), _("Bears"))
    month = month_key(found.month)
    for row in found.rows:
        cells = (row.weight or Decimal(0),) if is_by_weight else ()
        yield (month, row.project.name, *cells, row.amount)
    if found.hidden_count:
        count = found.hidden_count
        others = ngettext("1 other project", "%(count)s other projects", count) % {"count": count}
        yield (month, others, *(("",) if is_by_weight else ()), found.hidden_amount)


def _rows(
    key: SplitKey, held: HeldKey, weights: dict[str, Decimal], parts: dict[str, Decimal]
) -> list[PartRow]:
    rows = []
    for one in key.recipients.all():
        name = str(one.project.public_id)
        weight = None if held.method == Method.EQUAL else one.percentage or weights[name]
        rows.append(PartRow(project=one.project, weight=weight, amount=parts[name]))
    return sorted(rows, key=lambda row: (row.project.name, row.project.pk))
