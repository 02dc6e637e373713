"""Quotas: who may hold how much of one metric, who holds it, and who sets it, down the tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from catalog.amounts import limit_in_words, unit_of
from catalog.limit_forms import LimitForm
from catalog.models import LimitChange, Metric, Quota
from catalog.quota_policies import (
    governed_nodes,
    nodes_to_ask_for,
    nodes_to_limit,
    requests_to_decide,
)
from catalog.services.governing import change_limits, permit_overcommit
from catalog.services.limit_periods import LimitPeriod, limits_through
from catalog.services.limits import NewLimit
from catalog.views.limit_wording import limit_change_in_words
from catalog.views.quota_links import addresses_of_requests
from catalog.views.quota_query import chosen_metric, focus_node, metrics_in_reach
from catalog.views.quota_rows import SORTS, QuotaRow, find_nodes, make_rows
from portal.core.calendar import end_of_day, last_day_before
from portal.core.errors import DomainError, NotAllowed
from portal.identity.access import reached_nodes
from portal.identity.models import Node, NodeKind, Person
from portal.identity.oidc.step_up import kept_input
from portal.identity.outline import LEVELS, Place, fill, find_places
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 25  # with more, a thousand projects take over 1.5 times what ten take
CHANGES_SHOWN: Final = 5
SORT_LABELS: Final = {
    "": gettext_lazy("As a tree"),
    "full": gettext_lazy("Fullest first"),
    "used": gettext_lazy("Largest users first"),
    "free": gettext_lazy("Least free first"),
    "limit": gettext_lazy("Highest limit first"),
    "name": gettext_lazy("By name"),
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the address asks to see.

    Attributes:
        chosen: the part whose limit stands beside the table.
        sort: a key of ``SORTS``; empty is the tree.
    """

    metric: Metric
    chosen: Node | None
    words: str
    only_full: bool
    sort: str

    @property
    def is_tree(self) -> bool:
        return not (self.words or self.only_full or self.sort)


@require_safe
def quota_tree(request: PersonRequest) -> HttpResponse:
    """One metric for every part that the person reaches: a tree of three levels, or a list."""
    return _page(request, focus_node(request.GET, request.user))


@require_http_methods(["GET", "HEAD", "POST"])
def quota_limit(request: PersonRequest, public_id: UUID, metric: str) -> HttpResponse:
    """Set the limit of one part."""
    node, known = _reached(request.user, public_id), _known_metric(metric)
    if request.method != "POST":
        return _page(request, node, known)
    form = LimitForm(request.POST)
    if form.is_valid():
        new = NewLimit(
            node=node,
            metric=known,
            amount=form.limit(),
            valid_from=now(),
            valid_until=_end_of(form, node, known),
        )
        try:
            change_limits([new], reason=form.cleaned_data["reason"], actor=request.user)
        except NotAllowed as refusal:
            raise PermissionDenied from refusal
        except DomainError as refusal:
            form.show(refusal)
        else:
            messages.success(request, _("Set. The new limit holds from now on."))
            return redirect(_address(node, known))
    return _page(request, node, known, form=form)


@require_http_methods(["GET", "HEAD", "POST"])
def quota_overcommit(request: PersonRequest, public_id: UUID, metric: str) -> HttpResponse:
    """Let a part hand out more than it has, or no longer."""
    node, known = _reached(request.user, public_id), _known_metric(metric)
    if request.method != "POST":
        return _page(request, node, known)
    is_allowed = request.POST.get("allow") == "yes"
    try:
        permit_overcommit(node, known, is_allowed=is_allowed, actor=request.user)
    except NotAllowed as refusal:
        raise PermissionDenied from refusal
    if is_allowed:
        messages.success(request, _("From now on it may hand out more than it has."))
    else:
        messages.success(request, _("From now on it hands out no more than it has."))
    return redirect(_address(node, known))


def _page(
    request: PersonRequest,
    chosen: Node | None,
    metric: Metric | None = None,
    *,
    form: LimitForm | None = None,
) -> HttpResponse:
    nodes = reached_nodes(request.user).filter(ended_at=None)
    metrics = metrics_in_reach(request.user)
    asked = _asked(request, chosen, metric or chosen_metric(request.GET, metrics))
    page: Page[Any]
    if asked.is_tree:
        page = _tree_page(request, nodes, asked)
        lines = fill(list(page))
    else:
        page = _list_page(request, nodes, asked)
        lines = [(0, node) for node in page]
    rows = make_rows(lines, asked.metric)
    context = {
        "metrics": metrics,
        "asked": asked,
        "metric": asked.metric,
        "unit": unit_of(asked.metric),
        "sorts": SORT_LABELS,
        "page": page,
        "rows": rows,
        "deepest": LEVELS - 1,
        "over": [row for row in rows if row.over],
        "changes": _changes(nodes, asked, request.user),
        "sets_limits": nodes_to_limit(request.user).exists(),
        "waiting": requests_to_decide(request.user).count(),
        **(_chosen(request, asked.chosen, asked, rows, form) if asked.chosen else {}),
    }
    is_refused = form is not None and form.errors
    return render(request, "catalog/quotas/tree.html", context, status=422 if is_refused else 200)


