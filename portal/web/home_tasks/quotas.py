"""What waits of quotas."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Count, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.amounts import amount_in_words
from catalog.models import (
    Metric,
    Quota,
    QuotaAlert,
    QuotaRequest,
)
from catalog.quota_policies import (
    governed_nodes,
    requests_to_decide,
    requests_with_order_kept,
)
from catalog.views.quota_request_wording import RequestInWords
from portal.identity.models import Node, Person
from portal.identity.models.proposed import DecisionState
from portal.web.headlines import SHOWN
from portal.web.home_tasks.task import Task


def requests(person: Person) -> list[Task]:
    """More quota to decide on, and what came of what they asked themselves."""
    return [
        *[_more_quota_task(asked) for asked in _quota_to_decide(person)],
        *[_outcome_task(asked) for asked in _quota_decided(person)],
    ]


def shortages(person: Person) -> list[Task]:
    """What is over its limit, each in a line of its own, and one line for what may come to that."""
    nodes = governed_nodes(person)
    over = Quota.objects.filter(node__in=nodes, over_since__isnull=False).select_related("node")
    shown = [_quota_task(quota) for quota in over.order_by("over_since")[:SHOWN]]
    return [*shown, *_alert_tasks(nodes)]


def _quota_to_decide(person: Person) -> QuerySet[QuotaRequest]:
    waiting = requests_to_decide(person).select_related("node", "proposed_by")
    return waiting.order_by("proposed_at")[:SHOWN]


def _more_quota_task(asked: QuotaRequest) -> Task:
    words = RequestInWords(asked, shows_limits=True)  # who decides reaches the part
    return Task(
        icon="gauge",
        tone="",
        title=words.title,
        text=_("{requester} asks this, where the lowest limit in that time was {before}.").format(
            requester=asked.proposed_by.name, before=words.before
        ),
        url=reverse("catalog:quota-request", args=[asked.public_id]),
        button=_("Decide"),
    )


def _quota_decided(person: Person) -> list[QuotaRequest]:
    """What came of requests for which an order still waits in a cart, the latest of each cart."""
    decided = requests_with_order_kept(person).select_related("node", "cart__project")
    by_cart = {asked.cart_id: asked for asked in decided.order_by("decided_at")}
    return list(by_cart.values())[:SHOWN]


def _outcome_task(asked: QuotaRequest) -> Task:
    is_granted = asked.state == DecisionState.CONFIRMED
    outcome = _("More quota is granted: {what}.") if is_granted else _("Refused: {what}.")
    return Task(
        icon="shopping-cart",
        tone="" if is_granted else "warn",
        title=_("Your order for {project} waits in your cart").format(
            project=asked.cart.project.name if asked.cart else ""
        ),
        text=outcome.format(what=RequestInWords(asked).title),
        url=reverse("catalog:quota-request", args=[asked.public_id]),
        button=_("View"),
    )


def _quota_task(quota: Quota) -> Task:
    metric = Metric(quota.metric)
    return Task(
        icon="gauge",
        tone="warn",
        title=_("{node} uses more than its limit").format(node=quota.node.name),
        text=_("{metric}: {claimed} of {limit}. New orders are blocked.").format(
            metric=metric.label,
            claimed=amount_in_words(metric, quota.claimed),
            limit=amount_in_words(metric, quota.limit_now or Decimal(0)),
        ),
        url=reverse("catalog:quota-detail", args=[quota.node.public_id, metric.value]),
        button=_("View quota"),
    )


def _alert_tasks(nodes: QuerySet[Node]) -> list[Task]:
    """One line for all that has little left in these parts, and is not over its limit."""
    alerts = QuotaAlert.objects.filter(quota__node__in=nodes, quota__over_since=None)
    count = alerts.aggregate(count=Count("quota", distinct=True))["count"]
    if not count:
        return []
    title = ngettext(
        "{count} quota is nearly full, or will be soon",
        "{count} quotas are nearly full, or will be soon",
        count,
    )
    return [
        Task(
            icon="gauge",
            tone="warn",
            title=title.format(count=count),
            text=_("Give more room in time, or ask who uses it to clean up."),
            url=reverse("catalog:quotas-full"),
            button=_("View"),
        )
    ]
