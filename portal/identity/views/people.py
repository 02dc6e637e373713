"""A person as those see them who answer for their roles: roles, deputies, leaving, coming back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.core.errors import DomainError
from portal.identity.access import standing_grants
from portal.identity.gaps import gaps_after
from portal.identity.link_policies import may_propose_link, waiting_links
from portal.identity.models import Deputy, Person
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest
from portal.identity.role_forms import DeputyForm, DeputyProposalForm, ReasonForm
from portal.identity.role_policies import (
    approved_nodes,
    colleagues_in,
    deputies_of,
    is_approver,
    may_end,
    may_propose_deputy,
    overseen_nodes,
    possible_deputies,
    replaced_by,
    visible_deputies,
    visible_grants,
    visible_people,
)
from portal.identity.services.deputies import end_deputy
from portal.identity.services.deputy_proposals import WantedDeputy, propose_deputy
from portal.identity.services.people import end_person, reinstate_person
from portal.identity.views.choosing import called, choose_people, words_of
from portal.identity.views.wording import issuer_name

PAGE_SIZE: Final = 50
GRANTS_SHOWN: Final = 50


@require_safe
def person_list(request: PersonRequest) -> HttpResponse:
    """Everybody with a role, now or once, on what this person oversees."""
    if not overseen_nodes(request.user).exists():
        raise PermissionDenied
    words = words_of(request.GET.get("q"))
    people = called(visible_people(request.user), words)
    page = Paginator(people.order_by("name", "pk"), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "words": words}
    return render(request, "identity/people/list.html", context)


@require_safe
def person_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One person: what they hold where this reader may see it, and what can be done."""
    return _render(request, _get(request, public_id))


@require_http_methods(["GET", "HEAD", "POST"])
def person_end(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """End somebody who left, after a page that says what that means."""
    person = _get(request, public_id)
    if not may_end(request.user, person):
        raise PermissionDenied
    form = ReasonForm(request.POST if request.method == "POST" else kept_input(request))
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                end_person(public_id, actor=request.user, reason=form.cleaned_data["reason"])
            except DomainError as error:
                form.show(error)
                status = error.http_status
            else:
                messages.success(request, _("This person has no access any more."))
                return redirect("identity:person", public_id=public_id)
    grants = list(standing_grants().filter(person=person).select_related("node"))
    context = {
        "person": person,
        "form": form,
        "grants": grants,
        "gaps": gaps_after(grants, leaver=person),
    }
    return render(request, "identity/people/end.html", context, status=status)


@require_POST
def person_reinstate(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Let somebody log in again, without any role."""
    person = _get(request, public_id)
    try:
        reinstate_person(public_id, actor=request.user)
    except DomainError as error:
        return _render(request, person, error=error)
    messages.success(request, _("This person can log in again, and begins without roles."))
    return redirect("identity:person", public_id=public_id)


@require_http_methods(["GET", "HEAD", "POST"])
def person_deputy(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Propose a deputy for somebody else who approves; they or a colleague decide."""
    person = _get(request, public_id)
    if not may_propose_deputy(request.user, person):
        raise PermissionDenied

    def propose(form: DeputyForm) -> HttpResponse:
        wanted = WantedDeputy(absent=person, **form.chosen())
        proposal = propose_deputy(wanted, actor=request.user)
        messages.success(request, _("Proposed. Somebody else decides within 14 days."))
        return redirect("identity:role-proposal", public_id=proposal.public_id)

    return deputy_page(
        request, person, "identity/people/deputy.html", DeputyProposalForm, carry_out=propose
    )


@require_POST
def deputy_end(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """End an appointment: of one's own, or of somebody whom this person administers."""
    mine = Q(absent=request.user) | Q(deputy=request.user)
    theirs = Q(absent__in=visible_people(request.user))
    appointment = get_object_or_404(
        Deputy.objects.filter(mine | theirs).select_related("absent"), public_id=public_id
    )
    is_own = request.user.pk in {appointment.absent_id, appointment.deputy_id}
    try:
        end_deputy(public_id, actor=request.user)
    except DomainError as error:
        context = {"error": error, "person": None if is_own else appointment.absent}
        return render(request, "identity/people/refused.html", context, status=error.http_status)
    messages.success(request, _("The replacement has ended."))
    if is_own:
        return redirect("identity:account")
    return redirect("identity:person", public_id=appointment.absent.public_id)


def deputy_page(
    request: PersonRequest,
    absent: Person,
    template: str,
    form_class: type[DeputyForm],
    *,
    carry_out: Callable[[DeputyForm], HttpResponse],
) -> HttpResponse:
    """The form for a deputy: shown, refused with what was typed, or carried out."""
    typed = request.POST if request.method == "POST" else kept_input(request)
    words = words_of(request.GET.get("q") or (typed.get("q") if typed else ""))
    choice = choose_people(
        possible_deputies(absent).exclude(pk=request.user.pk),
        near=colleagues_in(approved_nodes(absent)),
        words=words,
        chosen=typed.get("deputy", "") if typed else "",
    )
    form = form_class(typed, people=choice.people)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                return carry_out(form)
            except DomainError as error:
                form.show(error)
                status = error.http_status
    context = {
        "person": absent,
        "form": form,
        "words": words,
        "has_more": choice.has_more,
        "is_approver": is_approver(absent),
    }
    return render(request, template, context, status=status)


def _get(request: PersonRequest, public_id: UUID) -> Person:
    return get_object_or_404(visible_people(request.user), public_id=public_id)


def _render(
    request: PersonRequest, person: Person, *, error: DomainError | None = None
) -> HttpResponse:
    held = standing_grants().filter(person=person).values("pk")
    grants = (
        visible_grants(request.user)
        .filter(person=person)
        .select_related("node", "granted_by", "ended_by")
    )
    current = grants.filter(pk__in=held)
    deputies = visible_deputies(request.user).values("pk")
    context = {
        "person": person,
        "grants": current.order_by("role", "pk")[:GRANTS_SHOWN],
        "earlier": grants.exclude(end_reason="").order_by("-valid_until")[:GRANTS_SHOWN],
        "deputies": deputies_of(person).filter(pk__in=deputies).order_by("valid_from"),
        "replaces": replaced_by(person).filter(pk__in=deputies).order_by("valid_from"),
        "may_end": person.joined_into is None and may_end(request.user, person),
        "may_propose_deputy": may_propose_deputy(request.user, person),
        **_logins_of(request.user, person),
        "error": error,
    }
    status = error.http_status if error else 200
    return render(request, "identity/people/detail.html", context, status=status)


def _logins_of(reader: Person, person: Person) -> dict[str, Any]:
    """With which logins the person is known, who was joined into them, and what can be changed."""
    identities = list(person.identities.order_by("pk"))
    former = person.joined_into
    waiting = waiting_links(reader).filter(Q(holder=person) | Q(receiver=person))
    return {
        "logins": [
            {"provider": issuer_name(each.issuer), "last_login_at": each.last_login_at}
            for each in identities
        ],
        "joined": person.joined.order_by("ended_at", "pk"),
        "waiting_link": waiting.first(),
        "may_link": person.is_active and may_propose_link(reader, person, person),
        "may_unlink": former is not None and may_propose_link(reader, former, person),
    }
