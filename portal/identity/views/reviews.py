"""Access reviews: which are open, one of them with its roles, confirming and withdrawing."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from portal.core.errors import DomainError, InvalidInput
from portal.identity.access import roles_of
from portal.identity.models import REASON_LENGTH, ReviewCampaign, ReviewItem, ReviewScope, Role
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest
from portal.identity.reviewing import (
    REVIEW_READERS,
    openable_roots,
    visible_campaigns,
    visible_items,
)
from portal.identity.services.reviews import (
    REVIEW_DAYS,
    keep_grants,
    open_campaign,
    withdraw_grant,
)
from portal.identity.views.choosing import words_of
from portal.identity.views.review_export import write_csv
from portal.identity.views.review_rows import (
    count_decisions,
    group_rows,
    make_rows,
    measure,
    roles_in,
)

CAMPAIGNS_SHOWN: Final = 25
ITEMS_SHOWN: Final = 50
LONGEST_PLACE: Final = 100  # characters


@require_http_methods(["GET", "HEAD", "POST"])
def review_list(request: PersonRequest) -> HttpResponse:
    """The reviews that the person works on or audits; a POST opens one by hand."""
    if not roles_of(request.user) & REVIEW_READERS:
        raise PermissionDenied
    if request.method == "POST":
        return _open(request)
    return _render_list(request, kept_input(request) or QueryDict())


def _open(request: PersonRequest) -> HttpResponse:
    root_id, scope = request.POST.get("root", ""), request.POST.get("scope", "")
    roots = {str(root.public_id): root for root in openable_roots(request.user)}
    if not roots:
        raise PermissionDenied
    if root_id not in roots or scope not in ReviewScope.values:
        error = InvalidInput({"scope": [_("Choose an organization and which roles.")]})
        return _render_list(request, request.POST, error=error)
    try:
        campaign = open_campaign(
            roots[root_id].public_id, ReviewScope(scope), opened_by=request.user
        )
    except DomainError as error:
        return _render_list(request, request.POST, error=error)
    messages.success(request, _("The review is open. Reviewers see it on their first page."))
    return redirect("identity:access-review", public_id=campaign.public_id)


def _render_list(
    request: PersonRequest, typed: QueryDict, *, error: DomainError | None = None
) -> HttpResponse:
    campaigns = visible_campaigns(request.user).select_related("root")
    page = Paginator(campaigns.order_by("-opened_at", "-pk"), CAMPAIGNS_SHOWN).get_page(
        request.GET.get("page")
    )
    context = {
        "page": page,
        "rows": measure(list(page), request.user, now()),
        "roots": openable_roots(request.user),
        "scopes": ReviewScope.choices,
        "typed": typed,
        "days": REVIEW_DAYS,
        "error": _words_of(error),
    }
    status = error.http_status if error else 200
    return render(request, "identity/reviews/list.html", context, status=status)


@require_safe
def review_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One review: its roles by person or by place, by role, decided or not."""
    return _render(request, _get(request, public_id))


