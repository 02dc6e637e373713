"""What the first page says beside tasks: what runs, what it costs, what is full."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db.models import F
from django.urls import reverse
from django.utils.translation import gettext as _

from billing.policies import topmost, visible_cost_nodes
from billing.services.budget_years import total_position
from billing.services.budgets import BudgetTotal
from billing.services.month_costs import month_totals
from catalog.amounts import amount_in_words
from catalog.models import (
    UNDECIDED_ORDER_STATES,
    Metric,
    Operation,
    OperationState,
    Order,
    Quota,
)
from catalog.policies import (
    orders_to_answer,
    orders_to_decide,
    visible_operations,
    visible_orders,
    visible_quotas,
)
from catalog.services.quota_alerts import full_quotas
from catalog.views.progress import progress_of
from catalog.views.wording import ORDER_TONES
from portal.core.calendar import month_of
from portal.core.formats import day
from portal.identity.access import reached_nodes
from portal.identity.models import Person
from portal.web.headlines import SHOWN, address_of, names_of, with_lines

QUOTAS_SHOWN: Final = 3


@dataclass(frozen=True, kw_only=True)
class Running:
    """Something that moves or waits on another. ``track``: its steps in one line, if any."""

    title: str
    text: str
    url: str
    tone: str
    state: str
    track: list[str]


@dataclass(frozen=True, kw_only=True)
class Money:
    """This month and this year of everything that the person sees costs of, in whole cents."""

    month: datetime
    realised: Decimal
    expected: Decimal
    budget: BudgetTotal | None
    may_see_all: bool


@dataclass(frozen=True, kw_only=True)
class Fullness:
    """A quota that has little left."""

    quota: Quota
    name: str
    text: str
    note: str


def find_running(person: Person) -> list[Running]:
    """What is being made or removed, then what waits for somebody else."""
    operations = (
        visible_operations(person)
        .filter(state=OperationState.RUNNING)
        .select_related("resource__project", "resource__order_line__order", "order_line__order")
        .prefetch_related("steps")
        .order_by("-started_at")
    )
    waiting = (
        with_lines(visible_orders(person))
        .filter(state__in=UNDECIDED_ORDER_STATES)
        .exclude(pk__in=orders_to_decide(person).values("pk"))
        .exclude(pk__in=orders_to_answer(person).values("pk"))
        .order_by("-submitted_at")
    )
    return [
        *[_running_operation(operation) for operation in operations[:SHOWN]],
        *[_waiting_order(order) for order in waiting[:SHOWN]],
    ]


def read_money(person: Person, *, at: datetime) -> Money:
    """What everything that the person reaches cost, will cost, and may cost."""
    cost_nodes = visible_cost_nodes(person)
    may_see_all = cost_nodes.exists()
    nodes = cost_nodes if may_see_all else reached_nodes(person)
    top_ids = list(topmost(nodes).values_list("pk", flat=True))
    (total,) = month_totals(top_ids, [month_of(at)], at=at)
    return Money(
        month=total.month.start,
        realised=total.realised,
        expected=total.expected,
        budget=total_position(nodes, at=at),
        may_see_all=may_see_all,
    )


def find_fullest(person: Person) -> list[Fullness]:
    """The quotas that are nearly full, the fullest first. Those without a limit never are."""
    quotas = (
        visible_quotas(person)
        .filter(pk__in=full_quotas().values("pk"), limit_now__gt=0)
        .select_related("node")
        .order_by((F("claimed") / F("limit_now")).desc(), "pk")
    )
    return [_fullness(quota) for quota in quotas[:QUOTAS_SHOWN]]


def _running_operation(operation: Operation) -> Running:
    progress = progress_of(operation)
    return Running(
        title=operation.resource.name,
        text=f"{operation.resource.project.name}. {progress.summary}.",
        url=address_of(operation),
        tone="active",
        state=operation.resource.get_state_display(),
        track=progress.states,
    )


def _waiting_order(order: Order) -> Running:
    return Running(
        title=names_of(order),
        text=_("Order {number} for {project}, sent on {day}.").format(
            number=order.number, project=order.project.name, day=day(order.submitted_at)
        ),
        url=reverse("catalog:order", args=[order.public_id]),
        tone=ORDER_TONES[order.state],
        state=order.get_state_display(),
        track=[],
    )


def _fullness(quota: Quota) -> Fullness:
    metric, limit = Metric(quota.metric), quota.limit_now or Decimal(0)
    free = max(Decimal(0), limit - quota.claimed)
    return Fullness(
        quota=quota,
        name=f"{metric.label}, {quota.node.name}",
        text=_("{claimed} of {limit}").format(
            claimed=amount_in_words(metric, quota.claimed, with_unit=False),
            limit=amount_in_words(metric, limit),
        ),
        note=_("{free} is left.").format(free=amount_in_words(metric, free))
        if free
        else _("Nothing is left."),
    )
