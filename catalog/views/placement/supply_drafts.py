"""Assessing a place in sections, proposing it, and deciding on what another proposed."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from catalog.models import SupplyProfile
from catalog.offering_forms import RefusalForm
from catalog.placement_policies import may_decide_on_supplies, may_draft_supplies
from catalog.services.placement import (
    begin_supply,
    confirm_supply,
    drop_supply,
    edit_supply,
    propose_supply,
    refuse_supply,
    take_back_supply,
)
from catalog.supply_forms import SECTIONS, NewSupplyForm, form_of
from catalog.views.placement.supplies import get_supply, render_supply
from catalog.views.placement.supply_wording import name_of
from portal.core.errors import DomainError
from portal.identity.requests import PersonRequest


@require_http_methods(["GET", "HEAD", "POST"])
def supply_new(request: PersonRequest) -> HttpResponse:
    """Begin the assessment of a place, with what the last one said."""
    if not may_draft_supplies(request.user):
        raise PermissionDenied
    form = NewSupplyForm(request.user, request.POST if request.method == "POST" else None)
    if form.is_valid():
        cloud, offering = form.cleaned_data["cloud"], form.chosen_offering()
        try:
            draft = begin_supply(cloud, offering=offering, actor=request.user)
        except DomainError as error:
            form.show(error)
        else:
            messages.success(request, _("The draft is made. Say now what is known of the place."))
            return redirect("catalog:supply-edit", draft.public_id, next(iter(SECTIONS)))
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "catalog/supplies/new.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def supply_edit(request: PersonRequest, public_id: UUID, section: str) -> HttpResponse:
    """Fill in one section of a draft. What is no draft any more shows why it cannot change."""
    profile = _to_make(request, public_id)
    if section not in SECTIONS:
        raise Http404
    if not profile.is_draft:
        return redirect("catalog:supply", public_id=public_id)
    form = form_of(section, profile, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            edit_supply(public_id, form.changes(), actor=request.user)
        except DomainError as error:
            form.show(error)
        else:
            messages.success(request, _("The draft is kept."))
            return _after(request, public_id, section)
    context = {
        "form": form,
        "profile": profile,
        "name": name_of(profile),
        "section": section,
        "sections": SECTIONS,
        "title": SECTIONS[section],
        "number": list(SECTIONS).index(section) + 1,
        "count": len(SECTIONS),
        "is_last": section == list(SECTIONS)[-1],
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "catalog/supplies/edit.html", context, status=status)


@require_POST
def supply_copy(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Begin the next assessment of the same place."""
    profile = _to_make(request, public_id)
    try:
        draft = begin_supply(profile.cloud, offering=profile.offering, actor=request.user)
    except DomainError as error:
        return render_supply(request, profile, error=error)
    messages.success(request, _("The draft is made. Say now what is known of the place."))
    return redirect("catalog:supply-edit", draft.public_id, next(iter(SECTIONS)))


@require_POST
def supply_drop(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Throw a draft away."""
    profile = _to_make(request, public_id)
    try:
        drop_supply(public_id, actor=request.user)
    except DomainError as error:
        return render_supply(request, profile, error=error)
    messages.success(request, _("The draft is dropped."))
    return redirect("catalog:supplies")


@require_POST
def supply_propose(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Ask a second person to agree with a draft."""
    return _do(
        request,
        _to_make(request, public_id),
        lambda: propose_supply(public_id, actor=request.user),
        _("Proposed. A second person decides."),
    )


@require_POST
def supply_take_back(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Take one's own proposal back."""
    return _do(
        request,
        _to_make(request, public_id),
        lambda: take_back_supply(public_id, actor=request.user),
        _("Taken back. The next draft begins with what it said."),
    )


@require_POST
def supply_confirm(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Yes: from now on placements are judged by it."""
    return _do(
        request,
        _to_decide(request, public_id),
        lambda: confirm_supply(public_id, actor=request.user),
        _("Confirmed. From now on it decides what may stand there."),
    )


@require_POST
def supply_refuse(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """No, with a reason."""
    profile = _to_decide(request, public_id)
    form = RefusalForm(request.POST)
    reason = form.typed("reason")
    return _do(
        request,
        profile,
        lambda: refuse_supply(public_id, actor=request.user, reason=reason),
        _("Refused. The next draft begins with what it said."),
        form,
    )


def _do(
    request: PersonRequest,
    profile: SupplyProfile,
    service: Callable[[], Any],
    done: str,
    form: RefusalForm | None = None,
) -> HttpResponse:
    """Do it, or show the assessment with why not, and what was typed."""
    try:
        service()
    except DomainError as error:
        if form is not None:
            form.show(error)
        fresh = get_supply(request, profile.public_id)
        return render_supply(request, fresh, form=form, error=error)
    messages.success(request, done)
    return redirect("catalog:supply", public_id=profile.public_id)


def _after(request: PersonRequest, public_id: UUID, section: str) -> HttpResponse:
    """The next section when that was asked for, else the whole draft."""
    names = list(SECTIONS)
    following = names[names.index(section) + 1 :]
    if "go_on" in request.POST and following:
        return redirect("catalog:supply-edit", public_id, following[0])
    return redirect("catalog:supply", public_id=public_id)


def _to_make(request: PersonRequest, public_id: UUID) -> SupplyProfile:
    profile = get_supply(request, public_id)
    if not may_draft_supplies(request.user):
        raise PermissionDenied
    return profile


def _to_decide(request: PersonRequest, public_id: UUID) -> SupplyProfile:
    profile = get_supply(request, public_id)
    if not may_decide_on_supplies(request.user):
        raise PermissionDenied
    return profile
