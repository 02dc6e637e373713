"""What the clock does when the term of a resource is over: stop it, later have it cleaned up.

Every act looks again under the lock, so that who renewed or protected it a moment ago is not
overtaken. A clock that stood still goes on where things are: nobody gets less grace for it, since
that begins when the end was seen. What is busy waits for the next round, a minute later.

What hangs does not keep it for ever: an action that failed is given up before the stop, and other
work with the cleaning up, as when a person asks for that. Only its own stop is left to a person.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from typing import Final

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from catalog.kinds import get_kind
from catalog.models import (
    HOLDS_UP,
    OPEN_ORDER_STATES,
    Ending,
    EndingState,
    Operation,
    OperationKind,
    OperationState,
    OrderLine,
    Resource,
    ResourceState,
)
from catalog.services.cancellation import is_cancelable, request_cancellation
from catalog.services.operations import (
    leave,
    lock_operation,
    lock_order_and_resource,
    start_operation,
)
from catalog.services.resources import begin_retirement
from catalog.services.sources import needing, work_about
from catalog.services.terms import grace_of
from catalog.services.waiting import STILL_NEEDED, needed_by
from portal.audit.services import record
from portal.core.calendar import day_of
from portal.core.faults import each_by_itself

MOST_AT_ONCE: Final = 200  # of each act; the next round is a minute later
_HANGS: Final = HOLDS_UP & Q(state=OperationState.FAILED)
_FAILED_ACTION: Final = Q(kind=OperationKind.ACT, state=OperationState.FAILED)
# A change that failed is undone by itself, after the term of its offering: that goes first.
_BEFORE_THE_STOP: Final = HOLDS_UP & ~_FAILED_ACTION


def withdraw_endings(*, at: datetime) -> int:
    """Take back what is no longer due: somebody renewed the term. Return how many.

    A stop that was asked for and not carried out is taken back as well. What stopped already is
    started again by a person.

    Raises:
        ExceptionGroup: what went wrong, after every resource had its turn.
    """
    still_due = Q(resource__state=ResourceState.ACTIVE, resource__end_date=F("end_date"))
    overtaken = Ending.objects.filter(~still_due, state=EndingState.OPEN)
    ids = overtaken.order_by("pk").values_list("pk", flat=True)
    return each_by_itself(partial(_withdraw, at=at), ids[:MOST_AT_ONCE])


def end_uses(*, at: datetime) -> int:
    """Stop what was needed until yesterday or longer ago, and say when it goes.

    Returns how many endings were begun or handled.

    Raises:
        ExceptionGroup: what went wrong, after every resource had its turn.
    """
    ended = Resource.objects.filter(state=ResourceState.ACTIVE, end_date__lt=day_of(at))
    open_endings = Ending.objects.filter(resource=OuterRef("pk"), state=EndingState.OPEN)
    unseen = ~Exists(open_endings)
    goes_first = Operation.objects.filter(_BEFORE_THE_STOP, resource=OuterRef("pk"))
    waits = Exists(open_endings.filter(handled_at=None)) & ~Exists(goes_first)
    ids = ended.filter(unseen | waits).order_by("end_date", "pk").values_list("pk", flat=True)
    return each_by_itself(partial(_end_use, at=at), ids[:MOST_AT_ONCE])


def retire_ended(*, at: datetime) -> int:
    """Have cleaned up what nobody renewed or protected within the grace. Return how many.

    What something else needs goes after that. A renewal that somebody has yet to decide on holds it
    up, and the grace begins anew when that comes to nothing. One that was approved with a change
    that failed does so until that is given up: then it holds. What could not be stopped, for work
    that hangs, goes all the same.

    Raises:
        ExceptionGroup: what went wrong, after every resource had its turn.
    """
    work = Operation.objects.filter(resource=OuterRef("resource"))
    due = Ending.objects.filter(
        Q(handled_at__isnull=False) | Exists(work.filter(_HANGS)),
        ~Exists(work.filter(state=OperationState.RUNNING)),
        ~Q(stop__state=OperationState.FAILED),
        ~Exists(_waiting_renewals(of=OuterRef("resource"), ended_on=OuterRef("end_date"))),
        ~STILL_NEEDED,
        ~Exists(needing(OuterRef("resource"))),
        state=EndingState.OPEN,
        clean_up_on__lte=day_of(at),
        resource__state=ResourceState.ACTIVE,
        resource__is_protected=False,
    )
    ids = due.order_by("clean_up_on", "pk").values_list("pk", flat=True)
    return each_by_itself(partial(_retire, at=at), ids[:MOST_AT_ONCE])


@transaction.atomic(durable=True)
def _withdraw(ending_id: int, at: datetime) -> int:
    ending, resource = _lock_ending(ending_id)
    if ending.state != EndingState.OPEN or ending.is_due_for(resource):
        return 0
    is_here = resource.state == ResourceState.ACTIVE
    ending.state = EndingState.WITHDRAWN if is_here else EndingState.CLEANED_UP
    ending.settled_at = at
    ending.save(update_fields=["state", "settled_at"])
    stop = lock_operation(ending.stop.public_id) if ending.stop else None
    if stop and is_cancelable(stop):
        request_cancellation(stop, actor=None)
    _record("resource.ending_withdrawn", resource, ending)
    return 1


@transaction.atomic(durable=True)
def _end_use(resource_id: int, at: datetime) -> int:
    resource = _lock(resource_id)
    last_day = resource.end_date
    if resource.state != ResourceState.ACTIVE or last_day is None or last_day >= day_of(at):
        return 0
    ending = resource.endings.filter(state=EndingState.OPEN).first()
    if ending and (ending.handled_at or ending.end_date != last_day):
        return 0
    is_idle = not resource.operations.filter(_BEFORE_THE_STOP).exists()
    if ending and not is_idle:
        return 0
    begun = ending or _begin_ending(resource, last_day, at)
    if is_idle:
        for operation in resource.operations.filter(_FAILED_ACTION):
            leave(operation, actor=None)
        _handle(begun, resource, at)
    return 1


@transaction.atomic(durable=True)
def _retire(ending_id: int, at: datetime) -> int:
    ending, resource = _lock_ending(ending_id)
    if ending.clean_up_on > day_of(at) or not ending.is_due_for(resource):
        return 0
    if resource.is_protected or _is_held_up(ending, resource) or needed_by(resource).exists():
        return 0
    if _waiting_renewals(of=resource.pk, ended_on=ending.end_date).exists():
        return 0
    if needing(resource.pk).exists() or work_about(resource).exists():
        return 0
    begin_retirement(resource, actor=None)
    return 1


def _begin_ending(resource: Resource, last_day: date, at: datetime) -> Ending:
    ending = Ending.objects.create(
        resource=resource,
        end_date=last_day,
        began_at=at,
        clean_up_on=day_of(at) + grace_of(resource),
    )
    _record("resource.term_ended", resource, ending)
    return ending


def _handle(ending: Ending, resource: Resource, at: datetime) -> None:
    """Stop it, where its kind can be stopped and it runs."""
    kind = get_kind(resource.kind)
    action = kind.ends_with
    if action and kind.actions[action].is_offered(resource.facts):
        data = {"action": action}
        node_id = resource.project_id
        record("resource.action_requested", resource, actor=None, node_id=node_id, data=data)
        ending.stop = start_operation(resource, OperationKind.ACT, requested_by=None, action=action)
    ending.handled_at = at
    ending.save(update_fields=["handled_at", "stop"])


def _is_held_up(ending: Ending, resource: Resource) -> bool:
    """By work that goes on, by its own stop that failed, or as the stop is still to come."""
    work = resource.operations
    if work.filter(state=OperationState.RUNNING).exists():
        return True
    if ending.stop and ending.stop.state == OperationState.FAILED:
        return True
    return ending.handled_at is None and not work.filter(_HANGS).exists()


def _waiting_renewals(*, of: int | OuterRef, ended_on: date | OuterRef) -> QuerySet[OrderLine]:
    """Orders to have the resource longer, or for ever, that nobody settled yet.

    Sure only with the resource locked.
    """
    return OrderLine.objects.filter(
        Q(end_date=None) | Q(end_date__gt=ended_on),
        changes=of,
        order__state__in=OPEN_ORDER_STATES,
    )


def _lock_ending(ending_id: int) -> tuple[Ending, Resource]:
    """The ending with its resource, both as they are now that nobody else changes them."""
    resource_id = Ending.objects.values_list("resource", flat=True).get(pk=ending_id)
    resource = _lock(resource_id)
    return Ending.objects.select_related("stop").get(pk=ending_id), resource


def _lock(resource_id: int) -> Resource:
    lock_order_and_resource(Resource.objects.get(pk=resource_id))
    return Resource.objects.select_related("order_line__offering_version").get(pk=resource_id)


def _record(event: str, resource: Resource, ending: Ending) -> None:
    data = {"end_date": str(ending.end_date), "clean_up_on": str(ending.clean_up_on)}
    record(event, resource, actor=None, node_id=resource.project_id, data=data)
