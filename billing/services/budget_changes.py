"""Setting, changing and ending budgets. Finance does, for the parts of the tree that they reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from billing.errors import BudgetChanged, NoBudget
from billing.models import Budget, PastBudget
from billing.models.budget import REASON_LENGTH, USUAL_ALERTS
from billing.phasing import MONTHS, equal_parts
from billing.policies import may_set_budget
from portal.audit.services import record, record_refusal
from portal.core.calendar import day_of
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.formats import money
from portal.core.locks import lock_tree_shared
from portal.core.money import CENT
from portal.core.text import clean_text
from portal.identity.models import Node, Person
from portal.identity.sensitive import sensitive

HIGHEST_AMOUNT: Final = Decimal("999999999999.99")
HIGHEST_ALERT: Final = 200
MOST_ALERTS: Final = 10
NOTHING_SEEN: Final = "none"
_FACTS: Final = (
    "amount",
    "month_amounts",
    "alert_percentages",
    "is_hard_stop",
    "set_at",
    "set_by",
    "reason",
)


@dataclass(frozen=True, kw_only=True)
class BudgetSays:
    """What a budget shall be; fields as of ``Budget``."""

    amount: Decimal
    month_amounts: Sequence[Decimal] | None = None
    alert_percentages: Sequence[int] = USUAL_ALERTS
    is_hard_stop: bool = False


def years_to_set(at: datetime) -> tuple[int, int]:
    """The business years whose budgets may change: what is over stays as it was."""
    year = day_of(at).year
    return year, year + 1


def sight_of(budget: Budget | None) -> str:
    """What a person saw when they began to change it; see ``set_budget``."""
    return budget.set_at.isoformat() if budget else NOTHING_SEEN


@sensitive("budget.set")
def set_budget(
    node: Node, year: int, says: BudgetSays, *, reason: str, actor: Person, seen: str = ""
) -> Budget:
    """Give a node its budget of a year, or change it. What it was is kept.

    Args:
        seen: what ``sight_of`` said when the actor looked; left out, whatever is there will do.

    Raises:
        InvalidInput: something is not right in a field.
        NotAllowed: the actor is not finance of the node, or of one above it.
        BudgetChanged: something else is there than the actor saw.
    """
    because = _clean(year, says, reason)
    try:
        return _set(node, year, says, because, actor, seen)
    except NotAllowed:
        _record_refusal(node, year, actor)
        raise
    except IntegrityError as error:
        if "budget_one_per_node_and_year" not in str(error):
            raise
        raise BudgetChanged() from error


@sensitive("budget.end")
def end_budget(node: Node, year: int, *, reason: str, actor: Person, seen: str = "") -> None:
    """From now on the node has no budget of its own for that year. What it was is kept.

    Raises:
        NoBudget: there is none.
        InvalidInput, NotAllowed, BudgetChanged: as in ``set_budget``.
    """
    errors: dict[str, list[str]] = {}
    because = _clean_reason(reason, errors)
    _check_year(year, errors)
    if errors:
        raise InvalidInput(errors)
    try:
        _end(node, year, because, actor, seen)
    except NotAllowed:
        _record_refusal(node, year, actor)
        raise


@transaction.atomic(durable=True)
def _set(node: Node, year: int, says: BudgetSays, reason: str, actor: Person, seen: str) -> Budget:
    budget = _lock(node, year, actor, seen)
    moment = now()
    data: dict[str, Any] = {"year": year, "amount": f"{says.amount:.2f}"}
    if budget is None:
        budget = Budget(node=node, year=year)
    else:
        data["before"] = f"{budget.amount:.2f}"
        _keep(budget, moment, actor)
    budget.amount = says.amount
    budget.month_amounts = _phasing(says)
    budget.alert_percentages = sorted(set(says.alert_percentages))
    budget.is_hard_stop = says.is_hard_stop
    budget.set_at, budget.set_by, budget.reason = moment, actor, reason
    budget.save()
    data |= {
        "alert_percentages": budget.alert_percentages,
        "is_hard_stop": budget.is_hard_stop,
        "is_phased": budget.month_amounts is not None,
    }
    record("budget.set", budget, actor=actor, node_id=node.pk, data=data)
    return budget


@transaction.atomic(durable=True)
def _end(node: Node, year: int, reason: str, actor: Person, seen: str) -> None:
    budget = _lock(node, year, actor, seen)
    if budget is None:
        raise NoBudget(node=node.name, year=year)
    _keep(budget, now(), actor, end_reason=reason)
    Budget.objects.filter(pk=budget.pk).delete()
    data = {"year": year, "before": f"{budget.amount:.2f}"}
    record("budget.ended", budget, actor=actor, node_id=node.pk, data=data)


def _lock(node: Node, year: int, actor: Person, seen: str) -> Budget | None:
    """The budget, locked, once it is sure that the actor may change it and saw it.

    Under the tree lock, for in a node that moved others set budgets.
    """
    lock_tree_shared()
    fresh = Node.objects.get(pk=node.pk)
    if not may_set_budget(actor, fresh):
        raise NotAllowed()
    budget = Budget.objects.select_for_update().filter(node=node, year=year).first()
    if seen and seen != sight_of(budget):
        raise BudgetChanged()
    return budget


def _keep(budget: Budget, at: datetime, actor: Person, *, end_reason: str = "") -> None:
    """Write down what the budget was until now."""
    PastBudget.objects.create(
        node_id=budget.node_id,
        year=budget.year,
        replaced_at=at,
        replaced_by=actor,
        end_reason=end_reason,
        **{name: getattr(budget, name) for name in _FACTS},
    )


def _phasing(says: BudgetSays) -> list[Decimal] | None:
    """Equal parts are not written out: they follow the amount."""
    if says.month_amounts is None or list(says.month_amounts) == equal_parts(says.amount):
        return None
    return list(says.month_amounts)


def _clean(year: int, says: BudgetSays, reason: str) -> str:
    """Return the reason as it is kept.

    Raises:
        InvalidInput: something is not right in a field.
    """
    errors: dict[str, list[str]] = {}
    _check_year(year, errors)
    if not _is_amount(says.amount):
        errors["amount"] = [_amount_help()]
    elif says.month_amounts is not None:
        _check_months(says, errors)
    _check_alerts(says.alert_percentages, errors)
    because = _clean_reason(reason, errors)
    if errors:
        raise InvalidInput(errors)
    return because


def _check_year(year: int, errors: dict[str, list[str]]) -> None:
    this, following = years_to_set(now())
    if year not in (this, following):
        text = _("Only the budgets of {this} and {following} can change.")
        errors["year"] = [text.format(this=this, following=following)]


def _check_months(says: BudgetSays, errors: dict[str, list[str]]) -> None:
    months = says.month_amounts or []
    if len(months) != MONTHS or not all(_is_amount(amount) for amount in months):
        errors["month_amounts"] = [_("Give an amount for each of the twelve months, or none.")]
        return
    difference = sum(months, Decimal(0)) - says.amount
    if difference > 0:
        text = _("Together the months are {difference} more than the year.")
    elif difference < 0:
        text = _("Together the months are {difference} less than the year.")
    else:
        return
    errors["month_amounts"] = [text.format(difference=money(abs(difference)))]


def _check_alerts(percentages: Sequence[int], errors: dict[str, list[str]]) -> None:
    if any(not 1 <= one <= HIGHEST_ALERT for one in percentages) or len(percentages) > MOST_ALERTS:
        text = _("Give at most {most} whole percentages from 1 to {highest}.")
        errors["alert_percentages"] = [text.format(most=MOST_ALERTS, highest=HIGHEST_ALERT)]


def _is_amount(amount: Decimal) -> bool:
    is_in_reach = amount.is_finite() and 0 <= amount <= HIGHEST_AMOUNT
    return is_in_reach and amount == amount.quantize(CENT)


def _amount_help() -> str:
    return _("Give an amount in euros from 0, with at most two decimals.")


def _clean_reason(reason: str, errors: dict[str, list[str]]) -> str:
    try:
        text = clean_text(reason, max_length=REASON_LENGTH)
    except ValueError as error:
        errors["reason"] = [str(error)]
        return ""
    if not text:
        errors["reason"] = [_("Fill this in.")]
    return text


def _record_refusal(node: Node, year: int, actor: Person) -> None:
    record_refusal(
        "budget.setting_refused",
        node,
        actor=actor,
        node_id=node.pk,
        code=NotAllowed.code,
        data={"year": year},
    )
