"""Resources: the list, one resource with what it costs, and cleaning it up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.services.charging import cost_of_each, cost_of_resource
from billing.services.cost_lines import ResourceCost
from billing.services.measured_reading import last_measures
from billing.services.term_reading import still_due
from catalog.action_forms import ActionForm
from catalog.amounts import amount_in_words
from catalog.errors import ConfirmationMismatch
from catalog.kinds import get_kind
from catalog.kinds.base import Action
from catalog.models import (
    OPEN_OPERATION_STATES,
    Metric,
    Operation,
    OperationState,
    Order,
    Resource,
    ResourceState,
)
from catalog.policies import may_act, may_change, may_repair, may_retire, visible_resources
from catalog.services.change_work import agreed_line, open_change
from catalog.services.protection import protect_resource, unprotect_resource
from catalog.services.resources import act_on_resource, find_action, retire_resource
from catalog.services.saving_hints import find_hints
from catalog.services.trials import Trial, trial_of
from catalog.services.waiting import needed_by, waited_for
from catalog.views.end_dates import OPEN_ENDINGS, end_notice
from catalog.views.history import history_of
from catalog.views.order_source import makeable_from
from catalog.views.progress import LOOK_AGAIN_SECONDS, Progress, latest_operation, progress_of
from catalog.views.quota_request_wording import asking_more_for, shortage_of
from catalog.views.relations import relations_of
from catalog.views.resource_tags import tags_shown
from catalog.views.secrets import access_of, show_secret
from catalog.views.wording import RESOURCE_TONES, place_in_words, spec_in_words
from portal.core.calendar import day_of, month_of
from portal.core.errors import DomainError
from portal.identity.access import has_role
from portal.identity.models import Role
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 25
LONGEST_SEARCH: Final = 100  # characters; longer ones are cut


@dataclass(frozen=True)
class ResourceRow:
    """A resource in the list. ``cost``: what it used this month; None was never metered."""

    resource: Resource
    tone: str
    state: str
    icon: str
    addresses: list[str]
    cost: ResourceCost | None


@require_safe
def resource_list(request: PersonRequest) -> HttpResponse:
    """The resources that the person reaches, by name; those cleaned up only when asked for."""
    state = request.GET.get("state", "")
    words = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST_SEARCH]
    resources = visible_resources(request.user).select_related("project")
    resources = resources.prefetch_related("operations")
    if state in ResourceState.values:
        resources = resources.filter(state=state)
    else:
        resources = resources.exclude(state=ResourceState.RETIRED)
    if words:
        resources = resources.filter(_matches(words))
    page = Paginator(resources.order_by("name", "pk"), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": _rows(list(page)),
        "month": month_of(now()).start,
        "states": ResourceState.choices,
        "state": state,
        "words": words,
    }
    return render(request, "catalog/resources/list.html", context)


@require_safe
def resource_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One resource. The page polls its own address while something moves, and keeps the panel."""
    return _render(request, _get(request, public_id))


