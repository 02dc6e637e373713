"""The life of a resource: what is ordered comes into being through one door, and leaves by one.

What was found in the cloud comes in by ``adoption``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.timezone import now

from billing.services.metering import UsageTime, end_metering, start_metering
from billing.services.order_tags import tag_as_ordered
from catalog.errors import (
    ActionNotOffered,
    ActionUnknown,
    ConfirmationMismatch,
    NameTaken,
    ResourceBusy,
    ResourceNeeded,
    ResourceProtected,
    SourceGone,
)
from catalog.kinds import Kind, get_kind
from catalog.kinds.base import Action
from catalog.kinds.fees import paid_for
from catalog.kinds.parameters import Parameter, clean_spec
from catalog.models import (
    HOLDS_UP,
    OPEN_OPERATION_STATES,
    RESOURCE_TRANSITIONS,
    Derivation,
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
from catalog.services.agreed_terms import months_that_bind
from catalog.services.attachments import let_go_of
from catalog.services.change_work import (
    drop_failed_changes,
    expire_waiting_changes,
    version_of,
)
from catalog.services.operations import (
    give_up,
    lock_order_and_resource,
    start_operation,
)
from catalog.services.order_states import follow_lines
from catalog.services.quotas import release_claim
from catalog.services.sources import check_not_needed, find_sources, lock_sources, offered_in
from catalog.services.waiting import needed_by
from portal.audit.services import record
from portal.cloud.models import Cloud, CloudProject, CloudProjectPurpose
from portal.cloud.secrets import forget_secrets
from portal.core.calendar import day_of
from portal.core.states import IllegalTransition, check_transition
from portal.identity.models import Person, Project
from portal.identity.sensitive import sensitive


def open_resource(line: OrderLine) -> Resource:
    """The one door: bring a resource into being for an approved order line.

    Call inside the transaction that approves. The line carries the claim and the placement
    decision, without which the table accepts no resource.

    Raises:
        NameTaken: meanwhile something else in the project got this name.
        SourceGone, SourceChanged, ResourceBusy: what it is made from is not as it was.
    """
    order = line.order
    version = line.offering_version
    kind = get_kind(version.offering.kind)
    derivations = lock_sources(version, line.spec, order.project)
    try:
        with transaction.atomic():
            resource = Resource.objects.create(
                kind=kind.key,
                name=line.name,
                project=order.project,
                cloud_project=_place_for(kind, order.project, version.cloud),
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
    for derivation in derivations:
        derivation.resource = resource
    Derivation.objects.bulk_create(derivations)
    return resource


def activate_resource(resource: Resource, *, operation: Operation) -> None:
    """The resource runs: metering starts here.

    Call inside a transaction that holds the locks of order and resource.
    """
    check_transition(RESOURCE_TRANSITIONS, resource.state, ResourceState.ACTIVE)
    kind = get_kind(resource.kind)
    resource.state, resource.activated_at = ResourceState.ACTIVE, now()
    resource.save(update_fields=["state", "activated_at"])
    time = UsageTime(
        cloud=kind.usage_started_at(resource.facts),
        intended=operation.started_at,
        observed=resource.activated_at,
    )
    meter_resource(resource, time)
    if resource.order_line:
        tags = resource.order_line.tags
        tag_as_ordered(resource.public_id, tags, began_at=time.start)
    record("resource.activated", resource, actor=None, node_id=resource.project_id)
    if resource.order_line:
        _follow(resource.order_line.order)


def meter_resource(resource: Resource, time: UsageTime) -> None:
    """Somebody pays for the resource from now on. Call inside a transaction; may be repeated.

    What nobody ordered has no minimum term, for nobody agreed to one.
    """
    line = resource.order_line
    start_metering(
        public_id=resource.public_id,
        project=resource.project,
        cloud=resource.cloud_project.cloud,
        kind=resource.kind,
        name=resource.name,
        openstack_id=resource.cloud_ids.get(resource.kind, ""),
        meters=paid_for(version_of(resource), resource.spec),
        end_date=resource.end_date,
        agreed_months=months_that_bind(line, resource.project, at=time.start) if line else {},
        time=time,
    )


@sensitive("resource.retire")
@transaction.atomic(durable=True)
def retire_resource(public_id: UUID, *, actor: Person, confirmation: str) -> Operation:
    """Begin to clean up: from now on the engine removes it from the cloud.

    Args:
        answers: to the action's questions, as they came in; nothing in them is trusted.
        confirmation: the resource's name, as the person typed it.

    Raises:
        ConfirmationMismatch: that is not its name.
        IllegalTransition: it does not run, or is being cleaned up already. A delivery that failed
            is undone instead (``compensate_operation``).
        ResourceBusy: an action is being carried out on it, or work on another is about it.
        ResourceProtected: somebody switched that on.
        ResourceNeeded: another resource cannot do without it.
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
        ResourceNeeded: another resource cannot do without it.
        ResourceBusy: an action is being carried out on it, or work on another is about it.
    """
    return begin_retirements([resource], actor=actor)[0]


def begin_retirements(
    resources: Sequence[Resource],
    *,
    actor: Person | None,
    with_others: Sequence[Resource] = (),
) -> list[Operation]:
    """Let the engine remove running resources, each after what needs it.

    Call inside a transaction that locked them. Everything that holds quota or orders is settled
    before anything is audited: an audit head is the last lock.

    Args:
        with_others: what goes as well, by other ways.

    Raises:
        ResourceProtected, ResourceBusy, ResourceNeeded: as ``begin_retirement``; then nothing
            may be kept.
    """
    leaving = [resource.pk for resource in (*resources, *with_others)]
    for resource in resources:
        if resource.is_protected:
            raise ResourceProtected(name=resource.name)
        needing = needed_by(resource).exclude(pk__in=leaving).values_list("name", flat=True)
        if needing:
            raise ResourceNeeded(name=resource.name, others=", ".join(needing))
        check_not_needed(resource)
        _settle_actions(resource)
    expire_waiting_changes(resources)
    return [_retire(resource, actor) for resource in resources]


def _retire(resource: Resource, actor: Person | None) -> Operation:
    resource.state = ResourceState.RETIRING
    resource.save(update_fields=["state"])
    resource.endings.filter(state=EndingState.OPEN).update(
        state=EndingState.CLEANED_UP, settled_at=now()
    )
    record("resource.retirement_requested", resource, actor=actor, node_id=resource.project_id)
    return start_operation(resource, OperationKind.RETIRE, requested_by=actor)


def find_action(resource: Resource, key: str) -> Action:
    """What the kind declares by this key.

    Raises:
        ActionUnknown: nothing.
    """
    action = get_kind(resource.kind).actions.get(key)
    if action is None:
        raise ActionUnknown(field="action")
    return action


def questions_of(resource: Resource, action: Action) -> list[Parameter]:
    """What is asked before the action, with what can be chosen for this resource now."""
    return offered_in(action.parameters, resource.project, resource.cloud_project.cloud)


def act_on_resource(
    public_id: UUID,
    *,
    action: str,
    actor: Person,
    answers: Mapping[str, Any] | None = None,
    confirmation: str = "",
) -> Operation:
    """Have the engine carry out one of the kind's actions: stop, start, attach …

    Args:
        confirmation: the resource's name, as the person typed it; for what loses something.

    Raises:
        ActionUnknown: the kind has no such action.
        ConfirmationMismatch: something is lost by it, and that is not its name.
        InvalidInput: an answer is not right, with a message by question.
        ActionNotOffered: it makes no sense as the resource is now.
        IllegalTransition: the resource does not run.
        ResourceBusy: something else is being done to it, or to what it is about.
        SourceGone: what it is about does not run any more.
    """
    resource = Resource.objects.select_related("project", "cloud_project__cloud").get(
        public_id=public_id
    )
    declared = find_action(resource, action)
    questions = questions_of(resource, declared)
    cleaned = clean_spec(questions, answers or {})
    if declared.loses and confirmation.strip() != resource.name:
        raise ConfirmationMismatch(field="confirmation", name=resource.name)
    return _act(resource, action, declared, cleaned, actor)


@transaction.atomic(durable=True)
def _act(
    resource: Resource, key: str, action: Action, answers: Mapping[str, Any], actor: Person
) -> Operation:
    cloud = resource.cloud_project.cloud
    named = find_sources(action.parameters, answers, resource.project, cloud)
    lock_order_and_resource(resource, about=list(named.values()))
    resource.refresh_from_db()
    if resource.state != ResourceState.ACTIVE:
        raise IllegalTransition(state=resource.get_state_display())
    if open_operation(resource):
        raise ResourceBusy(name=resource.name)
    is_over = resource.end_date is not None and resource.end_date < day_of(now())
    if not action.is_offered(resource.facts) or (action.gives_access and is_over):
        raise ActionNotOffered(action=action.label)
    _check_named(resource, action, answers)
    return begin_action(resource, key, actor=actor, answers=answers, named=named)


def begin_action(
    resource: Resource,
    key: str,
    *,
    actor: Person,
    answers: Mapping[str, Any] | None = None,
    named: Mapping[str, Resource] | None = None,
) -> Operation:
    """Write down who asked for it, and have it done. Call with the resource locked and idle.

    Args:
        named: what else it is about, by question.
    """
    record(
        "resource.action_requested",
        resource,
        actor=actor,
        node_id=resource.project_id,
        data={"action": key, **_about(named or {})},
    )
    return start_operation(
        resource, OperationKind.ACT, requested_by=actor, action=key, answers=answers
    )


def _check_named(resource: Resource, action: Action, answers: Mapping[str, Any]) -> None:
    """Raise unless all that the answers name runs and is idle. Call with it locked."""
    cloud = resource.cloud_project.cloud
    named = find_sources(action.parameters, answers, resource.project, cloud)
    asked = {item.name for item in action.parameters if item.of_kinds and answers.get(item.name)}
    if named.keys() != asked:
        raise SourceGone()
    for other in named.values():
        if open_operation(other):
            raise ResourceBusy(name=other.name)


def _about(named: Mapping[str, Resource]) -> dict[str, Any]:
    """What else it is about, by question; other answers may say something of people."""
    if not named:
        return {}
    return {"about": {question: str(found.public_id) for question, found in named.items()}}


def open_operation(resource: Resource) -> Operation | None:
    """What is being done to it, or hangs; sure only while the resource is locked."""
    return resource.operations.filter(HOLDS_UP).first()


def _settle_actions(resource: Resource) -> None:
    """What failed no longer matters when the resource goes; what runs does.

    Raises:
        ResourceBusy: something is being done to it.
    """
    for operation in resource.operations.filter(state__in=OPEN_OPERATION_STATES):
        if operation.state != OperationState.FAILED:
            raise ResourceBusy(name=resource.name)
        give_up(operation)


def close_resource(resource: Resource, *, operation: Operation) -> None:
    """It is surely gone from the cloud: metering ends, quota is free.

    Call inside a transaction that holds the locks of order and resource.
    """
    check_transition(RESOURCE_TRANSITIONS, resource.state, ResourceState.RETIRED)
    resource.state, resource.retired_at = ResourceState.RETIRED, now()
    resource.save(update_fields=["state", "retired_at"])
    time = UsageTime(cloud=None, intended=operation.started_at, observed=resource.retired_at)
    end_metering(resource.public_id, time=time, never_came=_parts_of_what_never_came(resource))
    let_go_of(resource)
    release_claim(resource.claim)  # before anything is audited: an audit head is the last lock
    drop_failed_changes(resource)
    forget_secrets(resource.public_id)
    if resource.order_line is not None:
        _follow(resource.order_line.order)
        if operation.kind == OperationKind.COMPENSATE:
            record("operation.compensated", resource, actor=None, node_id=resource.project_id)
    record("resource.retired", resource, actor=None, node_id=resource.project_id)


def _parts_of_what_never_came(resource: Resource) -> list[UUID]:
    """Of a whole that was given up before all of it ran, once nothing of it is left; else none.

    Also those that somebody let go of before, or that go beside it. As long as something may still
    come, the whole may.
    """
    line = resource.order_line
    if line is None or line.assembly_id is None:
        return []
    parts = list(Resource.objects.filter(order_line__assembly=line.assembly_id))
    was_whole = all(part.activated_at for part in parts)
    going = {ResourceState.RETIRING, ResourceState.RETIRED}
    is_left = any(part.state not in going for part in parts)
    return [] if was_whole or is_left else [part.public_id for part in parts]


def _place_for(kind: Kind, project: Project, cloud: Cloud) -> CloudProject:
    """Where it will stand: with the project's other things, or in a place of its own."""
    facts: dict[str, Any] = {"project": project, "cloud": cloud, "purpose": kind.stands_in}
    if kind.stands_in != CloudProjectPurpose.MANAGED:
        return CloudProject.objects.create(**facts)
    cloud_project, _ = CloudProject.objects.get_or_create(**facts)
    return cloud_project


def _follow(order: Order) -> None:
    """Complete or end the order once its last line came to an end; the others may still go on."""
    if follow_lines(order) and order.state == OrderState.COMPLETED:
        record("order.completed", order, actor=None, node_id=order.project_id)
