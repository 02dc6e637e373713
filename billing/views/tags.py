"""The pages about tags: parse, ask the policy, call one service, show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from billing.forms import month_key, read_month
from billing.models import TagFact
from billing.overview import months_with_use
from billing.policies import (
    find_cost_node,
    may_allocate,
    may_see_costs,
    visible_cost_nodes,
    visible_metered_resources,
)
from billing.services.allocations import Place
from billing.services.tag_keys import (
    define_tag_key,
    keys_below,
    keys_for,
    keys_in_force,
    withdraw_tag_key,
)
from billing.services.tags import Tag, holds, set_tag, tags_of
from billing.tag_costs import TaggedCosts, as_sheet, tagged_costs
from billing.tag_forms import TagCostFilter, TagForm, TagKeyForm
from billing.views.asked import AskedPart, asked_part
from portal.core.errors import DomainError, NotAllowed
from portal.core.forms import RefusableForm
from portal.core.sheets import answer_file
from portal.identity.models import Node, NodeKind
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest


@require_http_methods(["GET", "HEAD", "POST"])
def node_tags(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """The tags of an organization or project; finance sets them from a day on."""
    node = find_cost_node(request.user, public_id)
    return _place_page(request, node, node, {})


@require_http_methods(["GET", "HEAD", "POST"])
def resource_tags(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """The same of one resource."""
    resources = visible_metered_resources(request.user).select_related("project__parent")
    resource = get_object_or_404(resources, public_id=public_id)
    return _place_page(request, resource, resource.project, {"resource": resource})


@require_http_methods(["GET", "HEAD", "POST"])
def tag_keys(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Which tags there are for an organization and all below it; finance defines them."""
    node = find_cost_node(request.user, public_id)
    if node.kind != NodeKind.ORGANIZATION:
        raise Http404
    form = _key_form(request, node)
    if request.method == "POST":
        if not may_allocate(request.user, node):
            raise PermissionDenied
        if _is_done(form, lambda: _change_key(request, node, form)):
            messages.success(request, _("This is saved."))
            return HttpResponseRedirect(request.path, status=HTTPStatus.SEE_OTHER)
    seen = set(visible_cost_nodes(request.user).values_list("pk", flat=True))
    return render(
        request,
        "billing/tags/keys.html",
        {
            "node": node,
            "own": keys_in_force([node.pk]),
            "inherited": keys_in_force(node.ancestor_ids),
            "seen": seen,
            "form": form if isinstance(form, TagKeyForm) else TagKeyForm(),
            "sent": form if request.method == "POST" else None,
            "may_set": may_allocate(request.user, node) and node.ended_at is None,
        },
        status=_status(request),
    )


@require_safe
def tag_costs(request: PersonRequest) -> HttpResponse:
    """What a month cost per value of a tag."""
    return _costs_page(request, _asked(request))


@require_safe
def tag_costs_sheet(request: PersonRequest, form: str) -> HttpResponseBase:
    """Every line of that month per value, as a file."""
    asked = _asked(request)
    if not asked.form.is_valid() or not asked.form.has_keys:
        return _costs_page(request, asked)
    found = _figures(request, asked)
    name = f"tags-{month_key(found.month)}{'-incomplete' if found.is_running else ''}"
    return answer_file(as_sheet(found), form, name)


def _place_page(
    request: PersonRequest, place: Place, node: Node, context: dict[str, Any]
) -> HttpResponse:
    """Show the place, or set what was sent and show what came of it."""
    is_sent = request.method == "POST"
    may_set = may_allocate(request.user, node)
    tags = tags_of(place)
    form = TagForm(
        request.POST if is_sent else None,
        keys=[tag.key for tag in tags],
        initial=_kept(request) or {"key": request.GET.get("key")},
    )
    if is_sent:
        if not may_set:
            raise PermissionDenied
        if _is_done(form, lambda: set_tag(place, **form.cleaned_data, actor=request.user)):
            messages.success(request, _("This is saved."))
            return HttpResponseRedirect(request.path, status=HTTPStatus.SEE_OTHER)
    seen = set(visible_cost_nodes(request.user).values_list("pk", flat=True))
    keys = {key.name: key for key in keys_for(node)}
    return render(
        request,
        "billing/tags/place.html",
        {
            **context,
            "node": node,
            "is_organization": node.kind == NodeKind.ORGANIZATION,
            "name": str(place),
            "rows": [_shown(tag, seen) for tag in tags],
            "has_history": any(tag.periods for tag in tags),
            "keys_with_choice": [key for key in keys.values() if key.allowed_values],
            "form": form,
            "is_typed": is_sent,
            "may_set": may_set and node.ended_at is None,
            "may_see_tree": may_see_costs(request.user),
        },
        status=_status(request),
    )


