"""What waits in orders and their deliveries."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.models import (
    Operation,
    Order,
    Resource,
)
from catalog.policies import (
    orders_to_answer,
    orders_to_decide,
    repairable_operations,
    retirable_resources,
)
from catalog.services.saving_hints import hinted_resources
from catalog.views.end_dates import ENDS_SOON, OPEN_ENDINGS, end_notice
from portal.core.calendar import day_of
from portal.core.formats import clock, day, price
from portal.identity.access import reached_projects
from portal.identity.models import Person, Role
from portal.web.headlines import SHOWN, address_of, names_of, with_lines
from portal.web.home_tasks.task import Task


def repairs(person: Person) -> list[Task]:
    """Deliveries that cannot go on."""
    return [_repair_task(operation) for operation in _to_repair(person)]


def questions(person: Person) -> list[Task]:
    """Orders about which something was asked."""
    return [_answer_task(order) for order in _to_answer(person)]


def decisions(person: Person) -> list[Task]:
    """Orders to decide on."""
    return [_decision_task(order) for order in _to_decide(person)]


def endings(person: Person, at: datetime) -> list[Task]:
    """Resources whose end date is near, or past."""
    return list(filter(None, [_end_task(resource, at) for resource in _ending(person, at)]))


def savings(person: Person, at: datetime) -> list[Task]:
    """One line for a requester for everything of which a hint for saving tells."""
    projects = reached_projects(person, Role.REQUESTER)
    count = hinted_resources(Resource.objects.filter(project__in=projects), at=at).count()
    if not count:
        return []
    title = ngettext(
        "You may save on {count} resource",
        "You may save on {count} resources",
        count,
    )
    return [
        Task(
            icon="coin-euro",
            tone="",
            title=title.format(count=count),
            text=_("Stopped, attached to nothing, kept for a long time, or larger than needed."),
            url=f"{reverse('catalog:resources-costs')}?show=idle",
            button=_("View"),
        )
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
