"""Requests for a higher limit: asking, what is good to know about one, and deciding."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any, Final, TypeVar
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Case, QuerySet, When
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog.models import Cart, Metric, QuotaRequest, Resource
from catalog.policies import own_carts, visible_resources
from catalog.quota_errors import QuotaNotThere, QuotaRequestWaits
from catalog.quota_policies import (
    levels_to_read,
    names_to_ask,
    nodes_to_ask_for,
    nodes_to_limit,
    requests_to_decide,
    visible_requests,
)
from catalog.quota_request_forms import QuotaDecisionForm, QuotaRequestForm
from catalog.services.quota_advice import advise, levels_of
from catalog.services.quota_requests import (
    ask_quota,
    grant_request,
    refuse_request,
    take_back_request,
    why_overtaken,
)
from catalog.views.quota_links import address_to_limit
from catalog.views.quota_request_wording import AdviceOnPage, LevelOnPage, RequestInWords
from portal.core.errors import DomainError
from portal.identity.access import reached_nodes
from portal.identity.models import Node, Person
from portal.identity.models.proposed import DecisionState
from portal.identity.oidc.step_up import kept_input
from portal.identity.outline import with_paths
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 25
WAITING_PAGE: Final = "waiting"  # in the address, beside the page of the others
OWN_PAGE: Final = "own"
MOST_PARTS: Final = 200  # in one list to choose from
WAITING_FIRST: Final = Case(When(state=DecisionState.PROPOSED, then=0), default=1)
Found = TypeVar("Found", Node, Cart, Resource)


@require_safe
def request_list(request: PersonRequest) -> HttpResponse:
    """Those that wait for the person, their own, and the others that they may read."""
    waiting = requests_to_decide(request.user)
    own = QuotaRequest.objects.filter(proposed_by=request.user)
    others = (
        visible_requests(request.user)
        .exclude(pk__in=waiting.values("pk"))
        .exclude(proposed_by=request.user)
    )
    waiting_page = _page_of(request, waiting.order_by("proposed_at", "pk"), WAITING_PAGE)
    own_page = _page_of(request, own.order_by(WAITING_FIRST, "-proposed_at", "-pk"), OWN_PAGE)
    page = _page_of(request, others.order_by("-proposed_at", "-pk"), "page")
    context = {
        "waiting": _in_words(waiting_page, request.user),
        "waiting_page": waiting_page,
        "own": _in_words(own_page, request.user),
        "own_page": own_page,
        "others": _in_words(page, request.user),
        "page": page,
        "may_ask": nodes_to_ask_for(request.user).exists(),
    }
    return render(request, "catalog/quota_requests/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def request_new(request: PersonRequest) -> HttpResponse:
    """Ask for a higher limit; the address may say of what, for where, and what waits for it."""
    nodes = nodes_to_ask_for(request.user)
    if not nodes.exists():
        raise PermissionDenied
    sent = request.POST if request.method == "POST" else request.GET
    cart = _named(own_carts(request.user).select_related("project"), sent.get("cart", ""))
    if request.method != "POST":
        node = _named(nodes, request.GET.get("node", ""))
        form = QuotaRequestForm(parts=_parts(nodes, node), initial=_asked_in_address(request.GET))
        waits = _asked_already(request.user, node, request.GET)
        return _new_page(request, form, node, cart, waits=waits)
    public_id = _as_id(request.POST.get("node", ""))
    node = nodes.filter(public_id=public_id).first() if public_id else None
    form = QuotaRequestForm(request.POST, parts=_parts(nodes, node), cart=cart)
    waits = None
    if form.is_valid():
        try:
            made, _is_new = ask_quota(form.asked(), actor=request.user)
        except DomainError as error:
            form.show(error)
            waits = error.request if isinstance(error, QuotaRequestWaits) else None
        else:
            names = names_to_ask(made.node, asker=request.user)
            messages.success(request, _("Asked. Who can give it: {names}.").format(names=names))
            return redirect("catalog:quota-request", public_id=made.public_id)
    return _new_page(request, form, node, cart, waits=waits)


@require_safe
def request_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One request, with advice while it waits and the outcome after that."""
    return _page(request, _get(request, public_id))