def _is_done(form: RefusableForm, act: Callable[[], object]) -> bool:
    """Do what a valid form says; False: the form says what is wrong."""
    if not form.is_valid():
        return False
    try:
        act()
    except NotAllowed as refusal:
        raise PermissionDenied from refusal
    except DomainError as refusal:
        form.show(refusal)
        return False
    return True


class _WithdrawForm(RefusableForm):
    """Nothing is typed: which key it is stands in the button."""


def _key_form(request: PersonRequest, node: Node) -> RefusableForm:
    if request.method != "POST":
        asked = request.GET.get("key")
        key = next((one for one in keys_in_force([node.pk]) if one.name == asked), None)
        kept = _kept(request)
        return TagKeyForm(initial=kept) if kept or key is None else TagKeyForm.to_change(key)
    if "withdraw" in request.POST:
        return _WithdrawForm(request.POST)
    return TagKeyForm(request.POST)


def _change_key(request: PersonRequest, node: Node, form: RefusableForm) -> None:
    if not isinstance(form, TagKeyForm):
        withdraw_tag_key(node, request.POST["withdraw"], actor=request.user)
        return
    define_tag_key(
        node,
        form.cleaned_data["name"],
        allowed_values=form.values(),
        is_required=form.cleaned_data["is_required"],
        actor=request.user,
    )


def _kept(request: PersonRequest) -> dict[str, Any]:
    """What was filled in before the person had to log in again."""
    kept = kept_input(request)
    return kept.dict() if kept else {}


def _status(request: PersonRequest) -> HTTPStatus:
    is_sent = request.method == "POST"
    return HTTPStatus.UNPROCESSABLE_ENTITY if is_sent else HTTPStatus.OK


def _shown(tag: Tag, seen: set[int]) -> dict[str, Any]:
    """What holds, and from where; a source that the reader does not see is not named."""
    source = tag.source
    return {
        "tag": tag,
        "is_inherited": tag.is_inherited,
        "source": source if source and source.pk in seen else None,
        "periods": [_worded(fact) for fact in tag.periods],
    }


def _worded(fact: TagFact) -> dict[str, Any]:
    moment = now()
    never_held = fact.valid_from == fact.valid_until
    return {
        "fact": fact,
        "holds": holds(fact, moment),
        "never_held": never_held,
        "is_planned": fact.valid_from > moment and not never_held,
    }


@dataclass(frozen=True, kw_only=True)
class _Asked:
    part: AskedPart
    form: TagCostFilter
    at: datetime


def _asked(request: PersonRequest) -> _Asked:
    part, moment = asked_part(request), now()
    chosen = {"node": str(part.node.public_id)} if part.node else {}
    form = TagCostFilter(
        request.GET.dict() | chosen,
        months=months_with_use(now=moment),
        nodes=part.choices,
        keys=keys_below(part.node_ids),
    )
    return _Asked(part=part, form=form, at=moment)


def _figures(request: PersonRequest, asked: _Asked) -> TaggedCosts:
    """What a valid form asks for."""
    return tagged_costs(
        asked.part.node_ids,
        asked.form.cleaned_data["key"],
        month=read_month(asked.form.cleaned_data["month"]),
        now=asked.at,
        chosen=request.GET.get("value"),
    )


def _costs_page(request: PersonRequest, asked: _Asked) -> HttpResponse:
    form, node = asked.form, asked.part.node
    context: dict[str, Any] = {"form": form, "node": node, "has_keys": form.has_keys}
    is_right = form.is_valid()
    if not is_right or not form.has_keys:
        status = HTTPStatus.OK if is_right else HTTPStatus.UNPROCESSABLE_ENTITY
        return render(request, "billing/tags/costs.html", context, status=status)
    found = _figures(request, asked)
    query = {"month": month_key(found.month), "key": found.key}
    if node:
        query["node"] = str(node.public_id)
    seen = set(visible_cost_nodes(request.user).values_list("pk", flat=True))
    return render(
        request,
        "billing/tags/costs.html",
        {
            **context,
            "found": found,
            "seen": seen,
            "chosen": request.GET.get("value"),
            "query": urlencode(query),
        },
    )
