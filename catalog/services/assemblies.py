"""Cleaning up what was ordered as a whole, as one."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from catalog.errors import ConfirmationMismatch
from catalog.models import Assembly, Operation, Resource, ResourceState
from catalog.services.operations import lock_together
from catalog.services.resources import begin_retirements
from portal.audit.services import record
from portal.core.states import IllegalTransition
from portal.identity.models import Person
from portal.identity.sensitive import sensitive


def living_parts(assembly: Assembly) -> list[Resource]:
    """What was made of it and is not cleaned up, each before those that it needs."""
    resources = Resource.objects.filter(order_line__assembly=assembly)
    living = resources.exclude(state=ResourceState.RETIRED)
    return list(living.order_by("-order_line__position"))


@sensitive("assembly.retire")
@transaction.atomic(durable=True)
def retire_assembly(public_id: UUID, *, actor: Person, confirmation: str) -> list[Operation]:
    """Begin to clean up everything that runs of it. What needs another part goes before that part.

    Args:
        confirmation: the name of the whole, as the person typed it.

    Raises:
        ConfirmationMismatch: that is not its name.
        IllegalTransition: a part does not run, or nothing of it is left to clean up. A delivery
            that failed is undone instead (``compensate_operation``).
        ResourceBusy: an action is being carried out on a part.
        ResourceProtected: a part is protected; nothing is cleaned up then.
    """
    assembly = Assembly.objects.select_related("order").get(public_id=public_id)
    lock_together(living_parts(assembly))
    parts = [part for part in living_parts(assembly) if part.state != ResourceState.RETIRING]
    if confirmation.strip() != assembly.name:
        raise ConfirmationMismatch(field="confirmation", name=assembly.name)
    for part in parts:
        if part.state != ResourceState.ACTIVE:
            raise IllegalTransition(state=part.get_state_display())
    if not parts:
        raise IllegalTransition(state=ResourceState.RETIRING.label)
    operations = begin_retirements(parts, actor=actor)
    record(
        "assembly.retirement_requested", assembly, actor=actor, node_id=assembly.order.project_id
    )
    return operations
