"""Beginning, resuming and undoing work on a resource. The engine runs it; here only rows change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils.timezone import now

from catalog.errors import NotRepeatable, ResourceBusy
from catalog.kinds import get_kind
from catalog.kinds.base import ACT_PREFIX, StepDefinition
from catalog.models import (
    MAKING_KINDS,
    OPEN_ORDER_STATES,
    OPERATION_TRANSITIONS,
    RESOURCE_TRANSITIONS,
    Operation,
    OperationKind,
    OperationState,
    Order,
    OrderLine,
    OrderState,
    Resource,
    ResourceState,
    SolutionState,
    Step,
    StepState,
)
from catalog.services.lock_order import awaited_by, place_of
from catalog.services.order_states import follow_lines, move_order_to
from catalog.services.placement import check_goes_on
from catalog.services.queueing import queue_for
from catalog.services.waiting import parameters_awaited
from portal.audit.services import record
from portal.core.dispatch import enqueue_on_commit
from portal.core.locks import lock_tree_shared
from portal.core.states import IllegalTransition, check_transition
from portal.identity.models import Person

# Undoing a half-made resource is retiring it: those steps accept that anything is missing.
# Making a resource again is delivering it: those steps take over what is there.
_PLAN_OF_KIND = {
    OperationKind.COMPENSATE: OperationKind.RETIRE.value,
    OperationKind.RECREATE: OperationKind.PROVISION.value,
}
# Of these a step that is done may be done again: it takes over what is there, or finds nothing
# left. An action or a change that was carried out would be carried out twice.
ORDERED_KINDS: Final = frozenset({OperationKind.PROVISION.value, OperationKind.CHANGE.value})
REPEATABLE_KINDS: Final = frozenset(
    MAKING_KINDS | {OperationKind.RETIRE.value, OperationKind.COMPENSATE.value}
)
# What goes on making something goes on placing it.
_PLACING_KINDS: Final = frozenset(MAKING_KINDS | {OperationKind.CHANGE.value})
LEAVABLE_KINDS: Final = frozenset(
    {OperationKind.ACT.value, OperationKind.CHANGE.value, OperationKind.RECREATE.value}
)


def start_operation(
    resource: Resource,
    kind: OperationKind,
    *,
    requested_by: Person | None,
    action: str = "",
    answers: Mapping[str, Any] | None = None,
    order_line: OrderLine | None = None,
) -> Operation:
    """Write down an operation with its steps and ring the engine. Call inside a transaction.

    The constraint ``operation_one_open_per_resource`` refuses a second one; access is withdrawn
    beside it.

    Args:
        action: key of the kind's action, for OperationKind.ACT.
        answers: to its questions, checked.
        order_line: what is changed or reverted; steps about anything else are left out.
    """
    plan_name = f"{ACT_PREFIX}{action}" if action else _PLAN_OF_KIND.get(kind, kind.value)
    plan = get_kind(resource.kind).named_plans()[plan_name]
    operation = Operation.objects.create(
        resource=resource,
        kind=kind,
        queue=queue_for(kind, requested_by, order_line or resource.order_line),
        plan=f"{resource.kind}.{plan_name}",
        plan_version=plan.version,
        answers=dict(answers or {}),
        requested_by=requested_by,
        order_line=order_line,
    )
    steps = [step for step in plan.steps if _is_part_of(step, resource, order_line)]
    ahead = _going_ahead(steps, resource) if kind == OperationKind.PROVISION else 0
    Step.objects.bulk_create(
        Step(
            operation=operation,
            position=position,
            name=step.name,
            due_at=now(),
            goes_ahead=position <= ahead,
        )
        for position, step in enumerate(steps, start=1)
    )
    record(
        "operation.started",
        operation,
        actor=requested_by,
        node_id=resource.project_id,
        data={"plan": operation.plan, "resource": str(resource.public_id)},
    )
    _ring(operation)
    return operation


def _is_part_of(step: StepDefinition, resource: Resource, line: OrderLine | None) -> bool:
    if step.only_with and not resource.spec.get(step.only_with):
        return False
    if step.extra and step.extra not in _extras(resource):
        return False
    if line is None or line.before is None or not step.parameter:
        return True
    return bool(line.before["spec"].get(step.parameter) != line.spec.get(step.parameter))


def _going_ahead(steps: Sequence[StepDefinition], resource: Resource) -> int:
    """How many of the first steps need nothing of other parts that are not there yet."""
    awaited = parameters_awaited(resource)
    if not awaited:
        return 0
    need_nothing = takewhile(
        lambda step: step.uses is not None and step.uses.isdisjoint(awaited), steps
    )
    return len(list(need_nothing))


def _extras(resource: Resource) -> list[str]:
    line = resource.order_line
    extras: list[str] = line.offering_version.choices.get("extras", []) if line else []
    return extras


@transaction.atomic(durable=True)
def resume_operation(public_id: UUID, *, actor: Person) -> Operation:
    """Try the failed step again, from where it stopped.

    Raises:
        IllegalTransition: the operation is not waiting for a person.
        PlacementRefused: it makes something that may not stand there any more.
        ResourceBusy: other work on the resource goes on.
    """
    operation = lock_operation(public_id)
    set_going(operation)
    record("operation.resumed", operation, actor=actor, node_id=operation.resource.project_id)
    _ring(operation)
    return operation


@transaction.atomic(durable=True)
def retry_operation(public_id: UUID, *, position: int, actor: Person) -> Operation:
    """Try again from an earlier step on, for when what a step made is no longer right.

    Those steps look before they create, as after a lost reply, so what is there is taken over.

    Args:
        position: of the step to begin with; the failed one, or one before it.

    Raises:
        IllegalTransition: the operation is not waiting for a person.
        NotRepeatable: there is no such step, or doing it twice would do harm.
        PlacementRefused: it makes something that may not stand there any more.
        ResourceBusy: other work on the resource goes on.
    """
    operation = lock_operation(public_id)
    if position not in repeatable_positions(operation):
        raise NotRepeatable(field="position")
    at = now()
    operation.steps.filter(position__gte=position, state=StepState.DONE).update(
        state=StepState.TODO,
        due_at=at,
        started_at=None,
        finished_at=None,
        external_id="",
        outcome_unknown_at=at,
    )
    set_going(operation)
    record(
        "operation.retried",
        operation,
        actor=actor,
        node_id=operation.resource.project_id,
        data={"position": position},
    )
    _ring(operation)
    return operation


def repeatable_positions(operation: Operation) -> list[int]:
    """From which steps an operation that stopped may be tried again; uses ``steps``."""
    steps = operation.steps.all()
    stopped = next((step.position for step in steps if step.state == StepState.FAILED), None)
    if stopped is None or operation.state != OperationState.FAILED:
        return []
    if operation.kind not in REPEATABLE_KINDS:
        return [stopped]
    return [step.position for step in steps if step.position <= stopped]


def set_going(operation: Operation) -> None:
    """Have the failed step done again. Call inside a transaction that holds the locks.

    Raises:
        IllegalTransition: the operation is not waiting for a person.
        PlacementRefused: it makes something that may not stand there any more.
        ResourceBusy: other work on the resource goes on.
    """
    check_transition(OPERATION_TRANSITIONS, operation.state, OperationState.RUNNING)
    check_still_placed(operation)
    going_on = operation.resource.operations.filter(state=OperationState.RUNNING)
    if going_on.exclude(pk=operation.pk).exists():
        raise ResourceBusy(name=operation.resource.name)
    lapse_solution(operation)
    operation.steps.filter(state=StepState.FAILED).update(
        state=StepState.TODO, due_at=now(), failures=0, remakes=0, started_at=None
    )
    operation.state, operation.failed_at = OperationState.RUNNING, None
    operation.save(update_fields=["state", "failed_at"])
    restore(operation)


def check_still_placed(operation: Operation) -> None:
    """Refuse to have something made, by the engine or by hand, where it may not stand any more.

    Call with it locked.

    Raises:
        PlacementRefused: as named.
    """
    if operation.kind in _PLACING_KINDS:
        check_goes_on(operation.resource)


def restore(operation: Operation) -> None:
    """What failed goes on: so do its resource and its order. Call with all of them locked."""
    if operation.kind == OperationKind.PROVISION:
        move_resource(operation.resource, ResourceState.PROVISIONING)
    if operation.kind in ORDERED_KINDS and not _another_hangs(operation):
        move_order(operation, OrderState.PROVISIONING)


def _another_hangs(operation: Operation) -> bool:
    """True while something else of the same order still waits for a person."""
    line = operation.order_line or operation.resource.order_line
    if line is None:
        return False
    of_order = Q(resource__order_line__order=line.order_id) | Q(order_line__order=line.order_id)
    hanging = Operation.objects.filter(
        of_order, state=OperationState.FAILED, kind__in=ORDERED_KINDS
    )
    return hanging.exclude(pk=operation.pk).exists()


def undo(delivery: Operation, *, requested_by: Person | None) -> Operation:
    """Remove whatever a delivery that ended made. Call inside a transaction that holds the locks.

    A trigger refuses this of anything else: what was delivered once is somebody's.
    """
    resource = delivery.resource
    move_resource(resource, ResourceState.RETIRING)
    operation = start_operation(resource, OperationKind.COMPENSATE, requested_by=requested_by)
    record(
        "operation.compensation_started",
        operation,
        actor=requested_by,
        node_id=resource.project_id,
    )
    return operation


def revert(change: Operation, *, requested_by: Person | None) -> Operation:
    """Take back what can be of a change that ended, and learn how the cloud has it then.

    Call inside a transaction that holds the locks.
    """
    operation = start_operation(
        change.resource,
        OperationKind.REVERT,
        requested_by=requested_by,
        order_line=change.order_line,
    )
    record(
        "operation.reversal_started",
        operation,
        actor=requested_by,
        node_id=change.resource.project_id,
    )
    return operation


@transaction.atomic(durable=True)
def abandon_operation(public_id: UUID, *, actor: Person | None) -> Operation:
    """Leave what failed for what it is, or give a change up, which is then reverted.

    That goes for an action and for making something again. The resource stays as the cloud has
    it. ``actor`` None: the term has passed.

    Raises:
        IllegalTransition: it is neither, or does not wait for a person.
    """
    operation = lock_operation(public_id)
    if operation.kind not in LEAVABLE_KINDS:
        raise IllegalTransition(state=operation.get_state_display())
    if operation.kind == OperationKind.CHANGE:
        give_up(operation)
        revert(operation, requested_by=actor)
    else:
        leave(operation, actor=actor)
    return operation


def leave(operation: Operation, *, actor: Person | None) -> None:
    """Leave what failed for what it is. Call with the resource locked. ``actor`` None: the clock.

    Raises:
        IllegalTransition: it does not wait for a person.
    """
    give_up(operation)
    record("operation.abandoned", operation, actor=actor, node_id=operation.resource.project_id)


def give_up(operation: Operation) -> None:
    """End an operation that failed, without undoing anything. Call with the resource locked."""
    end_operation(operation, OperationState.ABANDONED)


def end_operation(operation: Operation, state: OperationState) -> None:
    """End it in this state. Call with the resource locked.

    Raises:
        IllegalTransition: it cannot end so from where it is.
    """
    check_transition(OPERATION_TRANSITIONS, operation.state, state)
    if operation.state == OperationState.FAILED and state != OperationState.SOLVED:
        lapse_solution(operation)
    operation.state, operation.finished_at = state, now()
    operation.save(update_fields=["state", "finished_at"])
    if operation.kind == OperationKind.RECREATE:
        _forget_what_was_told(operation)


def _forget_what_was_told(operation: Operation) -> None:
    """Steps that looked, or would have, because they were told to have no late copy to look for.

    A later look would do such a step again, and some hand out new credentials.
    """
    told = Q(started_at=None) | Q(outcome_unknown_at__lt=F("started_at"))
    operation.steps.filter(told).update(outcome_unknown_at=None)


def asker_of(operation: Operation) -> Person | None:
    """Who asked for it, and of a delivery who ordered; None is the clock."""
    line = operation.resource.order_line
    if operation.kind == OperationKind.PROVISION and line:
        return line.order.requested_by
    return operation.requested_by


def lapse_solution(operation: Operation) -> None:
    """What an operator said about how it hung is no longer about how it is."""
    operation.solutions.filter(state=SolutionState.PROPOSED).update(state=SolutionState.LAPSED)


def fail_operation(operation: Operation) -> None:
    """The engine gave up: a person must look. Call inside a transaction that holds the lock.

    Quota stays claimed, since the cloud may hold a half-made thing.
    """
    check_transition(OPERATION_TRANSITIONS, operation.state, OperationState.FAILED)
    operation.state, operation.failed_at = OperationState.FAILED, now()
    operation.save(update_fields=["state", "failed_at"])
    resource = operation.resource
    if operation.kind == OperationKind.PROVISION:
        move_resource(resource, ResourceState.FAILED)
    if operation.kind in ORDERED_KINDS and (order := move_order(operation, OrderState.FAILED)):
        record("order.failed", order, actor=None, node_id=order.project_id)
    record("operation.failed", operation, actor=None, node_id=resource.project_id)


def lock_operation(public_id: UUID) -> Operation:
    """Lock in the one order: order, resource, operation."""
    operation = Operation.objects.select_related("resource__order_line").get(public_id=public_id)
    lock_for_end(operation)
    return (
        Operation.objects.select_for_update(of=("self",))
        .select_related("resource__order_line__order", "order_line__order")
        .get(pk=operation.pk)
    )


def lock_for_end(operation: Operation) -> Resource:
    """``lock_order_and_resource`` of its resource, with all that its end may be about."""
    return lock_order_and_resource(operation.resource, about=awaited_by(operation))


def lock_order_and_resource(resource: Resource, *, about: Sequence[Resource] = ()) -> Resource:
    """Lock the resource, and before it the orders that it came from and that may change it.

    Returns the resource as it is now, with its order. Everything that changes one of them does
    this first.

    Args:
        about: resources that the work names as well, e.g. what it is to be attached to; all are
            locked together, in the one order of resources.
    """
    locked = lock_together([resource, *about])
    return next(found for found in locked if found.pk == resource.pk)


def lock_together(resources: Sequence[Resource]) -> list[Resource]:
    """``lock_order_and_resource`` for several at once, in the one order of resources."""
    return _lock(sorted(resources, key=place_of))


def _lock(resources: Sequence[Resource]) -> list[Resource]:
    """Lock the orders of all, and then each in turn.

    What was ordered while it waited is seen once the resources are locked; as orders come before
    them, all are then let go and locked anew.
    """
    lock_tree_shared()
    keys = [resource.pk for resource in resources]
    came_from = OrderLine.objects.filter(resource__in=keys).values("order")
    changing = OrderLine.objects.filter(changes__in=keys).values("order")
    orders = Order.objects.filter(
        Q(pk__in=came_from) | Q(pk__in=changing, state__in=OPEN_ORDER_STATES)
    )
    while True:
        before = transaction.savepoint()
        locked = {order.pk for order in orders.order_by("pk").select_for_update()}
        found = [lock_resource(resource) for resource in resources]
        if locked.issuperset(orders.values_list("pk", flat=True)):
            transaction.savepoint_commit(before)
            return found
        transaction.savepoint_rollback(before)


def lock_resource(resource: Resource) -> Resource:
    """Lock the resource alone, for what is no concern of its order's: its facts."""
    return (
        Resource.objects.select_for_update(of=("self",))
        .select_related(
            "order_line__order",
            "order_line__offering_version__offering",
            "cloud_project__cloud",
            "project",
        )
        .get(pk=resource.pk)
    )


def move_resource(resource: Resource, target: ResourceState) -> None:
    check_transition(RESOURCE_TRANSITIONS, resource.state, target)
    resource.state = target
    resource.save(update_fields=["state"])


def move_order(operation: Operation, target: OrderState) -> Order | None:
    """Move the order along with the work on it; None when it stays where it is.

    Call once the resource was moved: of several lines the others count as well, and ``target`` is
    only of an order with one.
    """
    line = operation.order_line or operation.resource.order_line
    if line is None:
        return None
    if line.changes_id is None:
        return line.order if follow_lines(line.order) else None
    if line.order.state == target:
        return None
    move_order_to(line.order, target)
    return line.order


def _ring(operation: Operation) -> None:
    enqueue_on_commit("catalog.run_operation", queue=operation.queue, operation_id=operation.pk)
