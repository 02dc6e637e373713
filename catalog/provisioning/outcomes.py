"""Writing down how a step ended. Each function is one transaction, fenced by the attempt."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, JSONField, Q, Value
from django.db.models.expressions import CombinedExpression
from django.utils.timezone import now

from catalog.kinds.base import Broken, Done, Outcome, Pause, Wait
from catalog.models import (
    CHANGING_KINDS,
    MAKING_KINDS,
    Operation,
    OperationState,
    Resource,
    Step,
    StepFault,
    StepState,
)
from catalog.provisioning.claims import IS_NEXT, PEOPLE_FIRST, Held, claim_following
from catalog.provisioning.delays import POLL_DELAYS, SOON, retry_delay
from catalog.provisioning.pacing import leave_alone
from catalog.provisioning.plans import exclusive_steps
from catalog.services.change_work import take_over
from catalog.services.completion import bring_about
from catalog.services.operations import (
    end_operation,
    fail_operation,
    lock_for_end,
    lock_order_and_resource,
    lock_resource,
)
from catalog.services.secrets import keep_for_asker
from catalog.services.waiting import is_waited_for, ring_those_that_waited
from portal.audit.services import record
from portal.cloud.models import CloudProject
from portal.cloud.ports import CloudError, CloudUnavailable
from portal.cloud.secrets import forget_secrets
from portal.core.dispatch import enqueue_on_commit

MOST_REMAKES: Final = 2
# Whatever keeps a step from being done, after so long a person must know.
LONGEST_TRYING: Final = timedelta(hours=24)
TRIED_TOO_LONG: Final = "it could not be done for a day"
FIRST_POLL: Final = POLL_DELAYS[0][1]
_RELEASED: Final[Mapping[str, Any]] = {"leased_until": None}
_CLEAN: Final[Mapping[str, Any]] = {
    "failures": 0,
    "create_intended_at": None,
    "fault": "",
    "last_error": "",
    "last_request_id": "",
}


def write_outcome(held: Held, outcome: Outcome, *, goes_on: bool = False) -> Held | None:
    """Write what the step answered. Who ``goes_on`` gets the next step, where it can be taken.

    Raises:
        Overtaken: the attempt is no longer held; nothing was written.
    """
    if isinstance(outcome, Done):
        return complete_step(held, outcome, goes_on=goes_on)
    if isinstance(outcome, Wait):
        await_cloud(held, outcome)
    elif isinstance(outcome, Pause):
        pause(held, outcome)
    else:
        remake_or_fail(held, outcome)
    return None


@transaction.atomic(durable=True)
def complete_step(held: Held, done: Done, *, goes_on: bool = False) -> Held | None:
    """The step is done; after the last one, so is the operation, unless somebody had it stopped.

    Who ``goes_on`` takes the next step in the same transaction, and gets it. Steps that were done
    for another part of the order are done at once: nobody sees them under way, and so nobody must
    be told that they ended. Not where that takes the lock of the order, which comes first.
    """
    following = _complete(held, done, goes_on=goes_on)
    _ring_next_exclusive(held)
    while following and following.beside and following.rest and not is_waited_for(following.step):
        following = _complete(following, Done(external_id=following.beside), goes_on=True)
    return following


def _complete(held: Held, done: Done, *, goes_on: bool) -> Held | None:
    step = held.step
    rest = held.rest
    if rest is None:
        rest = list(step.operation.steps.filter(position__gt=step.position))
    external_id = done.external_id or step.external_id
    makes_known = is_waited_for(step)
    with_order = makes_known or not rest
    step.operation.resource = resource = _lock(step.operation, with_order=with_order)
    _remember(resource, step, external_id, done)
    held.write(
        state=StepState.DONE, finished_at=now(), external_id=external_id, **_RELEASED, **_CLEAN
    )
    if makes_known:
        ring_those_that_waited(resource, after_step=step.name)
    if not rest:
        _succeed(_operation_now(step, resource), resource)
    return claim_following(held, rest) if goes_on else None


def _lock(operation: Operation, *, with_order: bool) -> Resource:
    """The resource, locked as far as needed: what is remembered of a step locks it as well."""
    if with_order:
        return lock_for_end(operation)
    if operation.kind in CHANGING_KINDS:
        return lock_resource(operation.resource)
    return operation.resource


@transaction.atomic(durable=True)
def await_cloud(held: Held, wait: Wait) -> None:
    """The cloud is busy; the poll of the cloud project looks again."""
    cloud_project_id = held.step.operation.resource.cloud_project_id
    at = now()
    until_next_look = _until_next_look(cloud_project_id, at)
    held.write(
        state=StepState.AWAITING,
        due_at=at,
        external_id=wait.external_id or held.step.external_id,
        **_RELEASED,
        **_CLEAN,
    )
    enqueue_on_commit(
        "catalog.poll_cloud_project",
        queue=held.step.operation.queue,
        delay=until_next_look,
        cloud_project_id=cloud_project_id,
    )


def _until_next_look(cloud_project_id: int, at: datetime) -> timedelta:
    """Bring the next look forward, unless it comes soon anyway: twenty waits need one look."""
    project = CloudProject.objects.filter(pk=cloud_project_id)
    later = Q(next_poll_at=None) | Q(next_poll_at__gt=at + SOON)
    if project.filter(later).update(next_poll_at=at + FIRST_POLL):
        return FIRST_POLL
    due_at = project.values_list("next_poll_at", flat=True).get()
    return max(due_at - at, FIRST_POLL) if due_at else FIRST_POLL


@transaction.atomic(durable=True)
def pause(held: Held, until: Pause) -> None:
    """Put the step away until then. The sweep finds it; a message would travel too long."""
    held.write(state=StepState.TODO, due_at=until.until, **_RELEASED, **_CLEAN)
    _ring_next_exclusive(held)


def try_later(
    held: Held,
    delay: timedelta | None = None,
    error: CloudError | None = None,
    fault: StepFault = StepFault.UNAVAILABLE,
) -> None:
    """Let the step go and have it tried again, by default after a delay that grows each time.

    Where the cloud asked for a longer pause it gets that. After a day of it a person must look.
    """
    leave_alone(held.step.operation.resource.cloud_project.cloud, error, now())
    since = held.step.started_at
    if since and now() - since > LONGEST_TRYING:
        message = str(error) if error else TRIED_TOO_LONG
        fail_step(held, message, fault=StepFault.TOO_SLOW, request_id=_request_id(error))
        return
    _put_back(held, delay, error, {} if error is None else _error_facts(error, fault))


@transaction.atomic(durable=True)
def _put_back(
    held: Held, delay: timedelta | None, error: CloudError | None, changes: Mapping[str, Any]
) -> None:
    step = held.step
    failures = step.failures + (delay is None)
    pause = delay or retry_delay(failures)
    if isinstance(error, CloudUnavailable):
        pause = max(pause, error.retry_after)
    held.write(
        state=StepState.TODO,
        due_at=now() + pause,
        failures=failures,
        **_RELEASED,
        **changes,
    )
    enqueue_on_commit(
        "catalog.run_operation",
        queue=step.operation.queue,
        delay=pause,
        operation_id=step.operation_id,
    )
    _ring_next_exclusive(held)


def remake_or_fail(held: Held, broken: Broken) -> None:
    """What was made is in ERROR: remove it and make it again, but not for ever."""
    if held.step.remakes >= MOST_REMAKES:
        fail_step(held, broken.fault, fault=StepFault.BROKEN)
        return
    with transaction.atomic(durable=True):
        held.write(
            state=StepState.TODO,
            due_at=now(),
            remakes=held.step.remakes + 1,
            fault=StepFault.BROKEN,
            last_error=broken.fault[:1000],
            create_intended_at=None,
            **_RELEASED,
        )
        enqueue_on_commit(
            "catalog.run_operation",
            queue=held.step.operation.queue,
            operation_id=held.step.operation_id,
        )


@transaction.atomic(durable=True)
def fail_step(
    held: Held, message: str, *, fault: StepFault = StepFault.REFUSED, request_id: str = ""
) -> None:
    """A person must look. What was made stays, and so does the claim on quota."""
    resource = lock_order_and_resource(held.step.operation.resource)
    held.write(
        state=StepState.FAILED,
        fault=fault,
        last_error=message[:1000],
        last_request_id=request_id[:80],
        **_RELEASED,
    )
    fail_operation(_operation_now(held.step, resource))
    _ring_next_exclusive(held)


def _operation_now(step: Step, resource: Resource) -> Operation:
    """The operation as it is by now, of the resource as it was locked."""
    operation = Operation.objects.get(pk=step.operation_id)
    operation.resource = resource
    return operation


def _remember(resource: Resource, step: Step, external_id: str, done: Done) -> None:
    """Keep what the step made and learned where later steps and pages find it.

    Added to what is there by then, so that nothing need be read; this locks the resource.
    """
    is_made = external_id and step.operation.kind in MAKING_KINDS
    made = {step.name: external_id} if is_made else {}
    Resource.objects.filter(pk=resource.pk).update(
        cloud_ids=_with("cloud_ids", made), facts=_with("facts", done.facts)
    )
    resource.cloud_ids = {**resource.cloud_ids, **made}
    resource.facts = {**resource.facts, **done.facts}
    for slot in done.ended:
        forget_secrets(resource.public_id, slot=slot)
    if done.secret:
        keep_for_asker(resource, step.operation, done.secret)
    if step.operation.kind in CHANGING_KINDS:
        take_over(resource, done.spec, operation=step.operation)
    if done.project:
        resource.cloud_project.openstack_project_id = done.project
        resource.cloud_project.save(update_fields=["openstack_project_id"])


def _with(column: str, more: Mapping[str, Any]) -> CombinedExpression:
    return CombinedExpression(F(column), "||", Value(dict(more), JSONField()))


def _succeed(operation: Operation, resource: Resource) -> None:
    if operation.cancel_requested_at:
        return  # the worker that rings off ends it
    end_operation(operation, OperationState.SUCCEEDED)
    bring_about(operation, resource)
    record("operation.succeeded", operation, actor=None, node_id=resource.project_id)


def _ring_next_exclusive(held: Held) -> None:
    """Wake the operation that waited longest for this exclusive step to be let go."""
    if not held.definition.exclusive:
        return
    waiting = (
        Step.objects.filter(
            exclusive_steps(),
            IS_NEXT,
            state=StepState.TODO,
            due_at__lte=now(),
            operation__resource__cloud_project=held.step.operation.resource.cloud_project_id,
        )
        .exclude(operation=held.step.operation_id)
        .select_related("operation")
        .order_by(PEOPLE_FIRST, "due_at", "pk")
        .first()
    )
    if waiting:
        enqueue_on_commit(
            "catalog.run_operation",
            queue=waiting.operation.queue,
            operation_id=waiting.operation_id,
        )


def _error_facts(error: CloudError, fault: StepFault) -> dict[str, str]:
    return {
        "fault": fault,
        "last_error": str(error)[:1000],
        "last_request_id": _request_id(error),
    }


def _request_id(error: CloudError | None) -> str:
    return error.request_id[:80] if error else ""
