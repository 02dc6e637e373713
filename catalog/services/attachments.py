"""What is attached to a resource, when that goes, gets lost in the cloud, or is there again.

It is attached again by the action by which people attach it: so its page tells how that goes, and
what fails waits for a person as it always does. Until then it says that it is attached to nothing.
"""

from __future__ import annotations

from django.db.models import Q
from django.utils.timezone import now

from catalog.kinds import get_kind
from catalog.kinds.base import ATTACHED_BEFORE, ATTACHED_TO, LEFT_ALONE_AT
from catalog.models import HOLDS_UP, Operation, OperationKind, Resource, ResourceState
from catalog.services.lock_order import awaited_by, by_place
from catalog.services.operations import start_operation
from portal.audit.services import record


def let_go_of(gone: Resource) -> None:
    """What was attached to what is gone for good is so no longer, and stays.

    Call inside a transaction that locked it, before anything is audited.
    """
    keys = (ATTACHED_TO, ATTACHED_BEFORE)
    _forget(gone, _lock_attached(gone, *keys), *keys)


def let_go_of_lost(lost: Resource) -> list[Resource]:
    """What was attached to what the cloud lost is so no longer, until that is there again.

    Nor is what is lost attached itself. Call as ``let_go_of``, and ``record_lost`` with what is
    returned.
    """
    attached = _lock_attached(lost, ATTACHED_TO)
    for resource in (lost, *attached):
        if before := resource.facts.get(ATTACHED_TO):
            resource.facts = {**resource.facts, ATTACHED_TO: None, ATTACHED_BEFORE: before}
            resource.save(update_fields=["facts"])
    return attached


def record_lost(attached: list[Resource]) -> None:
    """Tell those who use them."""
    for resource in attached:
        record("resource.attachment_lost", resource, actor=None, node_id=resource.project_id)


def lock_waiting(back: Resource) -> list[Resource]:
    """What waits to be attached to this again, locked. Call as ``let_go_of``.

    What is being made again itself waits on, until it is there.
    """
    attached = _lock_attached(back, ATTACHED_BEFORE)
    waiting = [resource for resource in attached if not _is_being_made_again(resource)]
    _forget(back, waiting, ATTACHED_BEFORE)
    return waiting


def attach_itself_again(operation: Operation, back: Resource) -> None:
    """Have what is there again attached to what it was, or forget that if it cannot be now.

    If that is being made again as well, it follows when that is there. Call with what
    ``awaited_by`` gives locked.
    """
    for other in awaited_by(operation):
        if _is_being_made_again(other):
            continue
        _forget(other, [back], ATTACHED_BEFORE)
        if other.state == ResourceState.ACTIVE and not other.operations.filter(HOLDS_UP).exists():
            attach_again([back], to=other)


def attach_again(waiting: list[Resource], *, to: Resource) -> None:
    """Have it attached again, unless something else is done to it or it is attached by now.

    Args:
        waiting: as ``lock_waiting`` returned it.
    """
    for resource in waiting:
        kind = get_kind(resource.kind)
        key = kind.attaches_with
        if resource.state != ResourceState.ACTIVE or resource.operations.filter(HOLDS_UP).exists():
            continue
        action = kind.actions[key]
        if not action.is_offered(resource.facts):
            continue
        answers = {question.name: str(to.public_id) for question in action.parameters}
        record(
            "resource.action_requested",
            resource,
            actor=None,
            node_id=resource.project_id,
            data={"action": key, "about": answers},
        )
        start_operation(resource, OperationKind.ACT, requested_by=None, action=key, answers=answers)


def _is_being_made_again(resource: Resource) -> bool:
    return resource.operations.filter(HOLDS_UP, kind=OperationKind.RECREATE).exists()


def _lock_attached(other: Resource, *keys: str) -> list[Resource]:
    """Lock what names the other resource by one of these facts."""
    own_id = str(other.public_id)
    names_it = Q()
    for key in keys:
        names_it |= Q(facts__contains={key: own_id})
    found = Resource.objects.filter(names_it, project=other.project_id).order_by(*by_place())
    return list(found.select_for_update(of=("self",)))


def _forget(other: Resource, attached: list[Resource], *keys: str) -> None:
    """Let what names the other resource by one of these facts name that no more."""
    own_id, moment = str(other.public_id), now().isoformat()
    for resource in attached:
        named = {key: None for key in keys if resource.facts.get(key) == own_id}
        resource.facts = {**resource.facts, **named, LEFT_ALONE_AT: moment}
        resource.save(update_fields=["facts"])
