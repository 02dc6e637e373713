"""What only goes on when this person does something."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.models import BudgetAlert, SplitKey, TariffRound
from billing.policies import (
    disputes_to_answer,
    split_keys_to_decide,
    tariff_rounds_to_decide,
)
from billing.services.budget_alerts import READERS, alert_in_words
from billing.services.unusual_days import UnusualDay, find_unusual_days
from catalog.amounts import amount_in_words
from catalog.models import (
    Metric,
    Operation,
    Order,
    Quota,
    QuotaAlert,
    QuotaRequest,
    Resource,
)
from catalog.policies import (
    orders_to_answer,
    orders_to_decide,
    repairable_operations,
    retirable_resources,
)
from catalog.quota_policies import (
    governed_nodes,
    requests_to_decide,
    requests_with_order_kept,
)
from catalog.services.saving_hints import idle_resources
from catalog.views.end_dates import ENDS_SOON, OPEN_ENDINGS, end_notice
from catalog.views.quota_request_wording import RequestInWords
from portal.core.calendar import day_of
from portal.core.formats import clock, day, money, price
from portal.identity.access import granted_node_ids, reached_projects, roles_of
from portal.identity.gaps import find_gaps
from portal.identity.link_policies import links_to_decide
from portal.identity.models import LinkProposal, Node, Person, ReviewCampaign, Role, RoleProposal
from portal.identity.models.proposed import DecisionState
from portal.identity.reviewing import items_to_decide
from portal.identity.role_policies import proposals_to_decide
from portal.identity.views.review_rows import Progress, measure
from portal.web.headlines import SHOWN, address_of, names_of, with_lines

REVIEW_PRESSES_DAYS: Final = 7


@dataclass(frozen=True, kw_only=True)
class Task:
    """Something that waits on this person. ``tone`` of its icon: "err", "warn" or ""."""

    icon: str
    tone: str
    title: str
    text: str
    url: str
    button: str


def find_tasks(person: Person, *, at: datetime) -> list[Task]:
    """What only goes on when this person does something, the most urgent first."""
    return [
        *[_repair_task(operation) for operation in _to_repair(person)],
        *[_answer_task(order) for order in _to_answer(person)],
        *[_decision_task(order) for order in _to_decide(person)],
        *[_proposal_task(proposal) for proposal in _proposals(person)],
        *[_link_task(link) for link in links_to_decide(person)[:SHOWN]],
        *[_tariff_task(proposed) for proposed in _tariffs_to_decide(person)],
        *[_split_key_task(proposed) for proposed in _split_keys_to_decide(person)],
        *_dispute_tasks(person),
        *[_more_quota_task(asked) for asked in _quota_to_decide(person)],
        *[_outcome_task(asked) for asked in _quota_decided(person)],
        *_gap_tasks(person),
        *_quota_tasks(person),
        *_money_tasks(person, at),
        *[_review_task(review, at) for review in _to_review(person, at)],
        *filter(None, [_end_task(resource, at) for resource in _ending(person, at)]),
        *_saving_tasks(person, at),
    ]


def _to_repair(person: Person) -> QuerySet[Operation]:
    return (
        repairable_operations(person)
        .select_related("resource__project", "resource__order_line__order", "order_line__order")
        .order_by("failed_at")[:SHOWN]
    )


def _repair_task(operation: Operation) -> Task:
    resource = operation.resource
    stopped = operation.failed_at
    return Task(
        icon="alert-triangle",
        tone="err",
        title=_("{name} cannot go on").format(name=resource.name),
        text=_("Project {project}. Stopped on {day}, {time}.").format(
            project=resource.project.name,
            day=day(stopped) if stopped else "",
            time=clock(stopped) if stopped else "",
        ),
        url=address_of(operation),
        button=_("Choose a solution"),
    )


def _to_answer(person: Person) -> QuerySet[Order]:
    return with_lines(orders_to_answer(person)).order_by("submitted_at")[:SHOWN]


def _answer_task(order: Order) -> Task:
    return Task(
        icon="help-circle",
        tone="warn",
        title=names_of(order),
        text=_("There is a question about order {number}. It waits for your answer.").format(
            number=order.number
        ),
        url=f"{reverse('catalog:order', args=[order.public_id])}#comments",
        button=_("Answer"),
    )


def _to_decide(person: Person) -> QuerySet[Order]:
    return with_lines(orders_to_decide(person)).order_by("submitted_at")[:SHOWN]


def _decision_task(order: Order) -> Task:
    return Task(
        icon="clipboard-check",
        tone="",
        title=names_of(order),
        text=_("{requester} asks this for {project}: {price}.").format(
            requester=order.requested_by.name,
            project=order.project.name,
            price=price(order.monthly_price, order.one_off_price),
        ),
        url=reverse("catalog:approval", args=[order.public_id]),
        button=_("Decide"),
    )


def _proposals(person: Person) -> QuerySet[RoleProposal]:
    waiting = proposals_to_decide(person).select_related("person", "absent", "node", "proposed_by")
    return waiting.order_by("proposed_at")[:SHOWN]


def _proposal_task(proposal: RoleProposal) -> Task:
    return Task(
        icon="user-check",
        tone="",
        title=proposal.in_words(),
        text=_("{proposer} proposes this in {node}.").format(
            proposer=proposal.proposed_by.name, node=proposal.node.name
        ),
        url=reverse("identity:role-proposal", args=[proposal.public_id]),
        button=_("Decide"),
    )


def _link_task(link: LinkProposal) -> Task:
    return Task(
        icon="user-check",
        tone="",
        title=link.in_words(),
        text=_("{proposer} proposes this.").format(proposer=link.proposed_by.name),
        url=reverse("identity:identity-link", args=[link.public_id]),
        button=_("Decide"),
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


def _dispute_tasks(person: Person) -> list[Task]:
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


def _gap_tasks(person: Person) -> list[Task]:
    """One line for everything below a quota administrator that has nobody."""
    if Role.QUOTA_ADMINISTRATOR not in roles_of(person):
        return []
    count = find_gaps(person).count()
    if not count:
        return []
    title = ngettext(
        "{count} part has nobody who answers for it",
        "{count} parts have nobody who answers for them",
        count,
    )
    return [
        Task(
            icon="users",
            tone="warn",
            title=title.format(count=count),
            text=_("A project without an owner or an approver, or a part without administrator."),
            url=reverse("identity:without-owner"),
            button=_("View"),
        )
    ]


def _quota_tasks(person: Person) -> list[Task]:
    """What is over its limit, each in a line of its own, and one line for what may come to that."""
    nodes = governed_nodes(person)
    over = Quota.objects.filter(node__in=nodes, over_since__isnull=False).select_related("node")
    shown = [_quota_task(quota) for quota in over.order_by("over_since")[:SHOWN]]
    return [*shown, *_alert_tasks(nodes)]


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


def _money_tasks(person: Person, at: datetime) -> list[Task]:
    """Of the parts that they are finance or budget holder of: budgets, and what cost a lot."""
    node_ids = granted_node_ids(person, READERS)
    if not node_ids:
        return []
    unusual = find_unusual_days(node_ids, at=at)[:SHOWN]
    return [*_budget_tasks(node_ids, at), *[_unusual_task(found) for found in unusual]]


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


def _to_review(person: Person, at: datetime) -> list[Progress]:
    """The open reviews in which roles wait for this person, the first to end on top."""
    waiting = items_to_decide(person, at).values("campaign")
    campaigns = ReviewCampaign.objects.filter(pk__in=waiting).select_related("root")
    return measure(list(campaigns.order_by("due_at", "pk")[:SHOWN]), person, at)


def _review_task(review: Progress, at: datetime) -> Task:
    campaign = review.campaign
    days = (campaign.due_at - at).days
    text = ngettext(
        "{count} role waits for you. You can decide until and including {day}.",
        "{count} roles wait for you. You can decide until and including {day}.",
        review.waiting,
    )
    return Task(
        icon="user-check",
        tone="warn" if days < REVIEW_PRESSES_DAYS else "",
        title=_("Confirm roles in {organization}").format(organization=campaign.root.name),
        text=text.format(count=review.waiting, day=day(campaign.last_day)),
        url=f"{reverse('identity:access-review', args=[campaign.public_id])}?state=undecided",
        button=_("Review roles"),
    )


def _ending(person: Person, at: datetime) -> QuerySet[Resource]:
    return (
        retirable_resources(person)
        .filter(end_date__lte=day_of(at) + ENDS_SOON)
        .select_related("project", "order_line__offering_version")
        .prefetch_related(OPEN_ENDINGS)
        .order_by("end_date", "pk")[:SHOWN]
    )


def _end_task(resource: Resource, at: datetime) -> Task | None:
    notice = end_notice(resource, today=day_of(at))
    if notice is None:
        return None
    return Task(
        icon="calendar",
        tone="warn",
        title=f"{notice.title}: {resource.name}",
        text=_("Project {project}. {what} {advice}").format(
            project=resource.project.name, what=notice.gist, advice=notice.advice
        ),
        url=reverse("catalog:resource", args=[resource.public_id]),
        button=_("View"),
    )


def _saving_tasks(person: Person, at: datetime) -> list[Task]:
    """One line for a requester for everything that is paid for and perhaps used by nobody."""
    projects = reached_projects(person, Role.REQUESTER)
    count = idle_resources(Resource.objects.filter(project__in=projects), at=at).count()
    if not count:
        return []
    title = ngettext(
        "{count} resource costs money and may not be used",
        "{count} resources cost money and may not be used",
        count,
    )
    return [
        Task(
            icon="coin-euro",
            tone="",
            title=title.format(count=count),
            text=_("Stopped, attached to nothing, or kept for a long time."),
            url=f"{reverse('catalog:resources-costs')}?show=idle",
            button=_("View"),
        )
    ]