@require_POST
def review_keep(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Confirm the roles that were ticked, or the one of the button that was pressed."""
    campaign = _get(request, public_id)
    asked = request.POST.getlist("only") or request.POST.getlist("item")
    items = _visible_among(request, campaign, asked)
    try:
        kept = keep_grants(
            campaign.public_id, [item.public_id for item in items], reviewer=request.user
        )
    except DomainError as error:
        return _render(request, campaign, error=error)
    words = ngettext("{count} role is confirmed.", "{count} roles are confirmed.", len(kept))
    text = words.format(count=len(kept))
    if len(kept) < len(items):
        text += " " + _("The others were decided before, or had ended.")
    messages.success(request, text)
    return redirect(_back(request, campaign))


@require_http_methods(["GET", "HEAD", "POST"])
def review_withdraw(request: PersonRequest, public_id: UUID, item_id: UUID) -> HttpResponse:
    """Ask why, and take the role away."""
    campaign = _get(request, public_id)
    (item,) = _visible_among(request, campaign, [str(item_id)])
    (row,) = make_rows(campaign, [item], request.user, now())
    if request.method != "POST":
        if not row.may_decide:
            return redirect("identity:access-review", public_id=public_id)
        kept = kept_input(request) or QueryDict()
        return _render_withdrawal(request, campaign, item, kept.get("reason", ""))
    reason = request.POST.get("reason", "")
    try:
        withdraw_grant(campaign.public_id, item.public_id, reviewer=request.user, reason=reason)
    except DomainError as error:
        if error.field or isinstance(error, InvalidInput):
            return _render_withdrawal(request, campaign, item, reason, error=error)
        return _render(request, campaign, error=error)
    messages.success(
        request,
        _("{person} no longer has the role {role}.").format(
            person=item.person.name, role=item.get_role_display()
        ),
    )
    return redirect("identity:access-review", public_id=public_id)


@require_GET
def review_export(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Everything of the review that the person sees, as CSV."""
    campaign = _get(request, public_id)
    items = _with_everything(request, campaign).order_by("person__name", "person_id", "pk")
    response = HttpResponse(write_csv(items), content_type="text/csv; charset=utf-8")
    name = f"access-review-{campaign.root.code}-{campaign.opened_at:%Y-%m-%d}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _get(request: PersonRequest, public_id: UUID) -> ReviewCampaign:
    campaigns = visible_campaigns(request.user).select_related("root", "opened_by")
    return get_object_or_404(campaigns, public_id=public_id)


def _with_everything(request: PersonRequest, campaign: ReviewCampaign) -> QuerySet[ReviewItem]:
    return (
        visible_items(request.user)
        .filter(campaign=campaign)
        .select_related("person", "node", "decided_by", "grant__granted_by")
    )


def _visible_among(
    request: PersonRequest, campaign: ReviewCampaign, public_ids: list[str]
) -> list[ReviewItem]:
    """The items with these ids.

    Raises:
        Http404: one of them is no id, or is not there for this person.
    """
    try:
        wanted = {UUID(text) for text in public_ids}
    except ValueError as error:
        raise Http404 from error
    items = list(_with_everything(request, campaign).filter(public_id__in=wanted))
    if len(items) < len(wanted):
        raise Http404
    return items


def _render(
    request: PersonRequest, campaign: ReviewCampaign, *, error: DomainError | None = None
) -> HttpResponse:
    moment = now()
    filters = _read_filters(request)
    order = ("node__name", "node_id", "person__name") if filters["by_node"] else ("person__name",)
    items = _with_everything(request, campaign).filter(**filters["where"])
    page = Paginator(
        items.order_by(*order, "person_id", "node__name", "role", "pk"), ITEMS_SHOWN
    ).get_page(request.GET.get("page"))
    rows = make_rows(campaign, list(page), request.user, moment)
    (progress,) = measure([campaign], request.user, moment)
    kept = kept_input(request, reverse("identity:access-review-keep", args=[campaign.public_id]))
    ticked = request.POST if request.method == "POST" else kept or QueryDict()
    context = {
        "campaign": campaign,
        "progress": progress,
        "is_open": campaign.closed_at is None and campaign.due_at > moment,
        "time_left": campaign.due_at - moment,
        "outcome": count_decisions(campaign, request.user),
        "page": page,
        "groups": list(group_rows(rows, by_node=filters["by_node"])),
        "may_decide": any(row.may_decide for row in rows),
        "ticked": {*ticked.getlist("item"), *ticked.getlist("only")},
        "roles": roles_in(campaign, request.user),
        "filters": filters,
        "query": request.GET.urlencode(),
        "error": _words_of(error),
    }
    status = error.http_status if error else 200
    return render(request, "identity/reviews/detail.html", context, status=status)


def _read_filters(request: PersonRequest) -> dict[str, Any]:
    """What the address asks for; what it asks wrongly counts for nothing."""
    role, state = request.GET.get("role", ""), request.GET.get("state", "")
    where: dict[str, Any] = {}
    if role in Role.values:
        where["role"] = role
    if state == "undecided":
        where["decision"] = ""
    if place := words_of(request.GET.get("place"))[:LONGEST_PLACE]:
        where["node__name__icontains"] = place
    query = request.GET.copy()
    for name in ("group", "page", "kept"):
        query.pop(name, None)
    by_person_query = query.urlencode()
    query["group"] = "place"
    return {
        "where": where,
        "role": role,
        "state": state,
        "place": place,
        "by_node": request.GET.get("group") == "place",
        "by_person_query": by_person_query,
        "by_node_query": query.urlencode(),
    }


def _render_withdrawal(
    request: PersonRequest,
    campaign: ReviewCampaign,
    item: ReviewItem,
    reason: str,
    *,
    error: DomainError | None = None,
) -> HttpResponse:
    context = {
        "campaign": campaign,
        "item": item,
        "reason": reason,
        "longest": REASON_LENGTH,
        "error": _words_of(error),
    }
    status = error.http_status if error else 200
    return render(request, "identity/reviews/withdraw.html", context, status=status)


def _words_of(error: DomainError | None) -> str:
    """What went wrong, for the place on the page where it belongs."""
    if isinstance(error, InvalidInput):
        return " ".join(message for found in error.errors.values() for message in found)
    return str(error) if error else ""


def _back(request: PersonRequest, campaign: ReviewCampaign) -> str:
    """The page of the review as the person had filtered it."""
    address = reverse("identity:access-review", args=[campaign.public_id])
    query = QueryDict(request.POST.get("query", ""), mutable=True)
    query.pop("kept", None)
    return f"{address}?{query.urlencode()}" if query else address
