"""What got worse between the submission of an order and its approval."""

from __future__ import annotations

from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from billing.services.quotes import Quote
from catalog.errors import ConditionsChanged
from catalog.models import Order, OrderLine
from catalog.placement_words import Advised, label_of, severity
from catalog.services.changes import changeable_parameters
from catalog.services.hard_stops import find_stop
from catalog.services.offers import misfits, no_longer_offered, withdrawn_offers
from catalog.services.order_costs import Cost, cost_of
from catalog.services.placement import opinions_on
from catalog.services.preview import budget_effect, quotes_of_lines, together
from portal.core.money import to_cents


def changed_conditions(order: Order) -> list[str]:
    """What got worse since the order was submitted, in words; empty when nothing did.

    Raises:
        PriceMissing: there is no price any more.
    """
    return _changes(order, lines_of(order))


def lines_of(order: Order) -> list[OrderLine]:
    """Its lines, with all that a decision looks at."""
    return list(
        order.lines.select_related(
            "offering_version__offering",
            "offering_version__cloud",
            "assembly__offering_version__offering",
            "claim",
            "changes",
            "placement",
        )
    )


def check_conditions(order: Order, lines: list[OrderLine], *, accepts_changes: bool) -> None:
    """Say what is in the way of approving it as things are now.

    Raises:
        BudgetExceeded: a budget with a hard stop has too little left.
        ConditionsChanged: something got worse, and the approver does not accept that.
        PriceMissing: there is no price any more.
    """
    stop = find_stop(order.project, costs_now(order, lines), besides=order)
    if stop:
        raise stop
    changes = _changes(order, lines)
    if changes and not accepts_changes:
        raise ConditionsChanged(changes="; ".join(changes))


def price_now(order: Order, lines: list[OrderLine]) -> Quote:
    """What all of it costs by the tariff of this moment.

    Raises:
        PriceMissing: there is no price any more.
    """
    return together(_due_now(order, lines))


def costs_now(order: Order, lines: list[OrderLine]) -> list[Cost]:
    """What its lines cost by the tariff of this moment.

    Raises:
        PriceMissing: there is no price any more.
    """
    quotes = quotes_of_lines(lines, order.project)
    return [cost_of(line, quoted) for line, quoted in zip(lines, quotes, strict=True)]


def _due_now(order: Order, lines: list[OrderLine]) -> list[Quote]:
    quotes = quotes_of_lines(lines, order.project)
    return [line.due_of(quoted) for line, quoted in zip(lines, quotes, strict=True)]


def _changes(order: Order, lines: list[OrderLine]) -> list[str]:
    quotes = _due_now(order, lines)
    price = together(quotes)
    new = [line.offering_version for line in lines if line.changes_id is None]
    changes = withdrawn_offers(new, order.project) if new else []
    changes += [
        _of_line(text, line, lines) for line in lines for text in _no_longer_offered(line).values()
    ]
    if price.monthly > to_cents(order.monthly_price):
        text = _("the price per month rose from € {old} to € {new}")
        changes.append(_rose(text, order.monthly_price, price.monthly))
    if price.one_off > to_cents(order.one_off_price):
        text = _("the price that is paid once rose from € {old} to € {new}")
        changes.append(_rose(text, order.one_off_price, price.one_off))
    free_then = order.conditions.get("budget_free")
    costs = [cost_of(line, quoted) for line, quoted in zip(lines, quotes, strict=True)]
    position = budget_effect(order.project, costs, besides=order)
    if position and position.free_after < 0 <= Decimal(free_then or 0):
        changes.append(_("it no longer fits in the budget"))
    return changes + _stricter_placements(order, lines)


def _stricter_placements(order: Order, lines: list[OrderLine]) -> list[str]:
    """Where the advice got stricter since. What may not stand there at all is refused anyway."""
    opinions = opinions_on(order.project, [line.offering_version for line in lines])
    changes = []
    for line in lines:
        opinion, then = opinions[line.offering_version_id], line.placement.advised
        today = opinion.advice.verdict
        if then and opinion.is_admissible and severity(today) > severity(Advised(then)):
            text = _("the advice on where the data stands became “{advice}”")
            changes.append(_of_line(text.format(advice=label_of(today)), line, lines))
    return changes


def _rose(text: str, old: Decimal, new: Decimal) -> str:
    return text.format(old=number_format(to_cents(old), 2), new=number_format(to_cents(new), 2))


def _of_line(text: str, line: OrderLine, lines: list[OrderLine]) -> str:
    return f"{line.name}: {text}" if len(lines) > 1 else text


def _no_longer_offered(line: OrderLine) -> dict[str, str]:
    if line.changes is None:
        return no_longer_offered(line.offering_version, line.spec, line.order.project)
    asked = changeable_parameters(line.changes)
    return misfits(asked, {item.name: line.spec[item.name] for item in asked})
