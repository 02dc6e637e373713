"""What a month cost per value of a tag, with names to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext as _

from billing.cost_centers import ProjectRow, by_project
from billing.forms import month_key
from billing.models import AllocationKey, LineKind, Sku
from billing.services.cost_lines import Costs
from billing.services.tagged_costs import TaggedMonth, tagged_months
from portal.core.calendar import Period
from portal.core.sheets import Rows
from portal.identity.models import Node

_NOTHING: Final = Costs(lines=())


@dataclass(frozen=True, kw_only=True)
class TaggedRow:
    """What had one value; None: none. ``share`` is in per cent of the total, rounded."""

    value: str | None
    amount: Decimal
    share: int


@dataclass(frozen=True, kw_only=True)
class TaggedCosts:
    """One month by one key.

    Attributes:
        rows: dearest first; what has no value comes last.
        chosen: the value whose lines are shown; empty: what has none; None when none was chosen.
        projects: the lines of the chosen value; None when none was chosen.
    """

    key: str
    found: TaggedMonth
    rows: tuple[TaggedRow, ...]
    chosen: str | None
    projects: tuple[ProjectRow, ...] | None

    def shows(self, value: str | None) -> bool:
        """Whether the lines of a value are asked for."""
        return self.chosen is None or (value or "") == self.chosen

    @property
    def month(self) -> Period:
        return self.found.month

    @property
    def as_of(self) -> datetime:
        return self.found.as_of

    @property
    def total(self) -> Decimal:
        return sum((row.amount for row in self.rows), Decimal(0))

    @property
    def is_running(self) -> bool:
        return self.as_of < self.month.end

    @property
    def is_billed(self) -> bool:
        return self.found.closed is not None

    @property
    def put_right(self) -> Decimal:
        """What of the total corrects earlier months, or gives back of them."""
        return self.found.realised.get(None, _NOTHING).put_right

    @property
    def untagged(self) -> Decimal:
        return self.found.realised.get(None, _NOTHING).total

    @property
    def chosen_total(self) -> Decimal:
        return sum((row.amount for row in self.projects or ()), Decimal(0))


def tagged_costs(
    node_ids: Sequence[int], key: str, *, month: Period, now: datetime, chosen: str | None = None
) -> TaggedCosts:
    """Put together the figures of ``month``. A constant number of queries.

    Args:
        node_ids: what is counted, as for ``billing.services.charging.costs``.
        chosen: show the lines of this value; empty: of what has none.
    """
    (found,) = tagged_months(node_ids, key, [month], at=now)
    total = sum((costs.total for costs in found.realised.values()), Decimal(0))
    rows = [
        TaggedRow(
            value=value,
            amount=part.total,
            share=round(part.total * 100 / total) if total else 0,
        )
        for value, part in found.realised.items()
    ]
    rows.sort(key=lambda row: (row.value is None, -row.amount, row.value or ""))
    lines = None if chosen is None else by_project(found.realised.get(chosen or None, _NOTHING))
    return TaggedCosts(key=key, found=found, rows=tuple(rows), chosen=chosen, projects=lines)


def as_sheet(costs: TaggedCosts) -> Rows:
    """Every line per value, or those of the chosen value. They add up to what the page shows."""
    yield [
        *(_("Month"), costs.key),
        *(str(key.label) for key in AllocationKey),
        *(_("Organization"), _("Project"), _("Service"), _("Kind"), _("Amount in euros")),
    ]
    values = [row.value for row in costs.rows if costs.shows(row.value)]
    lines = [(value, line) for value in values for line in costs.found.realised[value].lines]
    nodes = Node.objects.in_bulk(
        {pk for _value, line in lines for pk in (line.organization_id, line.project_id)}
    )
    skus = Sku.objects.in_bulk({line.sku_id for _value, line in lines})
    for value, line in lines:
        yield [
            month_key(costs.month),
            value or "",
            *(getattr(line, key) or "" for key in AllocationKey.values),
            nodes[line.organization_id].name,
            nodes[line.project_id].name,
            skus[line.sku_id].name,
            str(LineKind(line.kind).label),
            line.amount,
        ]
