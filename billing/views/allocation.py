"""The pages about what costs fall under: parse, ask the policy, call one service, show."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from billing.allocation_forms import AllocationForm, CostCenterFilter
from billing.cost_centers import AllocatedCosts, allocated_costs, as_sheet
from billing.forms import UNALLOCATED, month_key, read_month
from billing.models import AllocationKey, MeteredResource
from billing.overview import months_with_use
from billing.policies import (
    find_cost_node,
    may_allocate,
    may_see_costs,
    visible_cost_nodes,
    visible_metered_resources,
)
from billing.services.allocations import (
    Allocation,
    AllocationPeriod,
    Place,
    allocations_of,
    allocations_of_each,
    set_allocation,
)
from billing.services.tag_keys import tag_choices
from billing.views.asked import AskedPart, asked_part
from portal.core.errors import DomainError, NotAllowed
from portal.core.sheets import answer_file
from portal.identity.models import Node, NodeKind, Person
from portal.identity.oidc.step_up import kept_input
from portal.identity.outline import LEVELS, fill, find_places
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 50


@require_safe
def allocation_tree(request: PersonRequest) -> HttpResponse:
    """What the costs of each organization and project fall under now."""
    part = asked_part(request)
    nodes = visible_cost_nodes(request.user).filter(ended_at=None)
    page = Paginator(find_places(nodes, focus=part.node), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    lines = fill(list(page))
    found = allocations_of_each([node for _level, node in lines])
    seen = set(nodes.values_list("pk", flat=True))
    rows = [
        {
            "level": level,
            "node": node,
            "is_organization": node.kind == NodeKind.ORGANIZATION,
            "is_deeper": level == LEVELS - 1 and node.kind == NodeKind.ORGANIZATION,
            "allocations": [_shown(one, node, seen) for one in found[node.pk]],
        }
        for level, node in lines
    ]
    context = {"page": page, "rows": rows, "keys": AllocationKey, "node": part.node}
    return render(request, "billing/allocation/tree.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def node_allocation(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """What the costs of a node fall under, fell under and will; finance sets it from a day on."""
    node = find_cost_node(request.user, public_id)
    return _place_page(request, node, node, {})


@require_http_methods(["GET", "HEAD", "POST"])
def resource_allocation(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """The same of one resource."""
    resources = visible_metered_resources(request.user).select_related("project__parent")
    resource = get_object_or_404(resources, public_id=public_id)
    return _place_page(request, resource, resource.project, {"resource": resource})


@require_safe
def cost_centers(request: PersonRequest) -> HttpResponse:
    """What a month cost per cost centre, cost object or commitment number."""
    return _cost_centers_page(request, asked_part(request))


@require_safe
def cost_centers_sheet(request: PersonRequest, form: str) -> HttpResponseBase:
    """Every line of that month with what it falls under, as a file."""
    part, moment = asked_part(request), now()
    asked = _filter(request, part, moment)
    if not asked.is_valid():
        return _cost_centers_page(request, part)
    found = _figures(request, asked, part, moment)
    name = f"allocation-{month_key(found.month)}{'-incomplete' if found.is_running else ''}"
    return answer_file(as_sheet(found), form, name)


def _place_page(
    request: PersonRequest, place: Place, node: Node, context: dict[str, Any]
) -> HttpResponse:
    """Show the place, or set what was sent and show what came of it."""
    is_sent = request.method == "POST"
    form = AllocationForm(request.POST if is_sent else None, initial=_kept(request))
    may_set = may_allocate(request.user, node)
    if is_sent:
        if not may_set:
            raise PermissionDenied
        if form.is_valid() and _is_set(place, form, request.user):
            messages.success(request, _("This is saved."))
            return HttpResponseRedirect(request.path, status=HTTPStatus.SEE_OTHER)
    seen = set(visible_cost_nodes(request.user).values_list("pk", flat=True))
    rows = [_shown(one, place, seen) for one in allocations_of(place)]
    return render(
        request,
        "billing/allocation/place.html",
        {
            **context,
            "node": node,
            "name": str(place),
            "rows": rows,
            "has_history": any(row["periods"] for row in rows),
            "form": form,
            "is_typed": is_sent,
            "may_set": may_set and node.ended_at is None,
            "may_see_tree": may_see_costs(request.user),
        },
        status=HTTPStatus.UNPROCESSABLE_ENTITY if is_sent else HTTPStatus.OK,
    )


def _is_set(place: Place, form: AllocationForm, actor: Person) -> bool:
    """Set what was filled in; False: the form says what is wrong with it."""
    answers = form.cleaned_data
    try:
        set_allocation(
            place,
            AllocationKey(answers["key"]),
            value=answers["value"],
            starts_on=answers["starts_on"],
            actor=actor,
        )
    except NotAllowed as refusal:
        raise PermissionDenied from refusal
    except DomainError as refusal:
        form.show(refusal)
        return False
    return True


def _kept(request: PersonRequest) -> dict[str, Any]:
    """What was filled in before the person had to log in again."""
    kept = kept_input(request)
    return kept.dict() if kept else {}


def _shown(allocation: Allocation, place: Place, seen: set[int]) -> dict[str, Any]:
    """What holds, and from where; a source that the reader does not see is not named."""
    source = allocation.source
    is_inherited = source is not None and (isinstance(place, MeteredResource) or source != place)
    return {
        "key": allocation.key,
        "current": allocation.current,
        "is_inherited": is_inherited,
        "source": source if source and source.pk in seen else None,
        "periods": [_worded(period) for period in allocation.periods],
    }


def _worded(period: AllocationPeriod) -> dict[str, Any]:
    moment = now()
    return {
        "period": period,
        "holds": period.holds(moment),
        "is_planned": period.valid_from > moment and not period.never_held,
    }


def _filter(request: PersonRequest, part: AskedPart, moment: datetime) -> CostCenterFilter:
    chosen = {"node": str(part.node.public_id)} if part.node else {}
    months = months_with_use(now=moment)
    return CostCenterFilter(
        request.GET.dict() | chosen,
        months=months,
        nodes=part.choices,
        tags=tag_choices(part.node_ids),
    )


def _figures(
    request: PersonRequest, form: CostCenterFilter, part: AskedPart, moment: datetime
) -> AllocatedCosts:
    """What a valid form asks for."""
    return allocated_costs(
        part.node_ids,
        key=AllocationKey(form.cleaned_data["key"]),
        month=read_month(form.cleaned_data["month"]),
        now=moment,
        chosen=request.GET.get("value"),
        tag=form.cleaned_data["tag"],
    )


def _cost_centers_page(request: PersonRequest, part: AskedPart) -> HttpResponse:
    moment = now()
    form = _filter(request, part, moment)
    context: dict[str, Any] = {"form": form, "node": part.node}
    if not form.is_valid():
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return render(request, "billing/allocation/cost_centers.html", context, status=status)
    found = _figures(request, form, part, moment)
    query = {"month": month_key(found.month), "key": found.key.value}
    if part.node:
        query["node"] = str(part.node.public_id)
    if form.cleaned_data["tag"]:
        query["tag"] = str(form.cleaned_data["tag"])
    return render(
        request,
        "billing/allocation/cost_centers.html",
        {
            **context,
            "found": found,
            "seen": set(visible_cost_nodes(request.user).values_list("pk", flat=True)),
            "chosen": request.GET.get("value"),
            "query": urlencode(query),
            "resources_query": urlencode(_resources_asked(query, request.GET.get("value"))),
        },
    )


def _resources_asked(query: dict[str, str], chosen: str | None) -> dict[str, str]:
    """The same costs in the list of resources, which knows cost centres only."""
    if chosen is None or query["key"] != AllocationKey.COST_CENTER:
        return {}
    kept = {name: value for name, value in query.items() if name != "key"}
    return {**kept, "center": chosen or UNALLOCATED}