def _tree_page(request: PersonRequest, nodes: QuerySet[Node], asked: Asked) -> Page[Place]:
    """The page that is asked for; else the one with the chosen part on it."""
    places = find_places(nodes, focus=_focus(nodes, asked.chosen))
    pages = Paginator(places, PAGE_SIZE)
    if asked.chosen and "page" not in request.GET:
        place = [pk for _level, pk in places].index(asked.chosen.pk)
        return pages.get_page(place // PAGE_SIZE + 1)
    return pages.get_page(request.GET.get("page"))


def _list_page(request: PersonRequest, nodes: QuerySet[Node], asked: Asked) -> Page[Node]:
    found = find_nodes(
        nodes,
        asked.metric,
        words=asked.words,
        only_full=asked.only_full,
        sort=asked.sort or "name",
    )
    return Paginator(found.select_related("parent"), PAGE_SIZE).get_page(request.GET.get("page"))


def _chosen(
    request: PersonRequest,
    node: Node,
    asked: Asked,
    rows: list[QuotaRow],
    form: LimitForm | None,
) -> dict[str, Any]:
    """What stands beside the table about the chosen part."""
    shown = [row for row in rows if row.node == node] or make_rows([(0, node)], asked.metric)
    giver = make_rows([(0, node.parent)], asked.metric)[0] if node.parent else None
    address = reverse("catalog:quota-limit", args=[node.public_id, asked.metric.value])
    may_set = nodes_to_limit(request.user).filter(pk=node.pk).exists()
    following = _following(node, asked.metric)
    is_giver_shown = giver and reached_nodes(request.user).filter(pk=giver.node.pk).exists()
    return {
        "row": shown[0],
        "giver": giver if is_giver_shown else None,
        "limit_address": address,
        "may_set": may_set,
        "may_ask": not may_set and nodes_to_ask_for(request.user).filter(pk=node.pk).exists(),
        "may_overcommit": shown[0].is_organization
        and governed_nodes(request.user).filter(pk=node.pk).exists(),
        "following": [(one.since, limit_in_words(asked.metric, one.limit)) for one in following],
        "form": form or _begun(request, address, shown[0], following),
        "is_typed": form is not None,
    }


def _begun(
    request: PersonRequest, address: str, row: QuotaRow, following: Sequence[LimitPeriod]
) -> LimitForm:
    """With what the person typed when they had to log in again, or with the limit as it is."""
    kept = kept_input(request, address)
    if kept:
        return LimitForm(initial=kept.dict())
    initial: dict[str, Any] = {"amount": row.plain_limit, "is_unlimited": row.limit is None}
    if following:  # or what was for a time would be for good, without a word
        initial["until"] = last_day_before(following[0].since)
    return LimitForm(initial=initial)


def _end_of(form: LimitForm, node: Node, metric: Metric) -> datetime | None:
    """When it ends: on the day that the form began with, at the very moment that it did."""
    ends, following = form.ends(), _following(node, metric)
    if following and ends == end_of_day(last_day_before(following[0].since)):
        return following[0].since
    return ends


def _following(node: Node, metric: Metric) -> list[LimitPeriod]:
    """What holds after the limit of now, by itself."""
    return limits_through(node, metric, now(), None)[1:]


def _changes(
    nodes: QuerySet[Node], asked: Asked, reader: Person
) -> list[tuple[LimitChange, str, str]]:
    """What people set last, of the chosen part or of everything in reach.

    Each with what it did, and where the request stands that it was set on.
    """
    quotas = Quota.objects.filter(metric=asked.metric)
    quotas = quotas.filter(node=asked.chosen) if asked.chosen else quotas.filter(node__in=nodes)
    newest = _newest_changes(quotas)
    requests = addresses_of_requests(reader, newest)
    return [
        (change, limit_change_in_words(change), requests.get(change.request_id, ""))
        for change in newest
    ]


def _newest_changes(quotas: QuerySet[Quota]) -> QuerySet[LimitChange]:
    """The last that people set, in the same time however many there ever were.

    What is newest of all stands in the quotas that were changed last, of which it asks the last
    few each.
    """
    made = LimitChange.objects.filter(quota=OuterRef("pk"), changed_by__isnull=False)
    changed_last = quotas.order_by(
        Subquery(made.values("changed_at")[:1]).desc(nulls_last=True),
        Subquery(made.values("pk")[:1]).desc(nulls_last=True),
    )
    pks = ArraySubquery(made.values("pk")[:CHANGES_SHOWN])
    found = chain.from_iterable(changed_last.values_list(pks, flat=True)[:CHANGES_SHOWN])
    newest = LimitChange.objects.filter(pk__in=found)
    return newest.select_related("quota__node", "changed_by")[:CHANGES_SHOWN]


def _asked(request: PersonRequest, chosen: Node | None, metric: Metric) -> Asked:
    sort = request.GET.get("sort", "")
    return Asked(
        metric=metric,
        chosen=chosen,
        words=request.GET.get("q", "").replace("\x00", "").strip()[:100],
        only_full=request.GET.get("full") == "1",
        sort=sort if sort in SORTS else "",
    )


def _known_metric(name: str) -> Metric:
    if name not in Metric.values:
        raise Http404
    return Metric(name)


def _reached(person: Person, public_id: UUID) -> Node:
    nodes = reached_nodes(person).filter(ended_at=None).select_related("parent")
    return get_object_or_404(nodes, public_id=public_id)


def _focus(nodes: QuerySet[Node], chosen: Node | None) -> Node | None:
    """The organization from which the tree is drawn: a project is shown among its neighbours."""
    if chosen is None or chosen.kind == NodeKind.ORGANIZATION:
        return chosen
    return nodes.select_related("parent").filter(pk=chosen.parent_id or 0).first() or chosen


def _address(node: Node, metric: Metric) -> str:
    return f"{reverse('catalog:quotas')}?metric={metric.value}&node={node.public_id}"
