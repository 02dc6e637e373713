"""Publishing what can be ordered, which takes two people, and withdrawing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog.models import (
    UNDECIDED_ORDER_STATES,
    OfferingVersion,
    OfferingVersionState,
    OrderLine,
    Publication,
)
from catalog.offering_forms import RefusalForm
from catalog.offering_policies import managed_versions, may_decide_on_offers, may_draft
from catalog.services.offerings import drop_draft
from catalog.services.publications import (
    propose_publication,
    publish_version,
    refuse_publication,
    take_back_publication,
    withdraw_version,
)
from catalog.views.offerings import get_version, render_version
from portal.core.errors import DomainError
from portal.identity.requests import PersonRequest


@require_POST
def version_propose(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Ask a second person to publish a draft."""
    version = get_version(request, public_id)
    if not may_draft(request.user):
        raise PermissionDenied
    return _do(
        request,
        version,
        lambda: propose_publication(public_id, actor=request.user),
        _("Proposed. A second person decides."),
    )


@require_safe
def publication_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """A proposal is shown with the version that it is about."""
    return render_version(request, _get_of_publication(request, public_id))


@require_POST
def publication_publish(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Yes: from now on this is ordered."""
    version = _get_to_decide(request, public_id)
    return _do(
        request,
        version,
        lambda: publish_version(public_id, actor=request.user),
        _("Published. People order this version from now on."),
    )


@require_POST
def publication_refuse(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """No, with a reason."""
    version = _get_to_decide(request, public_id)
    form = RefusalForm(request.POST)
    reason = form.typed("reason")
    return _do(
        request,
        version,
        lambda: refuse_publication(public_id, actor=request.user, reason=reason),
        _("Refused. The draft can change again."),
        form,
    )


@require_POST
def publication_take_back(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Take one's own proposal back."""
    version = _get_of_publication(request, public_id)
    if not may_draft(request.user):
        raise PermissionDenied
    return _do(
        request,
        version,
        lambda: take_back_publication(public_id, actor=request.user),
        _("Taken back. The draft can change again."),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def version_withdraw(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Take a version out of the catalogue, or give a draft up, after a look at what that means."""
    version = get_version(request, public_id)
    is_draft = version.state == OfferingVersionState.DRAFT
    if not (may_draft if is_draft else may_decide_on_offers)(request.user):
        raise PermissionDenied
    if request.method == "POST":
        withdraw: Callable[..., Any] = drop_draft if is_draft else withdraw_version
        done = _("The draft is dropped.") if is_draft else _("Withdrawn. Nobody orders it now.")
        return _do(request, version, lambda: withdraw(public_id, actor=request.user), done)
    waiting = OrderLine.objects.filter(
        offering_version=version, order__state__in=UNDECIDED_ORDER_STATES
    )
    context = {"version": version, "is_draft": is_draft, "waiting": waiting.count()}
    return render(request, "catalog/offerings/withdraw.html", context)


def _do(
    request: PersonRequest,
    version: OfferingVersion,
    service: Callable[[], Any],
    done: str,
    form: RefusalForm | None = None,
) -> HttpResponse:
    """Do it, or show the version with why not, and what was typed."""
    try:
        service()
    except DomainError as error:
        if form is not None:
            form.show(error)
        fresh = get_version(request, version.public_id)
        return render_version(request, fresh, form=form, error=error)
    messages.success(request, done)
    return redirect("catalog:offering-version", public_id=version.public_id)


def _get_of_publication(request: PersonRequest, public_id: UUID) -> OfferingVersion:
    publication = get_object_or_404(
        Publication.objects.filter(version__in=managed_versions(request.user)),
        public_id=public_id,
    )
    return get_version(request, publication.version.public_id)


def _get_to_decide(request: PersonRequest, public_id: UUID) -> OfferingVersion:
    version = _get_of_publication(request, public_id)
    if not may_decide_on_offers(request.user):
        raise PermissionDenied
    return version
