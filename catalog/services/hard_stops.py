"""Budgets that refuse what does not fit: of the project, and of every level above it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.utils.timezone import now

from billing.errors import BudgetExceeded
from billing.models import Budget
from billing.policies import finance_to_ask
from billing.services.budgets import find_hard_stops, lock_hard_stops, position_of
from catalog.models import OPEN_ORDER_STATES, UNDECIDED_ORDER_STATES, Order
from catalog.services.order_costs import Cost, cost_in_year, pending_costs
from portal.identity.models import Project

# What was approved has its money; of what waits, that is decided one by one.
_APPROVED: Final = OPEN_ORDER_STATES - UNDECIDED_ORDER_STATES


def find_stop(
    project: Project, costs: Sequence[Cost], *, besides: Order | None = None
) -> BudgetExceeded | None:
    """Why a budget would refuse these costs now; None when none does. Locks nothing.

    Args:
        besides: the order that asks this. Left out, it is new: then what waits counts as well. Of
            orders that wait, who decides chooses which one gets the money.
    """
    moment = now()
    return first_refusal(find_hard_stops(project, at=moment), costs, besides, moment)


def check_hard_stops(
    project: Project, costs: Sequence[Cost], *, besides: Order | None = None
) -> None:
    """As ``find_stop``, for who is about to write the order down, or to approve it.

    Call inside a transaction, before quota rows are locked: it locks the budgets, so that two
    orders never both get what is enough for one.

    Raises:
        BudgetExceeded: of the lowest level that has too little left.
    """
    moment = now()
    refusal = first_refusal(lock_hard_stops(project, at=moment), costs, besides, moment)
    if refusal:
        raise refusal


def first_refusal(
    stops: Sequence[Budget], costs: Sequence[Cost], besides: Order | None, moment: datetime
) -> BudgetExceeded | None:
    """The refusal of the first of these budgets that has too little left, with what is pending."""
    asked = cost_in_year(costs, moment)
    if asked <= 0:
        return None  # what costs nothing more is never in the way
    states = _APPROVED if besides else OPEN_ORDER_STATES
    for budget in stops:
        pending = pending_costs(budget.node, besides, moment, states=states)
        position = position_of(budget, at=moment, pending=pending, asked=asked)
        if not position.fits:
            return BudgetExceeded(position, ask=finance_to_ask(budget.node))
    return None
