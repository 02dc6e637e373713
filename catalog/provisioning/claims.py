"""Taking a step: one worker at a time, and everybody can tell whether it still holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Exists, OuterRef, Q, When
from django.utils.timezone import now

from catalog.kinds.base import StepDefinition
from catalog.models import (
    Operation,
    OperationKind,
    OperationQueue,
    OperationState,
    Step,
    StepState,
)
from catalog.provisioning.pacing import take_turn
from catalog.provisioning.plans import exclusive_steps, get_definition
from catalog.services.waiting import HAS_TO_WAIT
from portal.cloud.models import CloudProject
from portal.core.dispatch import enqueue_on_commit

WITH_EVERYTHING = (
    "operation__resource__cloud_project__cloud",
    "operation__resource__order_line__offering_version",
    "operation__order_line",
)

# The operation of a step, while it runs and nobody had it stopped.
_GOING = Operation.objects.filter(
    pk=OuterRef("operation_id"), state=OperationState.RUNNING, cancel_requested_at=None
)
# True of a step whose operation waits for nothing else, or that needs nothing of that.
_NEED_NOT_WAIT = Q(goes_ahead=True) | ~Exists(
    Operation.objects.filter(HAS_TO_WAIT, pk=OuterRef("operation_id"))
)
# True of a step that need not wait, whose operation runs and was not stopped by anybody, and whose
# earlier steps are done.
IS_NEXT = Q(
    Exists(_GOING),
    _NEED_NOT_WAIT,
    ~Exists(
        Step.objects.filter(
            operation_id=OuterRef("operation_id"), position__lt=OuterRef("position")
        ).exclude(state=StepState.DONE)
    ),
)

_TAKEABLE = frozenset({StepState.TODO.value, StepState.RUNNING.value})
PEOPLE_FIRST = Case(When(operation__queue=OperationQueue.INTERACTIVE, then=0), default=1)


class Overtaken(Exception):
    """This worker overstayed its lease and another took the step. It writes nothing."""


@dataclass(frozen=True)
class Held:
    """A step as this worker took it.

    ``step`` is how the row was then. ``state`` is what it must still be, with the same attempt
    number, for an outcome to be written: running, or awaiting for who polls. ``rest`` are the
    steps after it, where they were read already. ``beside`` is the cloud's id of what another part
    of the order made, where that serves this one too, else "".
    """

    step: Step
    definition: StepDefinition
    state: StepState
    rest: Sequence[Step] | None = None
    beside: str = ""

    def write(self, **changes: Any) -> None:
        """Update the row.

        Raises:
            Overtaken: the attempt is no longer held; nothing was written.
        """
        row = Step.objects.filter(pk=self.step.pk, state=self.state, attempts=self.step.attempts)
        if not row.update(**changes):
            raise Overtaken(f"step {self.step.pk}, attempt {self.step.attempts}")


@transaction.atomic(durable=True)
def claim_next_step(operation_id: int) -> Held | None:
    """Take the operation's next step; None when it is not due, taken, or there is none.

    Nor is there one for who had the operation stopped, or while it waits for something else.
    """
    step = (
        Step.objects.select_related(*WITH_EVERYTHING)
        .filter(
            _NEED_NOT_WAIT,
            operation_id=operation_id,
            operation__state=OperationState.RUNNING,
            operation__cancel_requested_at=None,
        )
        .exclude(state=StepState.DONE)
        .first()
    )
    return _claim(step) if step else None


def claim_following(held: Held, rest: Sequence[Step]) -> Held | None:
    """Take the step after one that was just done, in the transaction that wrote that down.

    That holds the lock of the resource, so nobody has the operation stopped meanwhile. What is
    known of the operation serves for the next step too, and so do the rows of its steps: nothing
    but an attempt changes them while it runs, and what they were stands in the UPDATE. That the
    steps before it are done, and that the operation may begin, need not be asked again.

    Returns:
        None when there is none, it must wait, somebody had the operation stopped, or the last step
        that goes ahead is done: what the next one needs may come about at this very moment, so
        that is asked once this is written down, by ``claim_next_step``.
    """
    if not rest or (held.step.goes_ahead and not rest[0].goes_ahead):
        return None
    step, *after = rest
    step.operation = held.step.operation
    return _claim(step, after, follows=True)


def _claim(step: Step, rest: Sequence[Step] | None = None, *, follows: bool = False) -> Held | None:
    if step.state not in _TAKEABLE:
        return None
    definition = get_definition(step)
    beside = _made_beside(step, definition)
    if not beside and definition.exclusive and not _is_alone(step):
        return None
    if not beside and _must_wait_for_its_turn(step):
        return None
    is_taken = take_if(Exists(_GOING), step, now()) if follows else take(step, now())
    if not is_taken:
        return None
    return Held(step, definition, StepState.RUNNING, rest, beside)


def _made_beside(step: Step, definition: StepDefinition) -> str:
    """What this step made for another part of the same order, where that serves this one too.

    With the Keystone project, which may have come about since ``step`` was read. "" while
    looking again: after a lost reply, or when a person wants it done once more. All deliveries of
    an order begin together.
    """
    operation = step.operation
    resource, line = operation.resource, operation.resource.order_line
    looks_again = step.outcome_unknown_at or step.create_intended_at
    is_delivery = operation.kind == OperationKind.PROVISION
    if definition.alike is None or line is None or not is_delivery or looks_again:
        return ""
    done = Step.objects.filter(
        name=step.name,
        state=StepState.DONE,
        operation__kind=OperationKind.PROVISION,
        operation__resource__order_line__order=line.order_id,
        operation__resource__cloud_project=resource.cloud_project_id,
        operation__resource__spec__contains={
            name: resource.spec.get(name) for name in definition.alike
        },
    )
    project = "operation__resource__cloud_project__openstack_project_id"
    found = done.values_list("external_id", project).first()
    if found is None:
        return ""
    beside, resource.cloud_project.openstack_project_id = found
    return str(beside)


def _must_wait_for_its_turn(step: Step) -> bool:
    """True when the cloud has had enough for now: then the step is due a little later.

    Who takes over from a worker that died does not wait again.
    """
    at = now()
    if step.state != StepState.TODO or step.due_at > at:
        return False
    operation = step.operation
    pause = take_turn(operation.resource.cloud_project.cloud, operation.queue, at)
    if not pause:
        return False
    waits = Step.objects.filter(pk=step.pk, state=StepState.TODO, attempts=step.attempts)
    waits.update(due_at=at + pause)
    enqueue_on_commit(
        "catalog.run_operation", queue=operation.queue, delay=pause, operation_id=operation.pk
    )
    return True


def take(step: Step, at: datetime) -> bool:
    """Take the step if it is the next one."""
    return take_if(IS_NEXT, step, at)


def take_if(condition: Exists | Q, step: Step, at: datetime) -> bool:
    """The one conditional UPDATE that makes a step ours, as it was seen.

    What rivals change (state, attempt, lease, when due) stands in its own WHERE: PostgreSQL judges
    that again when it had to wait for a rival, so exactly one of them matches; and ``step`` is the
    row, for nobody wrote to it in between. A create that was under way when a worker died has an
    unknown outcome.
    """
    taken = {
        "state": StepState.RUNNING,
        "leased_until": at + settings.STEP_LEASE,
        "attempts": step.attempts + 1,
        "started_at": step.started_at or at,
        "outcome_unknown_at": at if step.create_intended_at else step.outcome_unknown_at,
    }
    is_taken = Step.objects.filter(
        Q(state=StepState.TODO) | Q(state=StepState.RUNNING, leased_until__lte=at),
        condition,
        pk=step.pk,
        state=step.state,
        attempts=step.attempts,
        due_at__lte=at,
    ).update(**taken)
    if is_taken:
        for name, value in taken.items():
            setattr(step, name, value)
    return bool(is_taken)


def _is_alone(step: Step) -> bool:
    """True when no other step makes shared things in the cloud project, or may have made some.

    Locks the cloud project's row, so that two rivals ask one after the other.
    """
    resource = step.operation.resource
    CloudProject.objects.select_for_update(no_key=True).get(pk=resource.cloud_project_id)
    at = now()
    busy = (
        Q(state=StepState.RUNNING, leased_until__gt=at)
        | Q(state=StepState.AWAITING)
        | Q(
            state__in=[StepState.TODO, StepState.RUNNING],
            create_intended_at__gt=at - settings.UNKNOWN_OUTCOME_WAIT,
        )
    )
    others = Step.objects.filter(
        busy,
        exclusive_steps(),
        operation__state=OperationState.RUNNING,
        operation__resource__cloud_project=resource.cloud_project_id,
    ).exclude(pk=step.pk)
    return not others.exists()
