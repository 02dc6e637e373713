"""Where many budgets of one business year stand, month by month. A constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, cast

from django.conf import settings
from django.utils.module_loading import import_string

from billing.models import Budget
from billing.services.budgets import BudgetPosition
from billing.services.charging import CostLine
from billing.services.month_costs import month_costs
from billing.services.month_figures import MonthCosts
from portal.core.calendar import Period, day_of, months_in, start_of_day, year_of
from portal.core.money import to_cents
from portal.identity.models import Organization

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
    """The months of a year for each of these nodes and all below them."""
    months = months_in(year_of(start_of_day(date(year, 1, 1))))
    found = month_costs(list(node_ids), months, at=at)
    lines = [line for costs in found for part in _parts(costs) for line in part]
    payers = _payers(line.organization_id for line in lines)
    sums = [_sum_by_node(costs, node_ids, payers) for costs in found]
    missing = {
        node_id
        for line in lines
        if line.is_price_missing
        for node_id in _nodes_of(line, payers).intersection(node_ids)
    }
    return {
        node_id: YearSpent(
            months=tuple(
                MonthSpent(month=month, realised=by_node[node_id][0], expected=by_node[node_id][1])
                for month, by_node in zip(months, sums, strict=True)
            ),
            is_price_missing=node_id in missing,
        )
        for node_id in node_ids
    }


def _parts(costs: MonthCosts) -> tuple[tuple[CostLine, ...], tuple[CostLine, ...]]:
    return costs.realised.lines, costs.expected.lines


def _payers(organization_ids: Iterable[int]) -> dict[int, set[int]]:
    """Of each organization that paid: itself, and all above it. One query."""
    found = Organization.objects.filter(pk__in=set(organization_ids))
    return {organization.pk: set(organization.lineage_ids) for organization in found}


def _nodes_of(line: CostLine, payers: Mapping[int, set[int]]) -> set[int]:
    """Where a line counts: in its project, and everywhere from who paid upwards."""
    return {line.project_id} | payers[line.organization_id]


def _sum_by_node(
    costs: MonthCosts, node_ids: Collection[int], payers: Mapping[int, set[int]]
) -> dict[int, tuple[Decimal, Decimal]]:
    """Realised and expected of one month, of each node."""
    wanted = set(node_ids)
    sums: list[dict[int, Decimal]] = []
    for lines in _parts(costs):
        by_node: dict[int, Decimal] = defaultdict(Decimal)
        for line in lines:
            for node_id in wanted & _nodes_of(line, payers):
                by_node[node_id] += line.amount
        sums.append(by_node)
    realised, expected = sums
    return {node_id: (realised[node_id], expected[node_id]) for node_id in node_ids}
