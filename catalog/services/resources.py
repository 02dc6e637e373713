"""The life of a resource: what is ordered comes into being through one door, and leaves by one.

What was found in the cloud comes in by ``adoption``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.timezone import now

from billing.services.metering import UsageTime, end_metering, start_metering
from catalog.errors import (
    ActionNotOffered,
    ActionUnknown,
    ConfirmationMismatch,
    NameTaken,
    ResourceBusy,
    ResourceProtected,
)
from catalog.kinds import get_kind
from catalog.models import (
    OPEN_OPERATION_STATES,
    RESOURCE_TRANSITIONS,
    EndingState,
    Operation,
    OperationKind,
    OperationState,
    Order,
    OrderLine,
    OrderState,
    Resource,
    ResourceState,
)
from catalog.services.change_work import (
    drop_failed_changes,
    expire_waiting_changes,
    version_of,
)
from catalog.services.operations import (
    give_up,
    lock_order_and_resource,
    settle_order,
    start_operation,
)
from catalog.services.quotas import release_claim
from portal.audit.services import record
from portal.cloud.models import Cloud, CloudProject, CloudProjectPurpose
from portal.core.states import IllegalTransition, check_transition
from portal.identity.models import Person, Project
from portal.identity.sensitive import sensitive


def open_resource(line: OrderLine) -> Resource:
    """The one door: bring a resource into being for an approved order line.

    Call inside the transaction that approves. The line carries the claim and the placement
    decision, without which the table accepts no resource.

    Raises:
        NameTaken: meanwhile something else in the project got this name.
    """
    order = line.order
    version = line.offering_version
    try:
        with transaction.atomic():
            return Resource.objects.create(
                kind=version.offering.kind,
                name=line.name,
                project=order.project,
                cloud_project=_managed_cloud_project(order.project, version.cloud),
                order_line=line,
                claim=line.claim,
                placement=line.placement,
                spec=line.spec,
                end_date=line.end_date,
            )
    except IntegrityError as error:
        if "resource_name_unique_among_living" in str(error):
            raise NameTaken(field="name", name=line.name) from error
        raise


def activate_resource(
    resource: Resource, *, operation: Operation, facts: Mapping[str, Any]
) -> None:
    """The resource runs: metering starts here. Call inside the engine's last transaction."""
    lock_order_and_resource(resource)
    check_transition(RESOURCE_TRANSITIONS, resource.state, ResourceState.ACTIVE)
    kind = get_kind(resource.kind)
    resource.state, resource.activated_at = ResourceState.ACTIVE, now()
    resource.facts = {**resource.facts, **facts}
    resource.save(update_fields=["state", "activated_at", "facts"])
    line = OrderLine.objects.select_related("order", "offering_version__cloud").get(
        resource=resource
    )
    time = UsageTime(
        cloud=kind.usage_started_at(resource.facts),
        intended=operation.started_at,
        observed=resource.activated_at,
    )
    meter_resource(resource, time)
    record("resource.activated", resource, actor=None, node_id=resource.project_id)
    _complete_order(line.order)


def meter_resource(resource: Resource, time: UsageTime) -> None:
    """Somebody pays for the resource from now on. Call inside a transaction; may be repeated."""
    start_metering(
        public_id=resource.public_id,
        project=resource.project,
        cloud=resource.cloud_project.cloud,
        kind=resource.kind,
        name=resource.name,
        openstack_id=resource.cloud_ids.get(resource.kind, ""),
        meters=get_kind(resource.kind).meters(version_of(resource), resource.spec),
        end_date=resource.end_date,
        time=time,
    )


@sensitive("resource.retire")
@transaction.atomic(durable=True)
def retire_resource(public_id: UUID, *, actor: Person, confirmation: str) -> Operation:
    """Begin to clean up: from now on the engine removes it from the cloud.

    Args:
        confirmation: the resource's name, as the person typed it.

    Raises:
        ConfirmationMismatch: that is not its name.
        IllegalTransition: it does not run, or is being cleaned up already. A delivery that failed
            is undone instead (``compensate_operation``).
        ResourceBusy: an action is being carried out on it.
        ResourceProtected: somebody switched that on.
    """
    resource = Resource.objects.get(public_id=public_id)
    lock_order_and_resource(resource)
    resource.refresh_from_db()
    if resource.state != ResourceState.ACTIVE:
        raise IllegalTransition(state=resource.get_state_display())
    if confirmation.strip() != resource.name:
        raise ConfirmationMismatch(field="confirmation", name=resource.name)
    return begin_retirement(resource, actor=actor)


