"""What waits of tariffs, statements and budgets."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.forms import month_key, name_of_month
from billing.models import BillingMonth, BudgetAlert, MonthState, SplitKey, TariffRound
from billing.policies import (
    disputes_to_answer,
    may_close,
    months_to_close,
    split_keys_to_decide,
    tariff_rounds_to_decide,
)
from billing.services.budget_alerts import READERS, alert_in_words
from billing.services.closing import next_month
from billing.services.unusual_days import UnusualDay, find_unusual_days
from portal.core.calendar import Period, day_of
from portal.core.formats import day, money
from portal.identity.access import granted_node_ids
from portal.identity.models import Person
from portal.web.headlines import SHOWN
from portal.web.home_tasks.task import Task


def proposals(person: Person) -> list[Task]:
    """Prices and shared costs to decide on."""
    return [
        *[_tariff_task(proposed) for proposed in _tariffs_to_decide(person)],
        *[_split_key_task(proposed) for proposed in _split_keys_to_decide(person)],
    ]


def disputes(person: Person) -> list[Task]:
    """One line for everything on statements that this person may answer about."""
    count = disputes_to_answer(person).count()
    if not count:
        return []
    title = ngettext(
        "{count} line of a statement is disputed", "{count} lines of statements are disputed", count
    )
    return [
        Task(
            icon="receipt-euro",
            tone="warn",
            title=title.format(count=count),
            text=_("Whoever pays waits for your answer."),
            url=reverse("billing:disputes"),
            button=_("Answer"),
        )
    ]


def closings(person: Person, at: datetime) -> list[Task]:
    """The month that is over and not closed, for who may begin with it or is its second person."""
    month = next_month() if may_close(person) else None
    if month is None or month.end > at:
        return []
    row = BillingMonth.objects.filter(first_day=day_of(month.start)).first()
    if row is None or row.state == MonthState.OPEN:
        return [_closing_task(month, _("Check what everybody has to pay, and begin to close it."))]
    begun = months_to_close(person).filter(pk=row.pk).select_related("closing_by").first()
    if begun is None or begun.closing_by is None:
        return []
    text = _("{name} began to close it. Check the same figures and close it.")
    return [_closing_task(month, text.format(name=begun.closing_by.name))]


def warnings(person: Person, at: datetime) -> list[Task]:
    """Of the parts that they are finance or budget holder of: budgets, and what cost a lot."""
    node_ids = granted_node_ids(person, READERS)
    if not node_ids:
        return []
    unusual = find_unusual_days(node_ids, at=at)[:SHOWN]
    return [*_budget_tasks(node_ids, at), *[_unusual_task(found) for found in unusual]]


def _closing_task(month: Period, text: str) -> Task:
    return Task(
        icon="receipt-euro",
        tone="",
        title=_("{month} can be closed").format(month=name_of_month(month)),
        text=text,
        url=reverse("billing:month", args=[month_key(month)]),
        button=_("View month"),
    )


def _tariffs_to_decide(person: Person) -> QuerySet[TariffRound]:
    waiting = tariff_rounds_to_decide(person).select_related("proposed_by", "organization")
    return waiting.order_by("valid_from", "proposed_at")[:SHOWN]


def _tariff_task(proposed: TariffRound) -> Task:
    whom = proposed.organization.name if proposed.organization else _("everybody")
    return Task(
        icon="receipt-euro",
        tone="",
        title=_("New prices: {name}").format(name=proposed.title),
        text=_("{proposer} proposes this for {whom}, from {day}.").format(
            proposer=proposed.proposed_by.name, whom=whom, day=day(proposed.valid_from)
        ),
        url=reverse("billing:tariff-round", args=[proposed.public_id]),
        button=_("Decide"),
    )


def _split_key_task(proposed: SplitKey) -> Task:
    return Task(
        icon="receipt-euro",
        tone="",
        title=_("Shared costs of {project}").format(project=proposed.source.name),
        text=_("{proposer} proposes this from {day} on.").format(
            proposer=proposed.proposed_by.name, day=day(proposed.valid_from)
        ),
        url=reverse("billing:split-key", args=[proposed.public_id]),
        button=_("Decide"),
    )


def _split_keys_to_decide(person: Person) -> QuerySet[SplitKey]:
    waiting = split_keys_to_decide(person).select_related("proposed_by", "source")
    return waiting.order_by("valid_from", "proposed_at")[:SHOWN]


def _budget_tasks(node_ids: list[int], at: datetime) -> list[Task]:
    """The budgets that reached a percentage at which people are told, the fullest first."""
    below = Q(node__in=node_ids) | Q(node__ancestor_ids__overlap=node_ids)
    alerts = BudgetAlert.objects.filter(below, year=day_of(at).year, holds=True)
    by_node: dict[int, BudgetAlert] = {}
    for alert in alerts.select_related("node").order_by("-percentage", "-measure", "pk"):
        by_node.setdefault(alert.node_id, alert)
    return [_budget_task(alert) for alert in list(by_node.values())[:SHOWN]]


def _budget_task(alert: BudgetAlert) -> Task:
    return Task(
        icon="coin-euro",
        tone="warn",
        title=_("Budget of {node}").format(node=alert.node.name),
        text=_("{what}, in {year}.").format(what=alert_in_words(alert), year=alert.year),
        url=reverse("billing:budget", args=[alert.node.public_id, alert.year]),
        button=_("View budget"),
    )


def _unusual_task(found: UnusualDay) -> Task:
    return Task(
        icon="chart-bar",
        tone="warn",
        title=_("{project} costs more than usual").format(project=found.project.name),
        text=_("Yesterday {cost}, and usually {usual} a day.").format(
            cost=money(found.cost), usual=money(found.usual)
        ),
        url=f"{reverse('billing:costs')}?node={found.project.public_id}",
        button=_("View costs"),
    )
