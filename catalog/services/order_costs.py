"""What an order costs a budget: from now until its end, or that of the business year."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Q

from billing.services.quotes import Quote, QuoteLine
from billing.services.term_reading import AgreedTerm
from catalog.models import OPEN_ORDER_STATES, Order, OrderLine, Resource, ResourceState
from catalog.services.order_states import LineState, line_state
from portal.core.calendar import end_of_day, year_of
from portal.identity.models import Node


@dataclass(frozen=True, kw_only=True)
class Before:
    """What something cost, and until when, before a change of it that is asked for.

    ``terms``: its minimum terms that ran when that was asked, by SKU.
    """

    quote: Quote
    end_date: date | None
    terms: Mapping[str, AgreedTerm] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one thing will cost, and until when; of a change ``before`` runs already."""

    quote: Quote
    end_date: date | None
    before: Before | None = None


def pending_costs(
    node: Node,
    besides: Order | None,
    moment: datetime,
    *,
    states: Collection[str] = OPEN_ORDER_STATES,
) -> Decimal:
    """What orders below ``node`` that wait or are being delivered will cost this year.

    What is delivered already is metered, and what was undone costs nothing.
    """
    orders = Order.objects.filter(
        Q(project=node.pk) | Q(project__ancestor_ids__contains=[node.pk]), state__in=states
    ).prefetch_related("lines__resource")
    if besides is not None:
        orders = orders.exclude(pk=besides.pk)
    return cost_in_year((cost for order in orders for cost in _costs_of(order)), moment)


def promised_costs(node_ids: Collection[int], *, at: datetime) -> dict[int, Decimal]:
    """As ``pending_costs``, for many nodes. Billing finds it by ``settings.PROMISED_COSTS``."""
    wanted = set(node_ids)
    below = Q(project__in=wanted) | Q(project__ancestor_ids__overlap=sorted(wanted))
    orders = Order.objects.filter(below, state__in=OPEN_ORDER_STATES)
    promised: dict[int, Decimal] = defaultdict(Decimal)
    for order in orders.select_related("project").prefetch_related("lines__resource"):
        cost = cost_in_year(_costs_of(order), at)
        for node_id in wanted.intersection(order.project.lineage_ids):
            promised[node_id] += cost
    return promised


def _costs_of(order: Order) -> list[Cost]:
    """What its lines that are still to come cost at the price that was frozen with it."""
    return [
        cost_of(line, Quote.from_json(line.quote))
        for line in order.lines.all()
        if _is_to_come(line)
    ]


def _is_to_come(line: OrderLine) -> bool:
    resource: Resource | None = getattr(line, "resource", None)
    if resource is None:
        return True
    state = line_state(ResourceState(resource.state), resource.activated_at)
    return state in (LineState.UNDER_WAY, LineState.STOPPED)


def cost_of(line: OrderLine, price: Quote) -> Cost:
    """What an order's line costs at this price."""
    return Cost(quote=price, end_date=line.end_date, before=before_of(line))


def before_of(line: OrderLine) -> Before | None:
    """What a change begins with; None for something new."""
    if line.before is None:
        return None
    end_date = line.before["end_date"]
    return Before(
        quote=Quote.from_json(line.before["quote"]),
        end_date=date.fromisoformat(end_date) if end_date else None,
        # Of orders from before that was asked nothing is known.
        terms={
            sku: AgreedTerm.from_json(told) for sku, told in line.before.get("terms", {}).items()
        },
    )


def cost_in_year(costs: Iterable[Cost], moment: datetime) -> Decimal:
    """What they cost together from now on in this business year."""
    return sum((_cost_of(cost, moment) for cost in costs), Decimal(0))


def _cost_of(asked: Cost, moment: datetime) -> Decimal:
    """What something costs from now, until its end or that of the year; of a change: more or less.

    A change may cost less, so this may be below zero.
    """
    end, end_of_year = _end_of(asked.end_date, moment), year_of(moment).end
    if asked.before is None:
        return asked.quote.judged_until(moment, end, limit=end_of_year)
    before = asked.before
    due = asked.quote.after(before.quote).judged_until(moment, end, limit=end_of_year)
    running = before.quote.after(before.quote).without_terms  # what was paid once is paid
    saved = running.judged_until(moment, _end_of(before.end_date, moment))
    return due - saved + _more_unused(asked, before, moment)


def _more_unused(asked: Cost, before: Before, moment: datetime) -> Decimal:
    """What terms that run make due without use, more than if all went on as it was."""
    lines = {line.sku: line for quote in (before.quote, asked.quote) for line in quote.lines}
    more = Decimal(0)
    for sku, term in before.terms.items():
        if line := lines.get(sku):
            end, end_before = (_end_of(one.end_date, moment) for one in (asked, before))
            more += _unused(line, term, asked.quote, moment, end)
            more -= _unused(line, term, before.quote, moment, end_before)
    return more


def _unused(
    line: QuoteLine, term: AgreedTerm, used: Quote, moment: datetime, end: datetime
) -> Decimal:
    """What of a term is due in this year and not used, by who uses that much until ``end``."""
    until = min(term.ends_at, year_of(moment).end)
    if until <= moment:
        return Decimal(0)
    stops = min(max(end, moment), until)
    left = max(Decimal(0), term.quantity - used.quantity_by_sku.get(line.sku, Decimal(0)))
    beside = replace(line, quantity=left).cost(moment, stops)
    return beside + replace(line, quantity=term.quantity).cost(stops, until)


def _end_of(end_date: date | None, moment: datetime) -> datetime:
    """The end of the term, or of the year: a budget looks no further."""
    end_of_year = year_of(moment).end
    if end_date is None:
        return end_of_year
    return min(end_of_year, end_of_day(end_date))
