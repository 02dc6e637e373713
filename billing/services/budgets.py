"""What a branch of the tree may spend this year, and where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from billing.models import Budget
from billing.services.month_costs import month_totals
from portal.core.calendar import day_of, months_in, year_of
from portal.core.money import to_cents
from portal.core.rows import Cut, RowOf, ask
from portal.identity.models import Node

_BUDGET: Final = RowOf(Budget)
_NODE: Final = RowOf(Node)
_OVER: Final = f"""
    SELECT {_BUDGET.columns}, {_NODE.columns}
    FROM billing_budget JOIN identity_node ON identity_node.id = node_id
    WHERE node_id = ANY(%(lineage)s) AND year = %(year)s
"""  # noqa: S608  (names of columns)


@dataclass(frozen=True, kw_only=True)
class BudgetPosition:
    """Where a budget stands: euros without VAT, in whole cents.

    Attributes:
        node: where the budget stands; everything below it spends from it.
        year: the business year.
        budget: what may be spent in it.
        realised: what was charged in it so far.
        committed: what running resources will still cost, until their end or that of the year,
            what is measured of them (traffic) as on the last 28 days, and orders that wait or are
            being delivered.
        asked: what the order at hand would cost in it.
        is_price_missing: something was used without a price, so ``realised`` says too little.
    """

    node: Node
    year: int
    budget: Decimal
    realised: Decimal
    committed: Decimal
    asked: Decimal
    is_price_missing: bool

    @property
    def free(self) -> Decimal:
        """What nothing lays claim to; below zero when the budget is passed."""
        return self.budget - self.realised - self.committed

    @property
    def free_after(self) -> Decimal:
        """What is left once the order at hand is approved."""
        return self.free - self.asked

    @property
    def expected(self) -> Decimal:
        """What the year will have cost, the order at hand included."""
        return self.realised + self.committed + self.asked

    @property
    def fits(self) -> bool:
        return self.free_after >= 0


@dataclass(frozen=True, kw_only=True)
class BudgetTotal:
    """Where several budgets of one year stand together: euros without VAT, in whole cents."""

    year: int
    budget: Decimal
    realised: Decimal
    committed: Decimal

    @property
    def expected(self) -> Decimal:
        """What the year will have cost if what runs keeps running."""
        return self.realised + self.committed

    @property
    def free(self) -> Decimal:
        """What nothing lays claim to; below zero when the budgets are passed."""
        return self.budget - self.expected

    @property
    def over(self) -> Decimal:
        """By how much the budgets are expected to be passed; zero when they are not."""
        return max(Decimal(0), -self.free)


def budgets_of(nodes: Iterable[Node], year: int) -> dict[int, Budget]:
    """The budgets on these nodes themselves, by the primary key of the node. One query."""
    found = Budget.objects.filter(node__in=nodes, year=year).select_related("node")
    return {budget.node_id: budget for budget in found}


def excess_of(budget: Budget) -> Decimal:
    """By how much the budgets below pass this one together; zero when they do not.

    Each part counts once: a budget below another of them is part of that one.
    """
    below = list(
        Budget.objects.filter(node__ancestor_ids__contains=[budget.node_id], year=budget.year)
        .exclude(pk=budget.pk)
        .values_list("node", "node__ancestor_ids", "amount")
    )
    node_ids = {node_id for node_id, _ancestors, _amount in below}
    parts = (amount for _node, ancestors, amount in below if not node_ids & set(ancestors))
    return max(Decimal(0), sum(parts, Decimal(0)) - budget.amount)


def find_budget_above(budget: Budget) -> Budget | None:
    """The nearest budget of the same year above this one."""
    above = budget.node.ancestor_ids
    found = Budget.objects.filter(node__in=above, year=budget.year).select_related("node")
    return max(found, key=lambda one: above.index(one.node_id), default=None)


def find_budget(node: Node, *, at: datetime) -> Budget | None:
    """The budget that ``node`` spends from: of the nearest node, itself first, that has one."""
    return next(iter(budgets_over(node, at=at)), None)


def budgets_over(node: Node, *, at: datetime) -> list[Budget]:
    """The budgets of this year of the node and above; the nearest first. One query."""
    asked = {"lineage": node.lineage_ids, "year": day_of(at).year}
    return _nearest_first(map(_read, ask(_OVER, asked)), node)


def find_hard_stops(node: Node, *, at: datetime) -> list[Budget]:
    """Those of them that refuse what does not fit."""
    return [budget for budget in budgets_over(node, at=at) if budget.is_hard_stop]


def _read(row: Cut) -> Budget:
    budget = row.take(_BUDGET)
    budget.node = row.take(_NODE)
    return budget


def lock_hard_stops(node: Node, *, at: datetime) -> list[Budget]:
    """As ``find_hard_stops``, locked: of what they have left, one order at a time is decided."""
    stops = Budget.objects.filter(
        node__in=node.lineage_ids, year=day_of(at).year, is_hard_stop=True
    )
    locked = stops.select_for_update(of=("self",))
    return _nearest_first(locked.select_related("node").order_by("node_id"), node)


def _nearest_first(budgets: Iterable[Budget], node: Node) -> list[Budget]:
    lineage = node.lineage_ids
    return sorted(budgets, key=lambda budget: -lineage.index(budget.node_id))


def position_of(
    budget: Budget,
    *,
    at: datetime,
    pending: Decimal = Decimal(0),
    asked: Decimal = Decimal(0),
) -> BudgetPosition:
    """Where one budget stands at ``at``, to the second: for who decides on money.

    Args:
        pending: what orders that wait or are being delivered will cost until the end of the year,
            for everything below the node on which the budget stands (see ``find_budget``).
        asked: what the order at hand would cost until then.
    """
    months = month_totals([budget.node_id], months_in(year_of(at)), at=at, is_fresh=True)
    realised = sum((total.realised for total in months), Decimal(0))
    expected = sum((total.expected for total in months), Decimal(0))
    return BudgetPosition(
        node=budget.node,
        year=budget.year,
        budget=budget.amount,
        realised=realised,
        committed=expected - realised + to_cents(pending),
        asked=to_cents(asked),
        is_price_missing=any(total.is_price_missing for total in months),
    )
