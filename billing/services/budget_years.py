"""Where many budgets of one business year stand, month by month. A constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Final, cast

from django.conf import settings
from django.db.models import QuerySet
from django.utils.module_loading import import_string

from billing.models import Budget
from billing.services.budgets import BudgetPosition, BudgetTotal
from billing.services.charging import costs, expected_costs
from billing.services.cost_lines import CostLine, Costs
from billing.services.month_costs import month_costs, month_totals
from billing.services.month_figures import MonthCosts
from billing.services.tree_history import cut, last_second, lineages_at, moves_within
from portal.core.calendar import Period, day_of, months_in, start_of_day, year_of
from portal.core.money import to_cents
from portal.identity.models import Node

NOTHING: Final = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class MonthSpent:
    """What was charged in a month, and what the whole month comes to if what runs runs on."""

    month: Period
    realised: Decimal
    expected: Decimal


@dataclass(frozen=True, kw_only=True)
class YearSpent:
    """The twelve months of one branch of the tree."""

    months: tuple[MonthSpent, ...]
    is_price_missing: bool

    @property
    def realised(self) -> Decimal:
        return sum((month.realised for month in self.months), NOTHING)

    @property
    def expected(self) -> Decimal:
        return sum((month.expected for month in self.months), NOTHING)


def positions_of(budgets: Sequence[Budget], *, at: datetime) -> list[BudgetPosition]:
    """Where budgets of one year stand, each as ``position_of`` says with what orders promise.

    What was last reckoned will do: these are for pages, not for decisions.
    """
    if not budgets:
        return []
    node_ids, year = [budget.node_id for budget in budgets], budgets[0].year
    spent = spent_by_node(node_ids, year, at=at)
    promised = promised_costs(node_ids, at=at) if year == day_of(at).year else {}
    return [
        position_with(spent[budget.node_id], budget, promised.get(budget.node_id, NOTHING))
        for budget in budgets
    ]


def total_position(nodes: QuerySet[Node], *, at: datetime) -> BudgetTotal | None:
    """Where the budgets on ``nodes`` stand together, with what orders promise.

    A budget below another one is part of it, so it is not counted again. None without budgets. A
    constant number of queries.
    """
    budgets = list(
        Budget.objects.filter(node__in=nodes, year=day_of(at).year).select_related("node")
    )
    node_ids = {budget.node_id for budget in budgets}
    topmost = [budget for budget in budgets if not node_ids & set(budget.node.ancestor_ids)]
    if not topmost:
        return None
    spending_ids = [budget.node_id for budget in topmost]
    months = month_totals(spending_ids, months_in(year_of(at)), at=at)
    realised = sum((total.realised for total in months), NOTHING)
    expected = sum((total.expected for total in months), NOTHING)
    promised = sum(promised_costs(spending_ids, at=at).values(), NOTHING)
    return BudgetTotal(
        year=topmost[0].year,
        budget=sum((budget.amount for budget in topmost), NOTHING),
        realised=realised,
        committed=expected - realised + to_cents(promised),
    )


def position_with(spent: YearSpent, budget: Budget, promised: Decimal) -> BudgetPosition:
    """Where the budget stands with what its months say, and orders promise."""
    return BudgetPosition(
        node=budget.node,
        year=budget.year,
        budget=budget.amount,
        realised=spent.realised,
        committed=spent.expected - spent.realised + to_cents(promised),
        asked=NOTHING,
        is_price_missing=spent.is_price_missing,
    )


def promised_costs(node_ids: Collection[int], *, at: datetime) -> Mapping[int, Decimal]:
    """What orders that wait or are being delivered will cost below each node, this year.

    Orders belong to an app above this one, so what adds them up is named in the settings.
    """
    return cast(Mapping[int, Decimal], import_string(settings.PROMISED_COSTS)(node_ids, at=at))


def spent_by_node(node_ids: Collection[int], year: int, *, at: datetime) -> dict[int, YearSpent]:
    """The months of a year for each of these nodes and all that stood below them at the time."""
    months = months_in(year_of(start_of_day(date(year, 1, 1))))
    found = _find_parts(list(node_ids), months, at)
    wanted = set(node_ids)
    realised = [_sum_by_node(wanted, [(part, part.realised) for part in parts]) for parts in found]
    expected = [_sum_by_node(wanted, [(part, part.expected) for part in parts]) for parts in found]
    missing = {
        node_id
        for part in chain.from_iterable(found)
        for line in (*part.realised.lines, *part.expected.lines)
        if line.is_price_missing
        for node_id in wanted & part.nodes_of(line)
    }
    return {
        node_id: YearSpent(
            months=tuple(
                MonthSpent(month=month, realised=used[node_id], expected=whole[node_id])
                for month, used, whole in zip(months, realised, expected, strict=True)
            ),
            is_price_missing=node_id in missing,
        )
        for node_id in node_ids
    }


@dataclass(frozen=True, kw_only=True)
class _Part:
    """What was used in a month, or in a part of it, in which no organization moved.

    ``lineages``: of each organization then: itself, and all above it.
    """

    realised: Costs
    expected: Costs
    lineages: Mapping[int, set[int]]

    def nodes_of(self, line: CostLine) -> set[int]:
        """Where a line counts: in its project, and everywhere from who paid upwards."""
        return {line.project_id} | self.lineages[line.organization_id]


def _find_parts(
    node_ids: Sequence[int], months: Sequence[Period], at: datetime
) -> list[list[_Part]]:
    """The parts of each month.

    A statement counts where who pays stood when its month ended, and use where they stood then. In
    a month that is not closed and in which an organization moved, each part is read by itself.
    """
    moves = moves_within(Period(months[0].start, months[-1].end))
    found = month_costs(node_ids, months, at=at)
    periods = [[one.month] if one.closed else cut(one.month, moves) for one in found]
    lineages = lineages_at({last_second(part) for parts in periods for part in parts})

    def of(whole: MonthCosts, period: Period) -> _Part:
        realised, expected = whole.realised, whole.expected
        if period != whole.month:
            realised, expected = _reckon_part(node_ids, period, whole.as_of)
        if period != whole.month and period.end == whole.month.end:
            realised = realised.joined_with(whole.realised.shares)
            expected = expected.joined_with(whole.expected.shares)
        there = lineages[last_second(period)]
        return _Part(realised=realised, expected=expected, lineages=there)

    return [
        [of(whole, period) for period in parts] for whole, parts in zip(found, periods, strict=True)
    ]


def _reckon_part(node_ids: Sequence[int], period: Period, as_of: datetime) -> tuple[Costs, Costs]:
    """Realised and expected of a part of a month."""
    realised = costs(node_ids, period=period, as_of=as_of)
    if as_of >= period.end:
        return realised, realised
    return realised, expected_costs(node_ids, period=period, as_of=as_of)


def _sum_by_node(
    wanted: set[int], parts: Sequence[tuple[_Part, Costs]]
) -> defaultdict[int, Decimal]:
    """Of one month: of each node its lines, rounded to cents once each, and added up."""
    exact: defaultdict[tuple[int, tuple[object, ...]], Decimal] = defaultdict(Decimal)
    for part, found in parts:
        for line in found.lines:
            group = line.key_within_month
            for node_id in wanted & part.nodes_of(line):
                exact[node_id, group] += line.exact
    sums: defaultdict[int, Decimal] = defaultdict(Decimal)
    for (node_id, _group), amount in exact.items():
        sums[node_id] += to_cents(amount)
    return sums
