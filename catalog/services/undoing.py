"""Giving a delivery up: what it made is removed, and with it the rest of what belongs together."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from catalog.models import (
    OPEN_OPERATION_STATES,
    Operation,
    OperationKind,
    OperationState,
    OrderLine,
    Resource,
    ResourceState,
)
from catalog.services.cancellation import end_waiting, request_cancellation
from catalog.services.operations import give_up, lock_operation, lock_together, undo
from catalog.services.resources import begin_retirements
from portal.core.states import IllegalTransition
from portal.identity.models import Person
from portal.identity.sensitive import sensitive


@sensitive("operation.compensate")
@transaction.atomic(durable=True)
def compensate_operation(public_id: UUID, *, actor: Person | None) -> Operation:
    """Give a failed delivery up and remove whatever it made. ``actor`` None: the term has passed.

    A part of a whole takes all of that with it, also what runs by now.

    Raises:
        IllegalTransition: the operation is not a delivery that waits for a person.
        ResourceProtected, ResourceBusy: of another part; nothing is undone then.
    """
    parts = _lock_with_companions(public_id)
    failed = lock_operation(public_id)
    if failed.kind != OperationKind.PROVISION:
        raise IllegalTransition(state=failed.get_state_display())
    _clean_up_what_runs(parts, actor)
    give_up(failed)
    operation = undo(failed, requested_by=actor)
    _end_other_deliveries(parts, actor)
    return operation


@sensitive("operation.cancel")
@transaction.atomic(durable=True)
def cancel_operation(public_id: UUID, *, actor: Person) -> Operation:
    """Stop a delivery or a change, which is then undone. Anything else is left as it is.

    At once when no worker holds a step, else as soon as it lets go. May be repeated. With the
    delivery of a part of a whole everything else of that stops, or is cleaned up.

    Raises:
        NotCancelable: it has ended, or removes something.
        ResourceProtected, ResourceBusy: of another part; nothing is stopped then.
    """
    parts = _lock_with_companions(public_id)
    operation = lock_operation(public_id)
    if operation.kind != OperationKind.PROVISION:
        parts = []
    _clean_up_what_runs(parts, actor)
    request_cancellation(operation, actor=actor)
    _end_other_deliveries(parts, actor)
    return operation


def _lock_with_companions(public_id: UUID) -> list[Resource]:
    """Lock what the operation is about with all that was ordered as one with it, if anything."""
    line = OrderLine.objects.filter(resource__operations__public_id=public_id).first()
    if line is None or line.assembly_id is None:  # what was adopted nobody ordered
        return []
    return lock_together(list(Resource.objects.filter(order_line__assembly=line.assembly_id)))


def _clean_up_what_runs(parts: list[Resource], actor: Person | None) -> None:
    """Before anything else is ended: this may settle quota, which comes before the audit trail."""
    running = [part for part in parts if part.state == ResourceState.ACTIVE]
    if running:
        begin_retirements(running, actor=actor, with_others=parts)


def _end_other_deliveries(parts: list[Resource], actor: Person | None) -> None:
    """End the deliveries that are left of what was given up. Call with all of it locked.

    In the cloud each part goes after what needs it: that is the engine's (``HAS_TO_WAIT``).
    """
    deliveries = Operation.objects.filter(
        resource__in=parts,
        kind=OperationKind.PROVISION,
        state__in=OPEN_OPERATION_STATES,
        cancel_requested_at=None,
    )
    for delivery in deliveries.select_related("resource__order_line__order").order_by("pk"):
        if delivery.state == OperationState.FAILED:
            give_up(delivery)
            undo(delivery, requested_by=actor)
        elif actor is None:
            end_waiting(delivery)
        else:
            request_cancellation(delivery, actor=actor)
