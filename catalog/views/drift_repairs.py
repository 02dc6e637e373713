"""What an operator does about one difference. Each is a form that is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from catalog.drift_forms import DecisionForm, IgnoreForm, RepairForm
from catalog.models import Difference, DriftRepair, RepairAction
from catalog.policies import may_mend, visible_differences
from catalog.services.cloud_rooms import push_quota_again
from catalog.services.drift import correct_record, ignore_difference
from catalog.services.drift_repairs import (
    confirm_repair,
    propose_repair,
    refuse_repair,
    withdraw_repair,
)
from catalog.services.putting_back import put_back
from catalog.views.drift import get_difference, render_difference
from portal.core.errors import DomainError
from portal.core.forms import RefusableForm
from portal.identity.requests import PersonRequest


@require_POST
def drift_ignore(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Leave it alone until a day, for a reason."""
    difference = _get(request, public_id)
    form = IgnoreForm(request.POST)

    def ignore() -> Any:
        return ignore_difference(public_id, actor=request.user, **form.cleaned_data)

    return _answer(request, difference, "ignore", form, ignore, _("Ignored until that day."))


@require_POST
def drift_correct(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Let our record say what the cloud says."""
    done = _("Corrected. Cloudloket now says what the cloud says.")
    return _repair_alone(request, public_id, correct_record, done)


@require_POST
def drift_push(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Have the quota of the project in the cloud set again."""
    done = _("We set it now. The next comparison tells whether it holds.")
    return _repair_alone(request, public_id, push_quota_again, done)


@require_POST
def drift_put_back(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Have the cloud say again what was ordered."""
    done = _("We set it now. The next comparison tells whether it holds.")
    return _repair_alone(request, public_id, put_back, done)


@require_POST
def drift_propose(request: PersonRequest, public_id: UUID, action: str) -> HttpResponse:
    """Propose a repair that another operator decides on."""
    difference = _get(request, public_id)
    form = RepairForm(request.POST)
    wanted = RepairAction(action)

    def propose() -> Any:
        return propose_repair(public_id, action=wanted, actor=request.user, **form.cleaned_data)

    done = _("Proposed. Another operator decides.")
    return _answer(request, difference, "repair", form, propose, done)


@require_safe
def drift_repair(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """A repair is shown with its difference."""
    repair = _visible_repair(request, public_id)
    return render_difference(request, get_difference(request, repair.difference.public_id))


@require_POST
def drift_repair_confirm(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Yes: carry it out."""
    repair = _get_repair(request, public_id)
    return _done_or_refused(
        request,
        repair.difference,
        lambda: confirm_repair(public_id, actor=request.user),
        _("Carried out."),
    )


@require_POST
def drift_repair_refuse(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """No, with a reason."""
    repair = _get_repair(request, public_id)
    form = DecisionForm(request.POST)

    def refuse() -> Any:
        return refuse_repair(public_id, actor=request.user, **form.cleaned_data)

    done = _("Refused. The difference stays.")
    return _answer(request, repair.difference, "decision", form, refuse, done)


@require_POST
def drift_repair_withdraw(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Take one's own proposal back."""
    repair = _get_repair(request, public_id)
    return _done_or_refused(
        request,
        repair.difference,
        lambda: withdraw_repair(public_id, actor=request.user),
        _("Withdrawn."),
    )


def _repair_alone(
    request: PersonRequest, public_id: UUID, service: Callable[..., Any], done: str
) -> HttpResponse:
    """What one operator does by one click."""
    difference = _get(request, public_id)
    return _done_or_refused(
        request, difference, lambda: service(public_id, actor=request.user), done
    )


def _answer(
    request: PersonRequest,
    difference: Difference,
    name: str,
    form: RefusableForm,
    service: Callable[[], Any],
    done: str,
) -> HttpResponse:
    """Do it, or show the page again with the form as it was typed and what is wrong in it."""
    if form.is_valid():
        try:
            service()
        except DomainError as error:
            form.show(error)
            fresh = get_difference(request, difference.public_id)
            return render_difference(request, fresh, forms={name: form}, error=error)
        messages.success(request, done)
        return redirect("catalog:drift-difference", public_id=difference.public_id)
    fresh = get_difference(request, difference.public_id)
    response = render_difference(request, fresh, forms={name: form})
    response.status_code = 422
    return response


def _done_or_refused(
    request: PersonRequest, difference: Difference, service: Callable[[], Any], done: str
) -> HttpResponse:
    public_id = difference.public_id
    try:
        service()
    except DomainError as error:
        return render_difference(request, get_difference(request, public_id), error=error)
    messages.success(request, done)
    return redirect("catalog:drift-difference", public_id=public_id)


def _get(request: PersonRequest, public_id: UUID) -> Difference:
    difference = get_difference(request, public_id)
    if not may_mend(request.user, difference):
        raise PermissionDenied
    return difference


def _visible_repair(request: PersonRequest, public_id: UUID) -> DriftRepair:
    differences = visible_differences(request.user)
    repairs = DriftRepair.objects.filter(difference__in=differences)
    return get_object_or_404(repairs.select_related("difference__project"), public_id=public_id)


def _get_repair(request: PersonRequest, public_id: UUID) -> DriftRepair:
    repair = _visible_repair(request, public_id)
    if not may_mend(request.user, repair.difference):
        raise PermissionDenied
    return repair
