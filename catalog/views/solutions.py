"""Marking as solved what hangs: one operator says so, and where money moves another confirms."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from catalog.kinds import get_kind
from catalog.models import Operation, OperationState, Solution, SolutionState
from catalog.models.solution import REASON_LENGTH
from catalog.policies import may_solve, visible_solutions
from catalog.services.solutions import (
    confirm_solution,
    moves_money,
    refuse_solution,
    solve_operation,
    withdraw_solution,
)
from catalog.views.progress import progress_of
from catalog.views.work import get_overseen, render_operation
from portal.core.errors import DomainError, InvalidInput
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest


@require_http_methods(["GET", "HEAD", "POST"])
def operation_solve(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Say that it was solved by hand, with a reason."""
    operation = _get(request, public_id)
    if request.method != "POST":
        if operation.state != OperationState.FAILED:
            return redirect("catalog:operation", public_id=public_id)
        return _ask(request, operation, (kept_input(request) or QueryDict()).get("reason", ""))
    reason = request.POST.get("reason", "")
    try:
        solution = solve_operation(public_id, actor=request.user, reason=reason)
    except DomainError as error:
        return _ask(request, operation, reason, error)
    if solution.state == SolutionState.PROPOSED:
        messages.success(request, _("Noted. It holds when another operator confirms it."))
    else:
        messages.success(request, _("Marked as solved."))
    return redirect("catalog:operation", public_id=public_id)


@require_POST
def solution_confirm(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """The second pair of eyes says yes."""
    done = _("Confirmed. It is marked as solved.")
    return _decide(request, public_id, confirm_solution, done)


@require_POST
def solution_refuse(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """The second pair of eyes says no, with a reason."""
    refuse = partial(refuse_solution, reason=request.POST.get("reason", ""))
    return _decide(request, public_id, refuse, _("Refused. Your colleague reads your reason."))


@require_POST
def solution_withdraw(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Take one's own word back."""
    done = _("Taken back. It needs a person again.")
    return _decide(request, public_id, withdraw_solution, done)


def _decide(
    request: PersonRequest, public_id: UUID, service: Callable[..., Solution], done: str
) -> HttpResponse:
    solutions = visible_solutions(request.user).select_related("operation")
    operation_id = get_object_or_404(solutions, public_id=public_id).operation.public_id
    _get(request, operation_id)
    try:
        service(public_id, actor=request.user)
    except DomainError as error:
        fresh = _get(request, operation_id)
        reason = request.POST.get("reason", "")
        return render_operation(request, fresh, error=error, reason=reason)
    messages.success(request, done)
    return redirect("catalog:operation", public_id=operation_id)


def _get(request: PersonRequest, public_id: UUID) -> Operation:
    """The operation, for an operator.

    Raises:
        PermissionDenied: they see it, but are no operator there.
    """
    operation = get_overseen(request, public_id)
    if not may_solve(request.user, operation.resource):
        raise PermissionDenied
    return operation


def _ask(
    request: PersonRequest, operation: Operation, reason: str, error: DomainError | None = None
) -> HttpResponse:
    is_about_reason = isinstance(error, InvalidInput) or (error and error.field == "reason")
    if isinstance(error, InvalidInput):
        message = " ".join(error.errors["reason"])
    else:
        message = str(error) if error else ""
    context = {
        "operation": operation,
        "resource": operation.resource,
        "kind": get_kind(operation.resource.kind),
        "progress": progress_of(operation),
        "moves_money": moves_money(operation),
        "reason": reason,
        "reason_length": REASON_LENGTH,
        "error": error,
        "message": message,
        "is_about_reason": bool(is_about_reason),
    }
    status = error.http_status if error else 200
    return render(request, "catalog/operations/solve.html", context, status=status)
