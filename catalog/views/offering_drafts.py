"""Making drafts of what can be ordered. Each change is a form that is sent."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from catalog.models import OfferingVersion, OfferingVersionState
from catalog.offering_forms import DraftForm, NewOfferingForm
from catalog.offering_policies import may_draft
from catalog.services.offerings import create_offering, draft_from, edit_draft
from catalog.views.offerings import get_version, render_version
from portal.core.errors import DomainError
from portal.identity.requests import PersonRequest


@require_http_methods(["GET", "HEAD", "POST"])
def offering_new(request: PersonRequest) -> HttpResponse:
    """Begin something new: what kind it is, where it stands, and how it is called."""
    if not may_draft(request.user):
        raise PermissionDenied
    form = NewOfferingForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        answers = form.cleaned_data
        try:
            version = create_offering(
                code=answers["code"],
                kind=answers["kind"],
                cloud=answers["cloud"],
                texts=form.texts(),
                actor=request.user,
            )
        except DomainError as error:
            form.show(error)
        else:
            messages.success(request, _("The draft is made. Say now what can be chosen."))
            return redirect("catalog:offering-version-edit", public_id=version.public_id)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "catalog/offerings/new.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def version_edit(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Change what a draft says. What is no draft, or waits for a decision, shows why it cannot."""
    version = _get_to_make(request, public_id)
    if version.state != OfferingVersionState.DRAFT:
        return redirect("catalog:offering-version", public_id=public_id)
    form = DraftForm(request.POST if request.method == "POST" else None, version=version)
    status = HTTPStatus.OK
    if request.method == "POST":
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        if form.is_valid():
            try:
                edit_draft(public_id, form.content(), actor=request.user)
            except DomainError as error:
                form.show(error)
                status = HTTPStatus(error.http_status)
            else:
                messages.success(request, _("The draft is kept."))
                return redirect("catalog:offering-version", public_id=public_id)
    context = {"form": form, "version": version}
    return render(request, "catalog/offerings/edit.html", context, status=status)


@require_POST
def version_copy(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Begin the next version with what this one says."""
    version = _get_to_make(request, public_id)
    try:
        draft = draft_from(public_id, actor=request.user)
    except DomainError as error:
        return render_version(request, version, error=error)
    messages.success(request, _("The draft says what the copied version said. Change it now."))
    return redirect("catalog:offering-version-edit", public_id=draft.public_id)


def _get_to_make(request: PersonRequest, public_id: UUID) -> OfferingVersion:
    version = get_version(request, public_id)
    if not may_draft(request.user):
        raise PermissionDenied
    return version
