"""Protection against cleaning up: as long as it is on, neither a person nor the clock does."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from catalog.models import Resource, ResourceState
from catalog.services.operations import lock_order_and_resource
from catalog.services.terms import grant_grace
from portal.audit.services import record
from portal.core.states import IllegalTransition
from portal.identity.models import Person
from portal.identity.sensitive import sensitive


@transaction.atomic(durable=True)
def protect_resource(public_id: UUID, *, actor: Person) -> Resource:
    """Switch the protection on. May be repeated.

    Raises:
        IllegalTransition: it does not run, or is being cleaned up already.
    """
    resource = _lock_running(public_id)
    if not resource.is_protected:
        _switch(resource, is_on=True)
        record("resource.protected", resource, actor=actor, node_id=resource.project_id)
    return resource


@sensitive("resource.unprotect")
@transaction.atomic(durable=True)
def unprotect_resource(public_id: UUID, *, actor: Person) -> Resource:
    """Switch the protection off. May be repeated.

    What would have been cleaned up meanwhile is not at once: the grace begins anew.

    Raises:
        IllegalTransition: it does not run.
    """
    resource = _lock_running(public_id)
    if resource.is_protected:
        _switch(resource, is_on=False)
        grant_grace(resource)
        record("resource.unprotected", resource, actor=actor, node_id=resource.project_id)
    return resource


def _lock_running(public_id: UUID) -> Resource:
    lock_order_and_resource(Resource.objects.get(public_id=public_id))
    resource = Resource.objects.select_related("order_line__offering_version").get(
        public_id=public_id
    )
    if resource.state != ResourceState.ACTIVE:
        raise IllegalTransition(state=resource.get_state_display())
    return resource


def _switch(resource: Resource, *, is_on: bool) -> None:
    resource.is_protected = is_on
    resource.save(update_fields=["is_protected"])
