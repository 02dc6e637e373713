"""Making again what the cloud lost: the same resource, with another id in the cloud.

Nobody pays while it is gone. The steps are those of its delivery, and each looks first: what is
still there with our mark is taken over, and only what is gone is made.
"""

from __future__ import annotations

from datetime import datetime

from django.utils.timezone import now

from billing.services.metering import UsageTime, end_metering
from catalog.kinds import get_kind
from catalog.kinds.parts import name_fact
from catalog.models import Operation, OperationKind, Resource
from catalog.services.attachments import (
    attach_again,
    attach_itself_again,
    let_go_of_lost,
    lock_waiting,
    record_lost,
)
from catalog.services.operations import start_operation
from catalog.services.placement import check_goes_on
from catalog.services.resources import meter_resource
from portal.audit.services import record
from portal.cloud.models import CloudProjectPurpose
from portal.core.calendar import month_of
from portal.identity.models import Person


def can_be_made_again(resource: Resource) -> bool:
    """Only what was ordered: of what was found nobody knows how it was made.

    A place of its own went with all that its users made there, and so did their way in. A moment
    that was kept does not come back: what is made now would not be what its name and date say.
    """
    kind = get_kind(resource.kind)
    if kind.keeps_a_moment or kind.stands_in != CloudProjectPurpose.MANAGED:
        return False
    return not resource.is_unmanaged and OperationKind.PROVISION in kind.plans


def begin_recreation(resource: Resource, *, actor: Person, is_whole: bool) -> Operation:
    """Let the engine make what is gone. Call inside a transaction that locked the resource.

    Args:
        is_whole: the thing itself is gone; it is attached to nothing, and nothing to it.

    Raises:
        PlacementRefused: by the rules of today it may not stand there any more.
    """
    check_goes_on(resource)
    _forget_other_names(resource)
    attached = let_go_of_lost(resource) if is_whole else []
    operation = start_operation(resource, OperationKind.RECREATE, requested_by=actor)
    record_lost(attached)
    operation.steps.update(outcome_unknown_at=now())  # as after a lost reply: look, then make
    return operation


def complete_recreation(operation: Operation, resource: Resource) -> None:
    """It is there again: from now on it is paid for. Call as ``lock_for_end`` locks.

    What was attached to it when it got lost is attached again, and it to what it was attached to.
    """
    waiting = lock_waiting(resource)
    time = UsageTime(
        cloud=get_kind(resource.kind).usage_started_at(resource.facts),
        intended=operation.started_at,
        observed=now(),
    )
    meter_resource(resource, time)
    record("resource.recreated", resource, actor=None, node_id=resource.project_id)
    attach_again(waiting, to=resource)
    attach_itself_again(operation, resource)


def stop_paying(resource: Resource, *, absent_since: datetime) -> None:
    """Nobody pays for what is not there, from when that was first seen, in this month.

    Call inside a transaction that locked the resource; of what nobody pays for nothing changes.
    """
    moment = now()
    since = max(absent_since, month_of(moment).start)
    end_metering(resource.public_id, time=UsageTime(cloud=None, intended=since, observed=moment))


def _forget_other_names(resource: Resource) -> None:
    """What is made again gets the name that we gave it."""
    names = {name_fact(part.key) for part in get_kind(resource.kind).parts}
    resource.facts = {key: value for key, value in resource.facts.items() if key not in names}
    resource.save(update_fields=["facts"])
