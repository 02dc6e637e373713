"""What each resource cost in a month: the list, and the same list as a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Final
from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from billing.forms import EVERYTHING, month_key, read_month
from billing.overview import months_with_use
from billing.policies import visible_cost_nodes
from billing.services.tag_keys import tag_choices
from catalog.kinds import get_kind
from catalog.models import Resource
from catalog.policies import visible_resources
from catalog.resource_cost_forms import ResourceCostForm
from catalog.services.resource_costs import (
    ResourceCostList,
    ResourceFilter,
    ResourceMonth,
    branches_for,
)
from catalog.services.saving_hints import Hint, find_hints, hinted_resources
from catalog.views.resources import state_in_words
from portal.core.money import to_cents
from portal.core.sheets import Rows, answer_file
from portal.identity.access import reached_nodes
from portal.identity.models import Node, NodeKind, Person
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 25
FILTERS: Final = ("kind", "center", "tag", "state", "q", "show")
MOST_PROJECTS: Final = 50  # of more the organizations can be chosen, and words be typed


@dataclass(frozen=True, kw_only=True)
class CostRow:
    """A resource and what it cost. ``resource`` None: the person does not reach it any more."""

    cost: ResourceMonth
    resource: Resource | None
    kind: str
    icon: str
    tone: str
    state: str
    hint: Hint | None


@require_safe
def resource_cost_list(request: PersonRequest) -> HttpResponse:
    """What each resource cost, dearest first."""
    form, asked = _read(request)
    number = _page_number(request)
    found, pieces = asked.page(number, size=PAGE_SIZE)
    form.offer_centers(found.cost_centers)
    page = Paginator(range(found.count), PAGE_SIZE).get_page(number)
    context = {
        "form": form,
        "asked": asked,
        "found": found,
        "total": to_cents(found.exact),
        "total_before": to_cents(found.before),
        "page": page,
        "rows": _rows(found.rows, request.user),
        "is_running": asked.as_of < asked.month.end,
        "is_closed": pieces.is_closed,
        "is_filtered": any(form.data.get(name) for name in FILTERS),
        "may_see_costs": visible_cost_nodes(request.user).exists(),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "catalog/resource_costs/list.html", context, status=status)


@require_safe
def resource_cost_sheet(request: PersonRequest, form: str) -> HttpResponseBase:
    """All of the list, as it is filtered and sorted, for a spreadsheet."""
    checked, asked = _read(request)
    if checked.errors:
        return resource_cost_list(request)
    is_complete = asked.as_of == asked.month.end
    name = f"resources-{month_key(asked.month)}{'' if is_complete else '-incomplete'}"
    return answer_file(_sheet(asked, request.user), form, name)


def _read(request: PersonRequest) -> tuple[ResourceCostForm, ResourceCostList]:
    """What the address asks for; what is wrong in it is left out.

    Raises:
        Http404: the person does not reach that part.
    """
    moment = now()
    node = _chosen_node(request)
    node_ids = branches_for(request.user, node)
    months = months_with_use(now=moment)
    chosen = {"node": str(node.public_id)} if node else {}
    nodes = _choices(request.user, node)
    tags = tag_choices(node_ids)
    form = ResourceCostForm(request.GET.dict() | chosen, months=months, nodes=nodes, tags=tags)
    month = read_month(form.cleaned_data["month"]) if form.is_valid() else months[0]
    return form, ResourceCostList(
        node_ids=node_ids,
        month=month,
        at=moment,
        filter=_filter(form, request.user, moment),
        order=form.order_asked(),
    )


def _filter(form: ResourceCostForm, person: Person, moment: datetime) -> ResourceFilter:
    asked = form.filter_for(person)
    if not form.asks_idle():
        return asked
    hinted = hinted_resources(visible_resources(person), at=moment)
    return replace(asked, only=list(hinted.values_list("pk", flat=True)))


def _chosen_node(request: PersonRequest) -> Node | None:
    text = request.GET.get("node")
    if not text or text == EVERYTHING:
        return None
    try:
        public_id = UUID(text)
    except ValueError as error:
        raise Http404 from error
    return get_object_or_404(reached_nodes(request.user), public_id=public_id)


def _choices(person: Person, chosen: Node | None) -> list[Node]:
    """Which part can be chosen, by name: organizations, and projects if they are few."""
    reached = reached_nodes(person).order_by("name", "pk")
    organizations = list(reached.filter(kind=NodeKind.ORGANIZATION))
    projects = list(reached.filter(kind=NodeKind.PROJECT)[: MOST_PROJECTS + 1])
    nodes = [*organizations, *(projects if len(projects) <= MOST_PROJECTS else [])]
    if chosen and chosen not in nodes:
        nodes.append(chosen)
    return nodes


def _page_number(request: PersonRequest) -> int:
    """From one; one where the address has no number, or one that no list has."""
    text = request.GET.get("page", "")
    is_number = text.isascii() and text.isdecimal() and len(text) < 8
    return max(1, int(text)) if is_number else 1


def _rows(costs: Sequence[ResourceMonth], person: Person) -> list[CostRow]:
    """At most six queries, whatever their number."""
    resources = visible_resources(person).filter(public_id__in=[cost.public_id for cost in costs])
    found = {
        resource.public_id: resource
        for resource in resources.select_related("project__parent").prefetch_related("operations")
    }
    hints = find_hints(resources, at=now())
    return [_row(cost, found.get(cost.public_id), hints.get(cost.public_id)) for cost in costs]


def _row(cost: ResourceMonth, resource: Resource | None, hint: Hint | None) -> CostRow:
    kind = get_kind(cost.kind)
    tone, state = ("", "")
    if resource:
        tone, state = state_in_words(resource, list(resource.operations.all()))
    return CostRow(
        cost=cost,
        resource=resource,
        kind=str(kind.label),
        icon=kind.icon,
        tone=tone,
        state=state,
        hint=hint,
    )


def _sheet(asked: ResourceCostList, person: Person) -> Rows:
    yield (
        *(_("Resource"), _("Organisation"), _("Project"), _("Kind"), _("Cost centre")),
        *(_("State now"), _("Days in use")),
        _("Used in {month}").format(month=month_key(asked.month)),
        _("Used in {month}").format(month=month_key(asked.month_before)),
        *(_("Hint for saving"), _("Saving per month"), _("Number of the resource")),
    )
    for costs in asked.stream():
        yield from _cells(_rows(costs, person))


def _cells(rows: Sequence[CostRow]) -> Iterator[Sequence[str | Decimal]]:
    for row in rows:
        cost, resource = row.cost, row.resource
        centers = [code or _("Not allocated") for code in cost.cost_centers]
        organization = resource.project.parent if resource else None
        yield (
            *(cost.name, organization.name if organization else "", cost.project_name),
            *(row.kind, ", ".join(centers), row.state, cost.days),
            _("No price") if cost.is_price_missing else cost.amount,
            cost.amount_before,
            row.hint.gist if row.hint else "",
            _saving(row.hint),
            str(cost.public_id),
        )


def _saving(hint: Hint | None) -> str | Decimal:
    if hint is None:
        return ""
    return _("No price") if hint.monthly is None else hint.monthly
