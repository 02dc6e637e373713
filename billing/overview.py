"""The figures of the cost page: one month of one part of the tree beside another, with names.

A constant number of queries, whatever the number of projects, resources or usage spans.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from django.db.models import Min

from billing.charts import BarChart, make_bar_chart
from billing.forms import month_key
from billing.models import MeteredResource, Sku, UsageSpan
from billing.service_shares import ServiceShares, service_shares
from billing.services.budgets import BudgetPosition
from billing.services.charge_lists import ChargeFilter
from billing.services.cost_lines import Costs, ResourceCost
from billing.services.figures import Figures
from billing.services.month_figures import MonthCosts, MonthTotal
from billing.services.summaries import MOST_MONTHS
from portal.core.calendar import Period, days_in, month_of, months_in, year_of
from portal.core.money import to_cents
from portal.identity.models import Node, NodeKind

MOST_ROWS: Final = 100  # more projects than that are shown per organization
_NOTHING: Final = Costs(lines=())
_EVERYTHING: Final = ChargeFilter()


@dataclass(frozen=True, kw_only=True)
class CostRow:
    """A row of the table: what a part cost, is expected to cost, and cost in the other month."""

    node: Node
    level: int
    realised: Decimal
    expected: Decimal
    before: Decimal

    @property
    def change(self) -> Decimal | None:
        """What is expected beside the other month, in per cent; None when it was nothing."""
        return percentage_more(self.expected, self.before)


@dataclass(frozen=True, kw_only=True)
class YearMonth:
    """A month in the chart of the year: what was used, and what is expected on top of that."""

    total: MonthTotal
    is_chosen: bool
    can_be_chosen: bool

    @property
    def start(self) -> datetime:
        return self.total.month.start

    @property
    def key(self) -> str:
        return month_key(self.total.month)


@dataclass(frozen=True, kw_only=True)
class ResourceRow:
    resource: MeteredResource
    cost: ResourceCost


@dataclass(frozen=True, kw_only=True)
class Day:
    """A business day: what was used, and what it is expected to come to, in cents."""

    day: date
    realised: Decimal
    expected: Decimal


@dataclass(frozen=True, kw_only=True)
class Overview:
    """One month of one part of the tree.

    Attributes:
        node: the part; None is everything that the person sees.
        is_running: the month has not ended, so ``expected`` says more than ``realised``.
        other: the month that it is compared with, and ``before`` what that one cost.
        year: the months of the same year; none of one kind, for no summary knows kinds.
        rows: organizations with their projects below them, if those are not too many; empty for
            a single project.
        resources: of a single project.
        rounding: what the total of use differs from the sum of the resources in cents, because a
            line is rounded per project and price and not per resource.
        is_billed: the month is closed, and this is what its statements say.
        cost_centers: what anything of these months falls under, by code; also what was left out.
    """

    node: Node | None
    month: Period
    as_of: datetime
    realised: Costs
    expected: Costs
    other: Period
    before: Costs
    budget: BudgetPosition | None
    year: tuple[YearMonth, ...]
    year_chart: BarChart
    days: tuple[Day, ...]
    chart: BarChart
    rows: tuple[CostRow, ...]
    services: ServiceShares
    resources: tuple[ResourceRow, ...]
    rounding: Decimal
    is_billed: bool
    cost_centers: tuple[str, ...]

    @property
    def is_running(self) -> bool:
        return self.as_of < self.month.end

    @property
    def put_right(self) -> Decimal:
        """What of the total corrects earlier months, or gives back of them."""
        return self.realised.put_right

    @property
    def shared(self) -> Decimal:
        """What of the total is borne for others, less what others bear."""
        return self.realised.shared

    @property
    def is_empty(self) -> bool:
        return not self.realised.lines and not self.expected.lines

    @property
    def change(self) -> Decimal | None:
        """What is expected beside the other month, in per cent; None when it was nothing."""
        return percentage_more(self.expected.total, self.before.total)

    @property
    def realised_in_year(self) -> Decimal:
        return sum((one.total.realised for one in self.year), Decimal(0))

    @property
    def is_project(self) -> bool:
        return self.node is not None and self.node.kind == NodeKind.PROJECT

    @property
    def has_projects(self) -> bool:
        """False where they were too many to show."""
        return any(row.level for row in self.rows)

    @property
    def is_price_missing(self) -> bool:
        return self.realised.is_price_missing

    @property
    def days_passed(self) -> int:
        """The running day included."""
        return len([day for day in days_in(self.month) if day.start < self.as_of])

    @property
    def day_count(self) -> int:
        return len(self.days)

    @property
    def skus_without_price(self) -> list[Sku]:
        missing = {line.sku_id for line in self.realised.lines if line.is_price_missing}
        return [row.sku for row in self.services.rows if row.sku.pk in missing]


def months_with_use(*, now: datetime) -> list[Period]:
    """The months that can be looked at, newest first; the running one always. One query.

    Since anything at all was used: who paid for a project that moved away finds those months too.
    """
    first = UsageSpan.objects.aggregate(at=Min("started_at"))["at"]
    months = months_in(Period(min(first or now, now), now))
    # The present moment may be the first of a month, which the period then does not touch.
    if months[-1] != month_of(now):
        months.append(month_of(now))
    return months[::-1][:MOST_MONTHS]


def month_before(month: Period) -> Period:
    return month_of(month.start - timedelta(seconds=1))


def percentage_more(amount: Decimal, before: Decimal) -> Decimal | None:
    """How much more than ``before``, in per cent with one decimal.

    None when that is nothing, and something came.
    """
    if not before:
        return None if amount else Decimal("0.0")
    return ((amount - before) * 100 / before).quantize(Decimal("0.1"), ROUND_HALF_UP)


def make_overview(
    node_ids: Sequence[int],
    *,
    node: Node | None,
    month: Period,
    now: datetime,
    other: Period | None = None,
    budget: BudgetPosition | None = None,
    wanted: ChargeFilter = _EVERYTHING,
) -> Overview:
    """Put together the figures of ``month``.

    Args:
        node_ids: what is counted, as for ``costs``.
        node: the one that was chosen, if one was.
        budget: what it spends from, where the person sees that.
        wanted: count only that.
    """
    figures = Figures(wanted)
    other = other or month_before(month)
    found, before = figures.months(node_ids, [month, other], at=now)
    year = year_months(figures, node_ids, month, now)
    days = days_of(figures, node_ids, found)
    is_project = node is not None and node.kind == NodeKind.PROJECT
    resources = resources_of(figures, node, found) if node and is_project else ()
    realised, expected = found.realised, found.expected
    rows = () if is_project else _rows(realised, expected, before.realised)
    return Overview(
        node=node,
        month=month,
        as_of=found.as_of,
        realised=realised,
        expected=expected,
        other=other,
        before=before.realised,
        budget=budget,
        year=year,
        year_chart=_chart([(one.total.realised, one.total.expected) for one in year]),
        days=days,
        chart=_chart([(day.realised, day.expected) for day in days]),
        rows=rows,
        services=service_shares(expected, _sharing(rows)),
        resources=resources,
        rounding=rounding_of(realised, resources),
        is_billed=found.closed is not None,
        cost_centers=tuple(sorted(found.cost_centers | before.cost_centers)),
    )


def year_months(
    figures: Figures, node_ids: Sequence[int], month: Period, now: datetime
) -> tuple[YearMonth, ...]:
    """The months of the same year; none of one kind."""
    if figures.wanted.kind:
        return ()
    totals = figures.totals(node_ids, months_in(year_of(month.start)), at=now)
    return tuple(
        YearMonth(
            total=total,
            is_chosen=total.month.start == month.start,
            can_be_chosen=total.month.start <= now and total.has_lines,
        )
        for total in totals
    )


def _chart(bars: Iterable[tuple[Decimal, Decimal]]) -> BarChart:
    """Bars of what was used, and on top of it the rest of what is expected."""
    return make_bar_chart(
        [(realised, max(expected - realised, Decimal(0))) for realised, expected in bars]
    )


def days_of(figures: Figures, node_ids: Sequence[int], found: MonthCosts) -> tuple[Day, ...]:
    """The days of a month, also those without use."""
    return tuple(
        Day(day=cost.day, realised=to_cents(cost.realised), expected=to_cents(cost.expected))
        for cost in figures.days(node_ids, found)
    )


def _rows(realised: Costs, expected: Costs, before: Costs) -> tuple[CostRow, ...]:
    """Organizations that pay, by name, each with its projects, by name, if they are few."""
    pairs = {
        (line.organization_id, line.project_id)
        for part in (realised, expected, before)
        for line in part.lines
    }
    nodes = Node.objects.in_bulk({pk for pair in pairs for pk in pair})
    rows = []
    payers = {payer for payer, _ in pairs}
    for payer_id in sorted(payers, key=lambda pk: nodes[pk].name):
        parts = [
            part.by_organization.get(payer_id, _NOTHING) for part in (realised, expected, before)
        ]
        rows.append(_row(nodes[payer_id], 0, parts))
        if len(pairs) > MOST_ROWS and len(payers) > 1:
            continue
        projects = {project for payer, project in pairs if payer == payer_id}
        by_project = [part.by_project for part in parts]
        rows += [
            _row(nodes[pk], 1, [part.get(pk, _NOTHING) for part in by_project])
            for pk in sorted(projects, key=lambda pk: nodes[pk].name)
        ]
    return tuple(rows)


def _row(node: Node, level: int, parts: Iterable[Costs]) -> CostRow:
    realised, expected, before = (part.total for part in parts)
    return CostRow(node=node, level=level, realised=realised, expected=expected, before=before)


def _sharing(rows: Sequence[CostRow]) -> list[Node]:
    """Whose costs are set beside each other: organizations, or the projects of a single one."""
    payers = [row.node for row in rows if not row.level]
    return payers if len(payers) > 1 else [row.node for row in rows if row.level]


def resources_of(figures: Figures, node: Node, found: MonthCosts) -> tuple[ResourceRow, ...]:
    """What a project used in a month, dearest first."""
    costs = figures.resources(node.pk, found)
    resources = MeteredResource.objects.in_bulk([cost.resource_id for cost in costs])
    return tuple(ResourceRow(resource=resources[cost.resource_id], cost=cost) for cost in costs)


def rounding_of(realised: Costs, resources: Sequence[ResourceRow]) -> Decimal:
    """What use comes to more than these resources do: lines are rounded, and resources too."""
    of_resources = sum((row.cost.amount for row in resources), Decimal(0))
    return realised.total - realised.put_right - realised.shared - of_resources
