"""Having the cloud say again what was ordered, where somebody changed it without the portal."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from catalog.errors import RepairNotOffered
from catalog.kinds import get_kind
from catalog.models import Difference, DifferenceKind, Operation, Resource, ResourceState
from catalog.services.drift import compared_fact, lock_with_resource, solve
from catalog.services.resources import begin_action
from portal.audit.services import record
from portal.identity.models import Person


@transaction.atomic(durable=True)
def put_back(public_id: UUID, *, actor: Person) -> Operation:
    """Have the engine set it as ordered. Costs and quota stay, so one operator does it.

    If it does not come to that, the next look finds the same difference.

    Raises:
        RepairNotOffered: it is no such difference.
        DifferenceSettled: it was solved meanwhile.
        ResourceBusy: something is being done to the resource.
    """
    difference, resource = lock_with_resource(public_id)
    key = action_that_puts_back(difference, resource)
    if not key:
        raise RepairNotOffered()
    solve(difference)
    record(
        "drift.put_back",
        difference,
        actor=actor,
        node_id=difference.project_id,
        data={"resource": str(resource.public_id), "field": difference.field},
    )
    return begin_action(resource, key, actor=actor)


def action_that_puts_back(difference: Difference, resource: Resource | None) -> str:
    """Key of the kind's action that has the cloud say what we say; "" where that is none."""
    if resource is None or resource.state != ResourceState.ACTIVE:
        return ""
    fact = compared_fact(difference, resource)
    if fact is None or not fact.put_back_by or difference.kind != DifferenceKind.DIFFERS:
        return ""
    action = get_kind(resource.kind).actions[fact.put_back_by]
    return fact.put_back_by if action.is_offered(resource.facts) else ""
