"""What a person does about a delivery that cannot go on by itself."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from catalog.models import Operation, OperationKind
from catalog.policies import may_repair, visible_operations
from catalog.services.operations import (
    abandon_operation,
    compensate_operation,
    resume_operation,
)
from portal.core.errors import DomainError
from portal.identity.requests import PersonRequest


@require_POST
def operation_resume(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Try the failed step again."""
    done = _("We try the failed step again.")
    return _repair(request, public_id, resume_operation, done)


@require_POST
def operation_compensate(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Undo the delivery: remove what was made."""
    done = _("We remove what was made. After that your quota is free again.")
    return _repair(request, public_id, compensate_operation, done)


@require_POST
def operation_abandon(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Leave an action that failed for what it is."""
    done = _("We leave it as it is.")
    return _repair(request, public_id, abandon_operation, done)


def _repair(
    request: PersonRequest, public_id: UUID, service: Callable[..., Operation], done: str
) -> HttpResponse:
    operations = visible_operations(request.user).select_related(
        "resource__project", "resource__order_line__order"
    )
    operation = get_object_or_404(operations, public_id=public_id)
    if not may_repair(request.user, operation.resource):
        raise PermissionDenied
    try:
        service(operation.public_id, actor=request.user)
    except DomainError as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, done)
    line = operation.resource.order_line
    if line is None or operation.kind != OperationKind.PROVISION:
        return redirect("catalog:resource", public_id=operation.resource.public_id)
    return redirect("catalog:order", public_id=line.order.public_id)
