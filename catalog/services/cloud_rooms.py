"""Having the quota of a project in the cloud set again to what its resources hold."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import transaction

from catalog.errors import RepairNotOffered, ResourceBusy
from catalog.models import OPEN_OPERATION_STATES, Difference, DifferenceKind, Operation
from catalog.services.drift import lock_difference, solve
from portal.audit.services import record
from portal.cloud.models import CloudProject, CloudProjectPurpose
from portal.core.dispatch import enqueue_on_commit
from portal.identity.models import Person

ROOMS: Final = "quotas"  # what stands in ``Difference.listing``, where no list of the cloud has it


@transaction.atomic(durable=True)
def push_quota_again(public_id: UUID, *, actor: Person) -> Difference:
    """Have the quota of the whole project set. It costs nothing, so one operator does it.

    If it does not come to that, the next reading finds the same difference.

    Raises:
        RepairNotOffered: it is no such difference.
        DifferenceSettled: it was solved meanwhile.
        ResourceBusy: something is being done in the project, which sets it by itself.
    """
    difference = lock_difference(public_id)
    if difference.kind != DifferenceKind.QUOTA:
        raise RepairNotOffered()
    place = CloudProject.objects.get(
        cloud=difference.cloud_id,
        openstack_project_id=difference.openstack_id,
        purpose=CloudProjectPurpose.MANAGED,
    )
    if Operation.objects.filter(
        resource__cloud_project=place, state__in=OPEN_OPERATION_STATES
    ).exists():
        raise ResourceBusy(name=difference.project.name)
    solve(difference)
    record("drift.quota_pushed", difference, actor=actor, node_id=difference.project_id)
    enqueue_on_commit("catalog.push_cloud_quota", queue="bulk", cloud_project_id=place.pk)
    return difference
