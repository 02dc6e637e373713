"""Work that pauses for people: who finds it well has it go on at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from catalog.errors import NotOnTrial
from catalog.kinds import get_kind
from catalog.kinds.parameters import Text
from catalog.models import Operation, OperationState, Step, StepState
from catalog.services.operations import lock_operation
from portal.audit.services import record
from portal.core.dispatch import enqueue_on_commit
from portal.identity.models import Person


@dataclass(frozen=True)
class Trial:
    """What people judge now, and until when; after that the work goes on by itself."""

    step: Step
    question: Text
    until: datetime


def trial_of(operation: Operation) -> Trial | None:
    """What the operation pauses for, if anything; uses ``steps`` and the resource's kind."""
    if operation.state != OperationState.RUNNING or operation.cancel_requested_at:
        return None
    steps = operation.steps.all()
    step = next((item for item in steps if item.state != StepState.DONE), None)
    if step is None or step.state != StepState.TODO or step.started_at is None:
        return None
    kind_key, _dot, plan_name = operation.plan.partition(".")
    for definition in get_kind(kind_key).named_plans()[plan_name].steps:
        if definition.name == step.name and definition.question:
            return Trial(step, definition.question, step.due_at)
    return None


@transaction.atomic(durable=True)
def end_trial(public_id: UUID, *, actor: Person) -> Operation:
    """It is well: let the work go on at once.

    Raises:
        NotOnTrial: it does not pause for people, or not any more.
    """
    operation = lock_operation(public_id)
    trial = trial_of(operation)
    is_ended = trial is not None and Step.objects.filter(
        pk=trial.step.pk, state=StepState.TODO, attempts=trial.step.attempts
    ).update(state=StepState.DONE, finished_at=now())
    if not is_ended:
        raise NotOnTrial()
    record("operation.trial_ended", operation, actor=actor, node_id=operation.resource.project_id)
    enqueue_on_commit("catalog.run_operation", queue=operation.queue, operation_id=operation.pk)
    return operation
