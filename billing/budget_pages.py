"""The figures of the pages about budgets: many of one year, or one month by month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing.charts import BarChart, make_bar_chart
from billing.forms import month_key
from billing.models import Budget
from billing.services.budget_years import (
    YearSpent,
    position_with,
    positions_of,
    promised_costs,
    spent_by_node,
)
from billing.services.budgets import BudgetPosition, budgets_of
from portal.core.calendar import Period, day_of
from portal.core.sheets import Rows
from portal.identity.models import Node

NOTHING: Final = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class BudgetRow:
    """A budget in the table.

    Attributes:
        level: how many of the others it is part of.
        excess: by how much the budgets below pass it together.
    """

    budget: Budget
    position: BudgetPosition
    level: int
    excess: Decimal

    @property
    def percentage(self) -> int | None:
        """Expected, of the budget, in whole per cent; None of a budget of nothing."""
        return percentage_of(self.position.expected, self.budget.amount)


@dataclass(frozen=True, kw_only=True)
class MonthRow:
    """A month of one budget. ``left``: of all budget until its end, if it goes as expected."""

    month: Period
    budget: Decimal
    realised: Decimal
    expected: Decimal
    left: Decimal


@dataclass(frozen=True, kw_only=True)
class BudgetYear:
    """One budget month by month. ``promised``: what orders that wait or are delivered will cost,
    of which it is not known yet in which month.
    """

    position: BudgetPosition
    promised: Decimal
    months: tuple[MonthRow, ...]
    chart: BarChart
    line: str

    @property
    def percentage(self) -> int | None:
        return percentage_of(self.position.expected, self.position.budget)


def percentage_of(amount: Decimal, budget: Decimal) -> int | None:
    """Rounded down: who reads 100 per cent has reached it."""
    return int(amount * 100 / budget) if budget else None


def make_rows(nodes: QuerySet[Node], year: int, *, at: datetime) -> list[BudgetRow]:
    """The budgets of ``nodes``, each below the one that it is part of, by name."""
    budgets = budgets_of(nodes, year)
    above = {
        pk: [one for one in budget.node.ancestor_ids if one in budgets]
        for pk, budget in budgets.items()
    }
    handed_out = dict.fromkeys(budgets, NOTHING)
    for pk, parents in above.items():
        if parents:
            handed_out[parents[-1]] += budgets[pk].amount
    ordered = sorted(
        budgets.values(),
        key=lambda budget: [
            (budgets[pk].node.name, pk) for pk in [*above[budget.node_id], budget.node_id]
        ],
    )
    return [
        BudgetRow(
            budget=budget,
            position=position,
            level=len(above[budget.node_id]),
            excess=max(NOTHING, handed_out[budget.node_id] - budget.amount),
        )
        for budget, position in zip(ordered, positions_of(ordered, at=at), strict=True)
    ]


def make_year(budget: Budget, *, at: datetime) -> BudgetYear:
    """The months of a budget, and where it stands."""
    node_id = budget.node_id
    spent = spent_by_node([node_id], budget.year, at=at)[node_id]
    is_running = budget.year == day_of(at).year
    promised = promised_costs([node_id], at=at).get(node_id, NOTHING) if is_running else NOTHING
    chart = make_bar_chart(
        [(month.realised, month.expected - month.realised) for month in spent.months],
        line=max(budget.months),
    )
    return BudgetYear(
        position=position_with(spent, budget, promised),
        promised=promised,
        months=_months(budget, spent),
        chart=chart,
        line=_steps(chart, budget.months),
    )


def month_rows(found: BudgetYear) -> Rows:
    """The months as rows of a file, as they stand in the table; each says of which part."""
    yield (_("Part"), _("Month"), _("Budget"), _("Used"), _("Expected"), _("Left until then"))
    for row in found.months:
        name = found.position.node.name
        yield (name, month_key(row.month), row.budget, row.realised, row.expected, row.left)


def _months(budget: Budget, spent: YearSpent) -> tuple[MonthRow, ...]:
    rows, left = [], NOTHING
    for month, amount in zip(spent.months, budget.months, strict=True):
        left += amount - month.expected
        rows.append(
            MonthRow(
                month=month.month,
                budget=amount,
                realised=month.realised,
                expected=month.expected,
                left=left,
            )
        )
    return tuple(rows)


def _steps(chart: BarChart, amounts: Sequence[Decimal]) -> str:
    """A polyline over the bars that steps where the amount changes."""
    room = Decimal(100) / len(amounts)
    points = []
    for number, amount in enumerate(amounts):
        y = chart.y_of(amount)
        points += [f"{number * room:.2f},{y}", f"{(number + 1) * room:.2f},{y}"]
    return " ".join(points)