@require_http_methods(["GET", "HEAD", "POST"])
def resource_retire(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Ask for the name, and begin to clean up. A page of its own where there is no script."""
    resource = _get(request, public_id)
    if not may_retire(request.user, resource):
        raise PermissionDenied
    if request.method == "POST":
        return _retire(request, resource)
    if resource.state != ResourceState.ACTIVE or resource.is_protected:
        return redirect("catalog:resource", public_id=public_id)
    return render(request, "catalog/resources/retire.html", _consequences(request, resource))


@require_http_methods(["GET", "HEAD", "POST"])
def resource_act(request: PersonRequest, public_id: UUID, action: str) -> HttpResponse:
    """Stop, start, or whatever else the kind lets people do; what that asks is a page first."""
    resource = _get(request, public_id)
    if not may_act(request.user, resource, action):
        raise PermissionDenied
    try:
        if request.method == "POST":
            return _act(request, resource, action, find_action(resource, action))
        offered = dict(_offered_actions(request, resource)).get(action)
        if offered is None or not offered.asks_first:
            return redirect("catalog:resource", public_id=public_id)
        return _ask(request, resource, offered, ActionForm(resource=resource, action=offered))
    except DomainError as error:
        return _render(request, _get(request, resource.public_id), error=error)


def _act(request: PersonRequest, resource: Resource, key: str, action: Action) -> HttpResponse:
    form = ActionForm(request.POST, resource=resource, action=action)
    if not form.is_valid():
        return _ask(request, resource, action, form)
    try:
        act_on_resource(
            resource.public_id,
            action=key,
            actor=request.user,
            answers=form.answers(),
            confirmation=request.POST.get("confirmation", ""),
        )
    except ConfirmationMismatch as error:
        return _ask(request, resource, action, form, error=error)
    address = reverse("catalog:resource", args=[resource.public_id])
    return HttpResponseRedirect(address, status=HTTPStatus.SEE_OTHER)


def _ask(
    request: PersonRequest,
    resource: Resource,
    action: Action,
    form: ActionForm,
    *,
    error: DomainError | None = None,
) -> HttpResponse:
    """What an action asks first, and the name to type where something is lost by it."""
    context = {
        "resource": resource,
        "action": action,
        "form": form,
        "confirmation": request.POST.get("confirmation", ""),
        "error": error,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors or error else HTTPStatus.OK
    return render(request, "catalog/resources/act.html", context, status=status)


@require_POST
def resource_protect(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Switch the protection against cleaning up on."""
    done = _("It is protected. Nobody cleans it up, and it does not go by itself.")
    return _protection(request, public_id, protect_resource, done)


@require_POST
def resource_unprotect(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Switch the protection off; nothing is cleaned up by that alone."""
    done = _("It is not protected any more. It can be cleaned up.")
    return _protection(request, public_id, unprotect_resource, done)


def _protection(
    request: PersonRequest, public_id: UUID, switch: Callable[..., Resource], done: str
) -> HttpResponse:
    resource = _get(request, public_id)
    if not may_retire(request.user, resource):
        raise PermissionDenied
    try:
        switch(resource.public_id, actor=request.user)
    except DomainError as error:
        return _render(request, _get(request, resource.public_id), error=error)
    messages.success(request, done)
    address = reverse("catalog:resource", args=[resource.public_id])
    return HttpResponseRedirect(address, status=HTTPStatus.SEE_OTHER)


def _retire(request: PersonRequest, resource: Resource) -> HttpResponse:
    confirmation = request.POST.get("confirmation", "")
    try:
        retire_resource(resource.public_id, actor=request.user, confirmation=confirmation)
    except ConfirmationMismatch as error:
        context = _consequences(request, resource) | {"error": error, "confirmation": confirmation}
        return render(request, "catalog/resources/retire.html", context, status=error.http_status)
    except DomainError as error:
        return _render(request, _get(request, resource.public_id), error=error)
    messages.success(request, _("We clean up {name}.").format(name=resource.name))
    address = reverse("catalog:resource", args=[resource.public_id])
    return HttpResponseRedirect(address, status=HTTPStatus.SEE_OTHER)


def _render(
    request: PersonRequest, resource: Resource, *, error: DomainError | None = None
) -> HttpResponse:
    """The page of one resource, with what was refused on top."""
    moment = now()
    operations = list(resource.operations.all())
    line = resource.order_line
    tone, state = state_in_words(resource, operations)
    costs = cost_of_each([resource.public_id], period=month_of(moment), as_of=moment)
    context = _consequences(request, resource) | {
        "tone": tone,
        "state": state,
        "kind": get_kind(resource.kind),
        "place": place_in_words(resource.cloud_project.cloud),
        "measured": last_measures(resource.public_id, at=moment),
        "words": spec_in_words(line.offering_version, resource.spec) if line else [],
        "line": line,
        "needing": list(needed_by(resource).values_list("name", flat=True))
        if line and line.assembly_id
        else [],
        "agreed": agreed_line(resource),
        "may_change": resource.state == ResourceState.ACTIVE and may_change(request.user, resource),
        "open_change": open_change(resource),
        "month": month_of(moment).start,
        "tagged": tags_shown(request.user, resource),
        "month_cost": costs.get(resource.public_id),
        "total_cost": cost_of_resource(resource.public_id, as_of=moment),
        "end_notice": end_notice(resource, today=day_of(moment)),
        "progress": _progress(resource, operations),
        "trial": _trial(resource, operations),
        "history": history_of(_subjects(resource, operations)),
        "may_retire": may_retire(request.user, resource),
        "access": access_of(request, resource),
        "actions": _offered_actions(request, resource),
        "makeable": makeable_from(resource, request.user),
        "may_repair": may_repair(request.user, resource),
        "is_operator": has_role(request.user, resource.project, Role.OPERATOR),
        "saving_hint": find_hints(Resource.objects.filter(pk=resource.pk), at=moment).get(
            resource.public_id
        ),
        "error": error,
        "shortage": shortage_of(error),
        "ask_more_link": asking_more_for(resource),
    }
    status = error.http_status if error else HTTPStatus.OK
    return render(request, "catalog/resources/detail.html", context, status=status)


@require_POST
@never_cache
def resource_secret(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Show a secret to who asked for it, once: as a page, or as a file to keep."""
    resource = _get(request, public_id)
    try:
        return show_secret(request, resource)
    except DomainError as error:
        return _render(request, _get(request, resource.public_id), error=error)


def _subjects(resource: Resource, operations: list[Operation]) -> list[UUID]:
    """What happened to the resource, and to the orders that change it."""
    changes = Order.objects.filter(lines__changes=resource).values_list("public_id", flat=True)
    return [resource.public_id, *changes, *(item.public_id for item in operations)]


def _get(request: PersonRequest, public_id: UUID) -> Resource:
    resources: QuerySet[Resource] = (
        visible_resources(request.user)
        .select_related(
            "project__parent",
            "cloud_project__cloud",
            "order_line__order",
            "order_line__assembly",
            "order_line__offering_version__offering",
            "order_line__offering_version__cloud",
        )
        .prefetch_related("operations__steps", OPEN_ENDINGS)
    )
    return get_object_or_404(resources, public_id=public_id)


def _matches(words: str) -> Q:
    """Part of a name or of its project's name, or a whole address."""
    return (
        Q(name__icontains=words)
        | Q(project__name__icontains=words)
        | Q(facts__addresses__contains=[{"address": words}])
    )


def _rows(resources: list[Resource]) -> list[ResourceRow]:
    moment = now()
    costs = cost_of_each(
        [resource.public_id for resource in resources], period=month_of(moment), as_of=moment
    )
    return [_row(resource, costs.get(resource.public_id)) for resource in resources]


def _row(resource: Resource, cost: ResourceCost | None) -> ResourceRow:
    tone, state = state_in_words(resource, list(resource.operations.all()))
    return ResourceRow(
        resource=resource,
        tone=tone,
        state=state,
        icon=get_kind(resource.kind).icon,
        addresses=[found["address"] for found in resource.facts.get("addresses", [])],
        cost=cost,
    )


def state_in_words(resource: Resource, operations: list[Operation]) -> tuple[str, str]:
    """Tone and words of the state. What got stuck needs attention, also on its way out."""
    if any(operation.state == OperationState.FAILED for operation in operations):
        return RESOURCE_TONES[ResourceState.FAILED], str(ResourceState.FAILED.label)
    condition = get_kind(resource.kind).condition(resource.facts)
    if condition and resource.state == ResourceState.ACTIVE:
        return "neutral", str(condition)
    return RESOURCE_TONES[resource.state], str(ResourceState(resource.state).label)


def _offered_actions(request: PersonRequest, resource: Resource) -> list[tuple[str, Action]]:
    """What this person may do to it now: nothing while something is being done already."""
    operations = resource.operations.all()
    is_busy = any(operation.holds_up for operation in operations)
    if resource.state != ResourceState.ACTIVE or is_busy:
        return []
    actions = get_kind(resource.kind).actions.items()
    return [
        (key, action)
        for key, action in actions
        if action.is_offered(resource.facts) and may_act(request.user, resource, key)
    ]


def _consequences(request: PersonRequest, resource: Resource) -> dict[str, Any]:
    """What cleaning up means: what goes, and which quota comes free in the project."""
    address = reverse("catalog:resource-retire", args=[resource.public_id])
    kept = kept_input(request, address) or QueryDict()
    lines = resource.claim.lines.filter(quota__node=resource.project_id).select_related("quota")
    freed = {Metric(line.quota.metric): line.amount for line in lines}
    kind = get_kind(resource.kind)
    return {
        "resource": resource,
        "kind": kind,
        "confirmation": kept.get("confirmation", ""),
        "summary": kind.summary(resource.spec),
        "relations": relations_of(resource),
        "still_due": still_due(resource.public_id, at=now()),
        "measures": kind.measures(resource.spec, resource.facts),
        "freed": [
            (metric.label, amount_in_words(metric, freed[metric]))
            for metric in Metric
            if metric in freed
        ],
    }


def _trial(resource: Resource, operations: list[Operation]) -> Trial | None:
    """What people judge now of the work that pauses for that."""
    latest = latest_operation(operations)
    return trial_of(latest) if latest and resource.state == ResourceState.ACTIVE else None


def _progress(resource: Resource, operations: list[Operation]) -> Progress | None:
    """The steps of what is being done, of what got stuck, or of how it went away."""
    latest = latest_operation(operations)
    if latest is None:
        return None
    latest.resource = resource  # its plan and links are found without another query
    line = resource.order_line
    others = [item.name for item in waited_for(latest)] if line and line.assembly_id else []
    is_over = latest.state not in OPEN_OPERATION_STATES
    if is_over and resource.state in {ResourceState.PROVISIONING, ResourceState.RETIRING}:
        return replace(progress_of(latest), poll_seconds=LOOK_AGAIN_SECONDS)
    if is_over and resource.state != ResourceState.RETIRED:
        return None
    return progress_of(latest, waits_for=others)
