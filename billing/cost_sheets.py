"""The figures of the cost page as rows of a file: one for each service of each project.

What a closed month puts right of earlier ones, or gives back of them, has rows of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from django.utils.translation import gettext as _

from billing.forms import month_key
from billing.models import LineKind, Sku
from billing.overview import (
    Day,
    ResourceRow,
    YearMonth,
    days_of,
    resources_of,
    rounding_of,
    year_months,
)
from billing.services.charge_lists import ChargeFilter
from billing.services.cost_lines import CostLine, Costs
from billing.services.figures import Figures
from billing.services.month_figures import MonthCosts
from portal.core.calendar import Period
from portal.identity.models import Node, NodeKind

Row = Sequence[str | Decimal]
Key = tuple[int, int, int, str]  # organization, project, SKU, kind of line


class Compared(Protocol):
    """A month beside another, as of ``billing.overview.Overview``."""

    @property
    def month(self) -> Period: ...
    @property
    def other(self) -> Period: ...
    @property
    def realised(self) -> Costs: ...
    @property
    def expected(self) -> Costs: ...
    @property
    def before(self) -> Costs: ...


@dataclass(frozen=True, kw_only=True)
class TwoMonths:
    """A month beside another, without all that a page says of it."""

    found: MonthCosts
    earlier: MonthCosts

    @property
    def month(self) -> Period:
        return self.found.month

    @property
    def other(self) -> Period:
        return self.earlier.month

    @property
    def realised(self) -> Costs:
        return self.found.realised

    @property
    def expected(self) -> Costs:
        return self.found.expected

    @property
    def before(self) -> Costs:
        return self.earlier.realised


def cost_rows(overview: Compared) -> Iterator[Row]:
    """What they are called, and then the rows by name. They add up to the totals of the page."""
    parts = [_by_key(costs) for costs in (overview.realised, overview.expected, overview.before)]
    keys = {key for part in parts for key in part}
    nodes = Node.objects.in_bulk(
        {pk for payer, project, _sku, _kind in keys for pk in (payer, project)}
    )
    skus = Sku.objects.in_bulk({sku for _payer, _project, sku, _kind in keys})
    month, other = month_key(overview.month), month_key(overview.other)
    yield (
        *(_("Organisation"), _("Project"), _("Service"), _("SKU"), _("Kind")),
        *(_("Used in {month}").format(month=month), _("Expected in {month}").format(month=month)),
        _("Used in {month}").format(month=other),
    )
    named = [
        (nodes[payer].name, nodes[project].name, skus[sku].name, skus[sku].code, key)
        for key in keys
        for payer, project, sku, _kind in (key,)
    ]
    for *names, key in sorted(named):
        amounts = [part.get(key, Costs(lines=())) for part in parts]
        kind = str(LineKind(key[-1]).label)
        yield (*names, kind, *(_amount(costs) for costs in amounts))


class Table(StrEnum):
    """The tables of the page that have a file of their own, as its address names them."""

    MONTHS = "months"
    DAYS = "days"
    RESOURCES = "resources"


def table_rows(
    table: Table,
    node_ids: Sequence[int],
    *,
    node: Node | None,
    month: Period,
    now: datetime,
    wanted: ChargeFilter,
) -> Iterator[Row] | None:
    """What they are called, and then the rows of one of the tables, as they stand on the page.

    Only that one is reckoned; arguments as of ``billing.overview.make_overview``.

    Returns:
        None where the page has no such table.
    """
    figures = Figures(wanted)
    if table == Table.MONTHS:
        return None if wanted.kind else _month_rows(year_months(figures, node_ids, month, now))
    is_project = node is not None and node.kind == NodeKind.PROJECT
    if table == Table.RESOURCES and not is_project:
        return None
    (found,) = figures.months(node_ids, [month], at=now)
    if node and table == Table.RESOURCES:
        return _resource_rows(found.realised, resources_of(figures, node, found))
    return _day_rows(days_of(figures, node_ids, found))


def _month_rows(months: Sequence[YearMonth]) -> Iterator[Row]:
    yield (_("Month"), _("Used"), _("Expected"))
    for month in months:
        yield (month.key, month.total.realised, month.total.expected)


def _day_rows(days: Sequence[Day]) -> Iterator[Row]:
    yield (_("Day"), _("Used"), _("Expected"))
    for day in days:
        yield (day.day.isoformat(), day.realised, day.expected)


def _resource_rows(realised: Costs, resources: Sequence[ResourceRow]) -> Iterator[Row]:
    """They add up to what the project used: what is of no resource has rows of its own."""
    yield (_("Resource"), _("Used"), _("Number of the resource"))
    for row in resources:
        yield (row.resource.name, row.cost.amount, str(row.resource.public_id))
    others = {
        _("Corrections and money given back"): realised.put_right,
        _("Shared costs"): realised.shared,
        _("Rounding"): rounding_of(realised, resources),
    }
    for name, amount in others.items():
        if amount:
            yield (name, amount, "")


def _by_key(costs: Costs) -> dict[Key, Costs]:
    lines: dict[Key, list[CostLine]] = {}
    for line in costs.lines:
        key = line.organization_id, line.project_id, line.sku_id, line.kind
        lines.setdefault(key, []).append(line)
    return {key: Costs(lines=tuple(some)) for key, some in lines.items()}


def _amount(costs: Costs) -> str | Decimal:
    """What it cost; in words where something of it has no price, for that is not nothing."""
    return _("No price") if costs.is_price_missing else costs.total
