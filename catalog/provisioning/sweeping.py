"""Finding again whatever no message travels for. Messages may be lost; rows are not."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.db.models import DurationField, ExpressionWrapper, F, Q, Value
from django.utils.timezone import now

from catalog.models import Operation, OperationKind, OperationState, Step, StepState
from catalog.provisioning.claims import IS_NEXT, PEOPLE_FIRST
from catalog.provisioning.late_arrivals import due_for_a_look
from catalog.services.cancellation import waiting_cancellations
from catalog.services.operations import abandon_operation
from catalog.services.undoing import compensate_operation
from portal.core.dispatch import enqueue_on_commit
from portal.core.errors import DomainError
from portal.core.faults import each_by_itself

logger = logging.getLogger(__name__)

# What was due so recently has a message on its way.
GRACE: Final = timedelta(seconds=3)
MOST_AT_ONCE: Final = 200
# Every sweep rings again. Where workers fall behind, rings that lasted would pile up before the
# work that they are about, faster than they are found useless.
RING_LASTS: Final = timedelta(minutes=1)


def sweep() -> None:
    """Ring again for everything that is due, and undo what failed too long ago."""
    _ring_operations()
    _ring_cancellations()
    _ring_polls()
    _ring_late_arrivals()
    compensate_overdue()


def _ring_operations() -> None:
    long_due = now() - GRACE
    steps = (
        Step.objects.filter(
            Q(state=StepState.TODO) | Q(state=StepState.RUNNING, leased_until__lte=now()),
            IS_NEXT,
            due_at__lte=long_due,
        )
        .select_related("operation")
        .order_by(PEOPLE_FIRST, "due_at")
    )
    for step in steps[:MOST_AT_ONCE]:
        enqueue_on_commit(
            "catalog.run_operation",
            queue=step.operation.queue,
            lasts=RING_LASTS,
            operation_id=step.operation_id,
        )


def _ring_cancellations() -> None:
    """Whoever held a step when its operation was to stop may have died since."""
    asked_before = Q(cancel_requested_at__lte=now() - GRACE)
    for operation in Operation.objects.filter(waiting_cancellations(), asked_before)[:MOST_AT_ONCE]:
        enqueue_on_commit(
            "catalog.run_operation",
            queue=operation.queue,
            lasts=RING_LASTS,
            operation_id=operation.pk,
        )


def _ring_polls() -> None:
    """One message for each cloud project in which something waits and nobody looked."""
    overdue = Q(operation__resource__cloud_project__next_poll_at=None) | Q(
        operation__resource__cloud_project__next_poll_at__lte=now() - GRACE
    )
    waiting = Step.objects.filter(
        overdue, state=StepState.AWAITING, operation__state=OperationState.RUNNING
    )
    cloud_projects = waiting.order_by().values_list("operation__resource__cloud_project", flat=True)
    for cloud_project_id in cloud_projects.distinct()[:MOST_AT_ONCE]:
        enqueue_on_commit(
            "catalog.poll_cloud_project", lasts=RING_LASTS, cloud_project_id=cloud_project_id
        )


def _ring_late_arrivals() -> None:
    for step_id in due_for_a_look().values_list("pk", flat=True)[:MOST_AT_ONCE]:
        enqueue_on_commit(
            "catalog.look_for_late_arrivals", queue="bulk", lasts=RING_LASTS, step_id=step_id
        )


def compensate_overdue() -> None:
    """Undo deliveries and changes that failed longer ago than their offering's term.

    What is refused keeps no other from being undone: it waits for a person, behind what failed
    later, and the next sweep asks again. Nor does what meets a bug.

    Raises:
        ExceptionGroup: what went wrong, once all had their turn.
    """
    term = ExpressionWrapper(
        F("resource__order_line__offering_version__compensate_after_hours")
        * Value(timedelta(hours=1)),
        output_field=DurationField(),
    )
    overdue = Operation.objects.filter(
        kind__in=[OperationKind.PROVISION, OperationKind.CHANGE],
        state=OperationState.FAILED,
        failed_at__lte=now() - term,
    )
    each_by_itself(_compensate, overdue.order_by("-failed_at", "-pk")[:MOST_AT_ONCE])


def _compensate(operation: Operation) -> int:
    is_change = operation.kind == OperationKind.CHANGE
    undo = abandon_operation if is_change else compensate_operation
    try:
        undo(operation.public_id, actor=None)
    except DomainError as refusal:  # a person was first, or something that runs is needed
        logger.info("not undoing %s: %s", operation.public_id, refusal.code)
        return 0
    return 1
