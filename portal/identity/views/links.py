"""Two logins of one human: proposing to link them or to undo that, and deciding on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.core.errors import DomainError
from portal.identity.access import standing_grants
from portal.identity.link_policies import (
    linkable_people,
    links_to_decide,
    may_propose_link,
    visible_links,
)
from portal.identity.models import LinkProposal, ProposalState
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest
from portal.identity.role_forms import LinkForm, ReasonForm
from portal.identity.role_policies import overseen_nodes, visible_people
from portal.identity.services.links import (
    WantedLink,
    confirm_link,
    propose_link,
    propose_unlinking,
    refuse_link,
    withdraw_link,
)
from portal.identity.views.choosing import choose_people, words_of
from portal.identity.views.proposals import TONES
from portal.identity.views.wording import issuer_name


@require_http_methods(["GET", "HEAD", "POST"])
def person_link(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Propose that the login of somebody else is one of this person."""
    receiver = get_object_or_404(visible_people(request.user), public_id=public_id)
    if not may_propose_link(request.user, receiver, receiver):
        raise PermissionDenied
    typed = request.POST if request.method == "POST" else None
    words = words_of(request.GET.get("q") or (typed.get("q") if typed else ""))
    people = linkable_people(request.user, receiver)
    choice = choose_people(
        people,
        near=people.filter(name__iexact=receiver.name),
        words=words,
        chosen=typed.get("holder", "") if typed else "",
    )
    form = LinkForm(typed, people=choice.people)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            wanted = WantedLink(receiver=receiver, **form.chosen())
            try:
                link = propose_link(wanted, actor=request.user)
            except DomainError as error:
                form.show(error)
                status = error.http_status
            else:
                return _proposed(request, link)
    context = {"person": receiver, "form": form, "words": words, "has_more": choice.has_more}
    return render(request, "identity/links/propose.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def person_unlink(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Propose that a login that was linked goes back to this person."""
    joined = get_object_or_404(
        visible_people(request.user).select_related("joined_into"), public_id=public_id
    )
    if joined.joined_into is None:
        raise Http404
    if not may_propose_link(request.user, joined.joined_into, joined):
        raise PermissionDenied
    form = ReasonForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            reason = form.cleaned_data["reason"]
            try:
                link = propose_unlinking(joined, actor=request.user, reason=reason)
            except DomainError as error:
                form.show(error)
                status = error.http_status
            else:
                return _proposed(request, link)
    context = {"person": joined, "form": form}
    return render(request, "identity/links/undo.html", context, status=status)


@require_safe
def link_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One proposal, with the decision where this person may take it."""
    return _render(request, _get(request, public_id))


@require_POST
def link_confirm(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Yes."""

    def confirm(reason: str) -> Any:
        return confirm_link(public_id, actor=request.user, reason=reason)

    return _settle(request, public_id, confirm, _("Done. The login belongs to the other person."))


@require_POST
def link_refuse(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """No, with a reason."""

    def refuse(reason: str) -> Any:
        return refuse_link(public_id, actor=request.user, reason=reason)

    return _settle(request, public_id, refuse, _("Refused. Who proposed it reads your reason."))


@require_POST
def link_withdraw(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Take one's own proposal back."""

    def withdraw(_reason: str) -> Any:
        return withdraw_link(public_id, actor=request.user)

    return _settle(request, public_id, withdraw, _("Withdrawn. Nothing has changed."))


def _proposed(request: PersonRequest, link: LinkProposal) -> HttpResponse:
    messages.success(request, _("Proposed. Somebody else decides within 14 days."))
    return redirect("identity:identity-link", public_id=link.public_id)


def _settle(
    request: PersonRequest, public_id: UUID, service: Callable[[str], Any], done: str
) -> HttpResponse:
    _get(request, public_id)
    reason = request.POST.get("reason", "")
    try:
        service(reason)
    except DomainError as error:
        return _render(request, _get(request, public_id), error=error, reason=reason)
    messages.success(request, done)
    return redirect("identity:identity-link", public_id=public_id)


def _get(request: PersonRequest, public_id: UUID) -> LinkProposal:
    links = visible_links(request.user).select_related(
        "identity", "holder", "receiver", "proposed_by", "decided_by"
    )
    return get_object_or_404(links, public_id=public_id)


def _render(
    request: PersonRequest,
    link: LinkProposal,
    *,
    error: DomainError | None = None,
    reason: str | None = None,
) -> HttpResponse:
    if reason is None:
        names = ("identity:identity-link-confirm", "identity:identity-link-refuse")
        kept = kept_input(request, *(reverse(name, args=[link.public_id]) for name in names))
        reason = kept.get("reason", "") if kept else ""
    overseen = standing_grants().filter(node__in=overseen_nodes(request.user))
    grants = overseen.select_related("node").order_by("role", "pk")
    context = {
        "link": link,
        "provider": issuer_name(link.identity.issuer),
        "tone": TONES[ProposalState(link.state)],
        "sides": [
            (key, person, grants.filter(person=person))
            for key, person in (("receiver", link.receiver), ("holder", link.holder))
        ],
        "may_decide": link in links_to_decide(request.user),
        "may_withdraw": link.proposed_by_id == request.user.pk
        and link.state == ProposalState.PROPOSED,
        "error": error,
        "reason": reason,
    }
    status = error.http_status if error else 200
    return render(request, "identity/links/detail.html", context, status=status)