@require_POST
def request_confirm(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Yes: the limit holds from now on."""
    asked = _decidable(request, public_id)
    decision = QuotaDecisionForm(request.POST)
    return _do(request, asked, lambda: grant_request(public_id, actor=request.user), decision)


@require_POST
def request_refuse(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """No, with a reason."""
    asked = _decidable(request, public_id)
    decision = QuotaDecisionForm(request.POST)
    reason = request.POST.get("reason", "")
    return _do(
        request,
        asked,
        lambda: refuse_request(public_id, actor=request.user, reason=reason),
        decision,
    )


@require_POST
def request_take_back(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Take one's own request back."""
    asked = _get(request, public_id)
    return _do(request, asked, lambda: take_back_request(public_id, actor=request.user))


def _new_page(
    request: PersonRequest,
    form: QuotaRequestForm,
    node: Node | None,
    cart: Cart | None,
    *,
    waits: QuotaRequest | None = None,
) -> HttpResponse:
    metric = form["metric"].value()
    is_shown = (
        node is not None
        and metric in Metric.values
        and node.pk in levels_to_read(request.user, node)
    )
    context = {
        "form": form,
        "node": node,
        "cart": cart,
        "resource": _resource_to_go_back_to(request),
        "waits": waits,
        "level": LevelOnPage(levels_of(node, Metric(metric))[-1], Metric(metric))
        if node and is_shown
        else None,
        "ask": names_to_ask(node, asker=request.user) if node else "",
        "limit_url": _limit_url(request.user, node, metric) if node else "",
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "catalog/quota_requests/new.html", context, status=status)


def _parts(nodes: QuerySet[Node], chosen: Node | None) -> list[tuple[list[str], Node]]:
    """What the form offers, with its path: the chosen part, or all; nothing where they are many."""
    if chosen:
        above = nodes.filter(pk__in=chosen.lineage_ids)
        return with_paths(nodes.filter(pk=chosen.pk), within=above)
    return with_paths(nodes, within=nodes) if nodes.count() <= MOST_PARTS else []


def _limit_url(person: Person, node: Node, metric: str) -> str:
    """Where the person sets what is asked without asking; empty for who may not."""
    governs = metric in Metric.values and nodes_to_limit(person).filter(pk=node.pk).exists()
    return address_to_limit(node, metric) if governs else ""


def _asked_in_address(query: QueryDict) -> dict[str, Any]:
    """What the form begins with; what is no amount or metric is left out."""
    initial: dict[str, Any] = {"node": query.get("node", "")}
    if query.get("metric") in Metric.values:
        initial["metric"] = query["metric"]
    try:
        amount = Decimal(query.get("amount", ""))
    except InvalidOperation:
        return initial
    if amount.is_finite() and abs(amount) < 10**12:
        initial["amount"] = int(amount) if amount == int(amount) else amount
    return initial


def _asked_already(person: Person, node: Node | None, query: QueryDict) -> QuotaRequest | None:
    """What the person asked of the same part and metric, and can still be given."""
    waiting = QuotaRequest.objects.filter(state=DecisionState.PROPOSED, proposed_by=person)
    asked = waiting.filter(node=node, metric=query.get("metric", "")).select_related("node").first()
    return asked if asked and not why_overtaken(asked, reader=person) else None


def _resource_to_go_back_to(request: PersonRequest) -> Resource | None:
    return _named(visible_resources(request.user), request.GET.get("resource", ""))


def _named(rows: QuerySet[Found], text: str) -> Found | None:
    """The one that the address names; None when it names none.

    Raises:
        Http404: there is none such for the person.
    """
    if not text:
        return None
    public_id = _as_id(text)
    if public_id is None:
        raise Http404
    return get_object_or_404(rows, public_id=public_id)


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _do(
    request: PersonRequest,
    asked: QuotaRequest,
    service: Callable[[], QuotaRequest],
    decision: QuotaDecisionForm | None = None,
) -> HttpResponse:
    """Do it, and show the request with what came of it; or with why not, and what was typed."""
    try:
        service()
    except DomainError as error:
        if decision is not None:
            decision.is_valid()
            if error.field in decision.fields:
                decision.show(error)
        return _page(request, _get(request, asked.public_id), decision=decision, error=error)
    return redirect("catalog:quota-request", public_id=asked.public_id)


def _page(
    request: PersonRequest,
    asked: QuotaRequest,
    *,
    decision: QuotaDecisionForm | None = None,
    error: DomainError | None = None,
) -> HttpResponse:
    waits = asked.state == DecisionState.PROPOSED
    overtaken = why_overtaken(asked, reader=request.user) if waits else ""
    advice = advise(asked, reader=request.user) if waits and not overtaken else None
    can_be_given = waits and asked.node.ended_at is None
    is_own = asked.proposed_by_id == request.user.pk
    may_decide = waits and requests_to_decide(request.user).filter(pk=asked.pk).exists()
    context = {
        "asked": _in_words([asked], request.user)[0],
        "waits": waits,
        "overtaken": overtaken,
        "is_own": is_own,
        "may_decide": may_decide,
        "ask": names_to_ask(asked.node, asker=asked.proposed_by) if can_be_given else "",
        "limit_url": _limit_url(request.user, asked.node, asked.metric) if can_be_given else "",
        "decision_form": decision or _begun_decision(request, asked),
        "advice": AdviceOnPage(asked, advice, request.user) if advice else None,
        "cart": _cart_to_go_on_with(request, asked),
        "error": error,
        "lacks": isinstance(error, QuotaNotThere),
    }
    status = error.http_status if error else HTTPStatus.OK
    return render(request, "catalog/quota_requests/detail.html", context, status=status)


def _begun_decision(request: PersonRequest, asked: QuotaRequest) -> QuotaDecisionForm:
    """With what the person wrote when they had to log in again."""
    routes = ("catalog:quota-request-refuse", "catalog:quota-request-confirm")
    kept = kept_input(request, *[reverse(route, args=[asked.public_id]) for route in routes])
    return QuotaDecisionForm(initial={"reason": kept.get("reason", "") if kept else ""})


def _cart_to_go_on_with(request: PersonRequest, asked: QuotaRequest) -> Cart | None:
    """The order that waits for this, of its owner alone."""
    if asked.cart_id is None:
        return None
    carts = own_carts(request.user).filter(pk=asked.cart_id, lines__isnull=False)
    return carts.select_related("project").first()


def _get(request: PersonRequest, public_id: UUID) -> QuotaRequest:
    return get_object_or_404(_with_people(visible_requests(request.user)), public_id=public_id)


def _decidable(request: PersonRequest, public_id: UUID) -> QuotaRequest:
    """One of a part of which the person sets the limits; what else is in the way is told."""
    asked = _get(request, public_id)
    governs = nodes_to_limit(request.user).filter(pk=asked.node_id).exists()
    if not governs and asked.node.ended_at is None:
        raise PermissionDenied
    return asked


def _page_of(
    request: PersonRequest, requests: QuerySet[QuotaRequest], name: str
) -> Page[QuotaRequest]:
    """The page that the address asks of one of several lists."""
    return Paginator(_with_people(requests), PAGE_SIZE).get_page(request.GET.get(name))


def _with_people(requests: QuerySet[QuotaRequest]) -> QuerySet[QuotaRequest]:
    return requests.select_related("node", "proposed_by", "decided_by")


def _in_words(requests: Iterable[QuotaRequest], reader: Person) -> list[RequestInWords]:
    rows = list(requests)
    nodes = reached_nodes(reader).filter(pk__in={asked.node_id for asked in rows})
    reached = set(nodes.values_list("pk", flat=True))
    return [RequestInWords(asked, asked.node_id in reached) for asked in rows]
