"""What a person does about work that cannot go on by itself, or must not go on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from catalog.kinds import get_kind
from catalog.models import Operation, OperationKind, OperationState
from catalog.policies import may_oversee, may_repair, may_solve, visible_operations
from catalog.services.assemblies import living_parts
from catalog.services.cancellation import is_cancelable
from catalog.services.operations import abandon_operation, resume_operation, retry_operation
from catalog.services.trials import end_trial
from catalog.services.undoing import cancel_operation, compensate_operation
from catalog.views.progress import progress_of
from portal.core.errors import DomainError
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest

# What the operators' page sends along, to come back there.
BACK = "operation"


@require_POST
def operation_resume(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Try the failed step again."""
    done = _("We try the failed step again.")
    return _repair(request, public_id, resume_operation, done)


@require_POST
def operation_retry(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Try again from an earlier step: for operators, who know what stands in the cloud."""
    operation = _get(request, public_id)
    if not may_solve(request.user, operation.resource):
        raise PermissionDenied
    sent = request.POST.get("position", "")
    position = int(sent) if sent.isascii() and sent.isdecimal() and len(sent) < 4 else 0
    retry = partial(retry_operation, position=position)
    return _settle(request, operation, retry, _("We try it again from that step."))


@require_http_methods(["GET", "HEAD", "POST"])
def operation_compensate(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Undo the delivery: remove what was made, of a whole after a page that names all of it."""
    if request.method == "POST":
        done = _("We remove what was made. After that your quota is free again.")
        return _repair(request, public_id, compensate_operation, done)
    operation = _get(request, public_id)
    if not may_repair(request.user, operation.resource):
        raise PermissionDenied
    is_failed = operation.state == OperationState.FAILED
    if operation.kind != OperationKind.PROVISION or not is_failed:
        return _back(request, operation)
    line = operation.resource.order_line
    whole = line.assembly if line else None
    context = {
        "operation": operation,
        "name": whole.name if whole else operation.resource.name,
        "parts": living_parts(whole) if whole else [operation.resource],
        "back": BACK if (kept_input(request) or request.GET).get("back") == BACK else "",
    }
    return render(request, "catalog/operations/undo.html", context)


@require_POST
def operation_keep(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Confirm that what was changed works."""
    return _repair(request, public_id, end_trial, _("It stays as it is now."))


@require_POST
def operation_abandon(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Leave an action that failed for what it is, or give a change up."""
    done = _("We leave it as it is.")
    return _repair(request, public_id, abandon_operation, done)


@require_http_methods(["GET", "HEAD", "POST"])
def operation_cancel(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Stop what runs, after a page that says what that means."""
    operation = _get(request, public_id)
    if not may_repair(request.user, operation.resource):
        raise PermissionDenied
    if request.method == "POST":
        done = _("We stop it as soon as the step that is being done is over.")
        return _settle(request, operation, cancel_operation, done)
    if not is_cancelable(operation):
        return _back(request, operation)
    context = {
        "operation": operation,
        "resource": operation.resource,
        "kind": get_kind(operation.resource.kind),
        "progress": progress_of(operation),
        "back": BACK if (kept_input(request) or request.GET).get("back") == BACK else "",
    }
    return render(request, "catalog/operations/cancel.html", context)


def _repair(
    request: PersonRequest, public_id: UUID, service: Callable[..., Operation], done: str
) -> HttpResponse:
    operation = _get(request, public_id)
    if not may_repair(request.user, operation.resource):
        raise PermissionDenied
    return _settle(request, operation, service, done)


def _get(request: PersonRequest, public_id: UUID) -> Operation:
    operations = visible_operations(request.user).select_related(
        "resource__project", "resource__order_line__order"
    )
    return get_object_or_404(operations, public_id=public_id)


def _settle(
    request: PersonRequest, operation: Operation, service: Callable[..., Operation], done: str
) -> HttpResponse:
    try:
        service(operation.public_id, actor=request.user)
    except DomainError as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, done)
    return _back(request, operation)


def _back(request: PersonRequest, operation: Operation) -> HttpResponse:
    """To the page that the person came from, or else to what the work is about."""
    sent = request.POST if request.method == "POST" else request.GET
    if sent.get("back") == BACK and may_oversee(request.user, operation.resource):
        return redirect("catalog:operation", public_id=operation.public_id)
    line = operation.resource.order_line
    if line is None or operation.kind != OperationKind.PROVISION:
        return redirect("catalog:resource", public_id=operation.resource.public_id)
    return redirect("catalog:order", public_id=line.order.public_id)