def begin_retirement(resource: Resource, *, actor: Person | None) -> Operation:
    """Let the engine remove a running resource. Call inside a transaction that locked it.

    Args:
        actor: None is the clock; for that nobody waits.

    Raises:
        ResourceProtected: its protection goes off first.
        ResourceBusy: an action is being carried out on it.
    """
    if resource.is_protected:
        raise ResourceProtected(name=resource.name)
    _settle_actions(resource)
    expire_waiting_changes(resource)
    resource.state = ResourceState.RETIRING
    resource.save(update_fields=["state"])
    resource.endings.filter(state=EndingState.OPEN).update(
        state=EndingState.CLEANED_UP, settled_at=now()
    )
    record("resource.retirement_requested", resource, actor=actor, node_id=resource.project_id)
    return start_operation(resource, OperationKind.RETIRE, requested_by=actor)


@transaction.atomic(durable=True)
def act_on_resource(public_id: UUID, *, action: str, actor: Person) -> Operation:
    """Have the engine carry out one of the kind's actions: stop, start, reboot …

    Raises:
        ActionUnknown: the kind has no such action.
        ActionNotOffered: it makes no sense as the resource is now.
        IllegalTransition: the resource does not run.
        ResourceBusy: something else is being done to it.
    """
    resource = Resource.objects.get(public_id=public_id)
    lock_order_and_resource(resource)
    resource.refresh_from_db()
    declared = get_kind(resource.kind).actions.get(action)
    if declared is None:
        raise ActionUnknown(field="action")
    if resource.state != ResourceState.ACTIVE:
        raise IllegalTransition(state=resource.get_state_display())
    if open_operation(resource):
        raise ResourceBusy(name=resource.name)
    if not declared.is_offered(resource.facts):
        raise ActionNotOffered(action=declared.label)
    record(
        "resource.action_requested",
        resource,
        actor=actor,
        node_id=resource.project_id,
        data={"action": action},
    )
    return start_operation(resource, OperationKind.ACT, requested_by=actor, action=action)


def open_operation(resource: Resource) -> Operation | None:
    """What is being done to it, or hangs; sure only while the resource is locked."""
    return resource.operations.filter(state__in=OPEN_OPERATION_STATES).first()


def _settle_actions(resource: Resource) -> None:
    """What failed no longer matters when the resource goes; what runs does.

    Raises:
        ResourceBusy: something is being done to it.
    """
    operation = open_operation(resource)
    if operation is None:
        return
    if operation.state != OperationState.FAILED:
        raise ResourceBusy(name=resource.name)
    give_up(operation)


def close_resource(resource: Resource, *, operation: Operation) -> None:
    """It is surely gone from the cloud: metering ends, quota is free. Call inside a transaction."""
    lock_order_and_resource(resource)
    check_transition(RESOURCE_TRANSITIONS, resource.state, ResourceState.RETIRED)
    resource.state, resource.retired_at = ResourceState.RETIRED, now()
    resource.save(update_fields=["state", "retired_at"])
    end_metering(
        resource.public_id,
        time=UsageTime(cloud=None, intended=operation.started_at, observed=resource.retired_at),
    )
    release_claim(resource.claim)  # before anything is audited: an audit head is the last lock
    drop_failed_changes(resource)
    if operation.kind == OperationKind.COMPENSATE:
        _cancel_order(resource)
    record("resource.retired", resource, actor=None, node_id=resource.project_id)


def _managed_cloud_project(project: Project, cloud: Cloud) -> CloudProject:
    cloud_project, _ = CloudProject.objects.get_or_create(
        project=project, cloud=cloud, purpose=CloudProjectPurpose.MANAGED
    )
    return cloud_project


def _complete_order(order: Order) -> None:
    """Complete the order once every line's resource runs."""
    unfinished = order.lines.exclude(resource__state=ResourceState.ACTIVE)
    if not unfinished.exists():
        settle_order(order, OrderState.COMPLETED)
        record("order.completed", order, actor=None, node_id=order.project_id)


def _cancel_order(resource: Resource) -> None:
    if resource.order_line is not None:
        order = resource.order_line.order
        if order.state == OrderState.FAILED:
            settle_order(order, OrderState.CANCELED)
            record("operation.compensated", resource, actor=None, node_id=resource.project_id)
