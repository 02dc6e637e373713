"""Beginning, resuming and undoing work on a resource. The engine runs it; here only rows change."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from catalog.kinds import get_kind
from catalog.kinds.base import ACT_PREFIX
from catalog.models import (
    OPERATION_TRANSITIONS,
    ORDER_TRANSITIONS,
    RESOURCE_TRANSITIONS,
    Operation,
    OperationKind,
    OperationState,
    Order,
    OrderState,
    Resource,
    ResourceState,
    Step,
    StepState,
)
from portal.audit.services import record
from portal.core.dispatch import enqueue_on_commit
from portal.core.locks import lock_tree_shared
from portal.core.states import IllegalTransition, check_transition
from portal.identity.models import Person
from portal.identity.sensitive import sensitive

# Undoing a half-made resource is retiring it: those steps accept that anything is missing.
_PLAN_OF_KIND = {OperationKind.COMPENSATE: OperationKind.RETIRE.value}


def start_operation(
    resource: Resource,
    kind: OperationKind,
    *,
    requested_by: Person | None,
    action: str = "",
) -> Operation:
    """Write down an operation with its steps and ring the engine. Call inside a transaction.

    The constraint ``operation_one_open_per_resource`` refuses a second one.

    Args:
        action: key of the kind's action, for OperationKind.ACT.
    """
    plan_name = f"{ACT_PREFIX}{action}" if action else _PLAN_OF_KIND.get(kind, kind.value)
    plan = get_kind(resource.kind).named_plans()[plan_name]
    operation = Operation.objects.create(
        resource=resource,
        kind=kind,
        plan=f"{resource.kind}.{plan_name}",
        plan_version=plan.version,
        requested_by=requested_by,
    )
    Step.objects.bulk_create(
        Step(operation=operation, position=position, name=step.name, due_at=now())
        for position, step in enumerate(plan.steps, start=1)
    )
    record(
        "operation.started",
        operation,
        actor=requested_by,
        node_id=resource.project_id,
        data={"plan": operation.plan, "resource": str(resource.public_id)},
    )
    enqueue_on_commit("catalog.run_operation", queue=operation.queue, operation_id=operation.pk)
    return operation


@transaction.atomic(durable=True)
def resume_operation(public_id: UUID, *, actor: Person) -> Operation:
    """Try the failed step again, from where it stopped.

    Raises:
        IllegalTransition: the operation is not waiting for a person.
    """
    operation = _lock_operation(public_id)
    check_transition(OPERATION_TRANSITIONS, operation.state, OperationState.RUNNING)
    operation.steps.filter(state=StepState.FAILED).update(
        state=StepState.TODO, due_at=now(), failures=0, remakes=0
    )
    operation.state, operation.failed_at = OperationState.RUNNING, None
    operation.save(update_fields=["state", "failed_at"])
    resource = operation.resource
    if operation.kind == OperationKind.PROVISION:
        _move_resource(resource, ResourceState.PROVISIONING)
        _move_order(resource, OrderState.PROVISIONING)
    record("operation.resumed", operation, actor=actor, node_id=resource.project_id)
    enqueue_on_commit("catalog.run_operation", queue=operation.queue, operation_id=operation.pk)
    return operation


@sensitive("operation.compensate")
@transaction.atomic(durable=True)
def compensate_operation(public_id: UUID, *, actor: Person | None) -> Operation:
    """Give a failed delivery up and remove whatever it made. ``actor`` None: the term has passed.

    Raises:
        IllegalTransition: the operation is not a delivery that waits for a person.
    """
    failed = _lock_operation(public_id)
    resource = failed.resource
    give_up(failed)
    _move_resource(resource, ResourceState.RETIRING)
    operation = start_operation(resource, OperationKind.COMPENSATE, requested_by=actor)
    record("operation.compensation_started", operation, actor=actor, node_id=resource.project_id)
    return operation


@transaction.atomic(durable=True)
def abandon_operation(public_id: UUID, *, actor: Person) -> Operation:
    """Leave an action that failed for what it is: the resource stays as the cloud has it.

    Raises:
        IllegalTransition: it is no action, or does not wait for a person.
    """
    operation = _lock_operation(public_id)
    if operation.kind != OperationKind.ACT:
        raise IllegalTransition(state=operation.get_state_display())
    give_up(operation)
    record("operation.abandoned", operation, actor=actor, node_id=operation.resource.project_id)
    return operation


def give_up(operation: Operation) -> None:
    """End an operation that failed, without undoing anything. Call with the resource locked."""
    check_transition(OPERATION_TRANSITIONS, operation.state, OperationState.ABANDONED)
    operation.state, operation.finished_at = OperationState.ABANDONED, now()
    operation.save(update_fields=["state", "finished_at"])


def fail_operation(operation: Operation) -> None:
    """The engine gave up: a person must look. Call inside a transaction that holds the lock.

    Quota stays claimed, since the cloud may hold a half-made thing.
    """
    check_transition(OPERATION_TRANSITIONS, operation.state, OperationState.FAILED)
    operation.state, operation.failed_at = OperationState.FAILED, now()
    operation.save(update_fields=["state", "failed_at"])
    resource = operation.resource
    if operation.kind == OperationKind.PROVISION:
        _move_resource(resource, ResourceState.FAILED)
        _move_order(resource, OrderState.FAILED)
    record("operation.failed", operation, actor=None, node_id=resource.project_id)


def _lock_operation(public_id: UUID) -> Operation:
    """Lock in the one order: order, resource, operation."""
    operation = Operation.objects.select_related("resource__order_line").get(public_id=public_id)
    lock_order_and_resource(operation.resource)
    return (
        Operation.objects.select_for_update(of=("self",))
        .select_related("resource__order_line__order")
        .get(pk=operation.pk)
    )


def lock_order_and_resource(resource: Resource) -> None:
    """Lock the order (if any) and the resource. Everything that changes either does this first."""
    lock_tree_shared()
    if resource.order_line_id:
        Order.objects.select_for_update(of=("self",)).get(lines=resource.order_line_id)
    Resource.objects.select_for_update().get(pk=resource.pk)


def _move_resource(resource: Resource, target: ResourceState) -> None:
    check_transition(RESOURCE_TRANSITIONS, resource.state, target)
    resource.state = target
    resource.save(update_fields=["state"])


def _move_order(resource: Resource, target: OrderState) -> None:
    """Move the order along with its resource; another line may have moved it already."""
    if resource.order_line is None or resource.order_line.order.state == target:
        return
    order = resource.order_line.order
    check_transition(ORDER_TRANSITIONS, order.state, target)
    order.state = target
    order.save(update_fields=["state"])
    if target == OrderState.FAILED:
        record("order.failed", order, actor=None, node_id=order.project_id)
