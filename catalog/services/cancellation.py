"""Stopping work at any moment: nothing more is begun, and what was made is removed.

The safe point is when no worker holds a step. It may have come already; else the worker that
holds one comes by here when it lets go, and the sweep when that worker died.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.utils.timezone import now

from catalog.errors import NotCancelable, ResourceBusy
from catalog.models import (
    OPEN_OPERATION_STATES,
    Operation,
    OperationKind,
    OperationState,
    OrderState,
    StepState,
)
from catalog.services.operations import (
    end_operation,
    lock_operation,
    move_order,
    revert,
    undo,
)
from portal.audit.services import record
from portal.identity.models import Person

# What is being removed cannot be stopped: part of it is gone.
CANCELABLE_KINDS: Final = frozenset(
    {
        OperationKind.PROVISION.value,
        OperationKind.CHANGE.value,
        OperationKind.ACT.value,
        OperationKind.RECREATE.value,
    }
)


def request_cancellation(operation: Operation, *, actor: Person | None) -> None:
    """Stop work that is locked. ``actor`` None: the clock takes back what it asked for itself.

    Raises:
        NotCancelable: it has ended, or removes something.
    """
    if not is_cancelable(operation):
        raise NotCancelable()
    if operation.cancel_requested_at:
        return
    is_safe = _is_safe(operation)  # locks the steps, so before anything is audited
    operation.cancel_requested_at, operation.cancel_requested_by = now(), actor
    operation.save(update_fields=["cancel_requested_at", "cancel_requested_by"])
    record(
        "operation.cancellation_requested",
        operation,
        actor=actor,
        node_id=operation.resource.project_id,
    )
    if is_safe:
        _cancel(operation)


def end_waiting(operation: Operation) -> None:
    """End work that is locked and that nobody holds, for the clock: what it was for is given up.

    Raises:
        ResourceBusy: a worker holds a step.
    """
    if not _is_safe(operation):
        raise ResourceBusy(name=operation.resource.name)
    _cancel(operation)


def is_cancelable(operation: Operation) -> bool:
    return operation.state in OPEN_OPERATION_STATES and operation.kind in CANCELABLE_KINDS


def waiting_cancellations() -> Q:
    """The operations that somebody had stopped and that did not come to a safe point yet."""
    return Q(cancel_requested_at__isnull=False, state__in=OPEN_OPERATION_STATES)


def carry_out_cancellation(operation_id: int) -> None:
    """Stop the operation if somebody asked for that and no worker holds a step of it."""
    asked = Operation.objects.filter(waiting_cancellations(), pk=operation_id).first()
    if asked:
        _carry_out(asked.public_id)


@transaction.atomic(durable=True)
def _carry_out(public_id: UUID) -> None:
    operation = lock_operation(public_id)
    if operation.cancel_requested_at and is_cancelable(operation) and _is_safe(operation):
        _cancel(operation)


def _is_safe(operation: Operation) -> bool:
    """True when no worker holds a step; until the transaction ends none takes one."""
    steps = operation.steps.exclude(state=StepState.DONE).select_for_update()
    at = now()
    return not any(step.leased_until and step.leased_until > at for step in steps)


def _cancel(operation: Operation) -> None:
    """End it, and undo a delivery or a change.

    What a step leaves unfinished can no longer be taken or written, whoever took it before: its
    state is another. A create that was under way has an unknown outcome, and is looked for.
    """
    at = now()
    operation.steps.exclude(state=StepState.DONE).update(
        state=StepState.CANCELED,
        leased_until=None,
        due_at=at,
        outcome_unknown_at=Case(
            When(create_intended_at__isnull=False, then=Value(at)),
            default=F("outcome_unknown_at"),
        ),
    )
    end_operation(operation, OperationState.CANCELED)
    record("operation.canceled", operation, actor=None, node_id=operation.resource.project_id)
    if operation.kind == OperationKind.PROVISION:
        undo(operation, requested_by=operation.cancel_requested_by)
        move_order(operation, OrderState.FAILED)
    elif operation.kind == OperationKind.CHANGE:
        move_order(operation, OrderState.FAILED)
        revert(operation, requested_by=operation.cancel_requested_by)
