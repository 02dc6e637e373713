"""The Keystone project's quota: exactly what stands there, so that nobody passes the tree by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

from django.db.models import Count, Q

from catalog.errors import CannotBeTold
from catalog.kinds import get_kind
from catalog.models import (
    CHANGING_KINDS,
    OPEN_OPERATION_STATES,
    Difference,
    DifferenceKind,
    Metric,
    Operation,
    OperationKind,
    Resource,
    ResourceState,
    StepState,
)
from catalog.services.adoption import found_demand
from catalog.services.change_work import version_of
from catalog.services.drift import OPEN_STATES
from portal.cloud import get_cloud
from portal.cloud.models import CloudProject, CloudProjectPurpose
from portal.cloud.ports import BACKUP_GIB, UNLIMITED

# What the cloud must limit: the tree of quotas counts it, and a resource holds a number of it.
LIMITED: Final = (
    Metric.SERVERS,
    Metric.VCPUS,
    Metric.MEMORY_GIB,
    Metric.VOLUMES,
    Metric.VOLUME_GIB,
    Metric.SNAPSHOTS,
    Metric.FLOATING_IPS,
)
# Where others make things the cloud limits whatever the tree counts.
LIMITED_FOR_OTHERS: Final = tuple(item for item in Metric if item != Metric.MONTHLY_COST_EUR)


def needed_quota(cloud_project: CloudProject) -> dict[str, int]:
    """What must fit in the cloud project, in whole units, for every limited metric.

    That is what its resources hold, and what nobody ordered: until that is adopted or gone, the
    cloud counts it too, and would have no room for what was approved.
    """
    return quota_bounds(cloud_project)[1]


def quota_bounds(cloud_project: CloudProject) -> tuple[dict[str, int], dict[str, int]]:
    """What its resources hold, and that with what nobody ordered, as ``needed_quota``.

    A resource counts from its order's approval until its retirement has come to its last step:
    then everything it held is surely gone. One that is being changed has room for that too.
    """
    ordered = list(_of_resources(cloud_project))
    everything = [*ordered, *_unordered(cloud_project)]
    return _whole_units(cloud_project, ordered), _whole_units(cloud_project, everything)


def push_quota(
    cloud_project: CloudProject, openstack_project_id: str, *, backup_gib: int = 0
) -> None:
    """Set the quota in the cloud to what is needed now. A network call; may be repeated.

    Args:
        backup_gib: room for backups where people work by themselves: what they pay for holds none.
            Elsewhere only our workers make them, each for a resource that is counted and paid for.
    """
    is_managed = cloud_project.purpose == CloudProjectPurpose.MANAGED
    room = {BACKUP_GIB: UNLIMITED if is_managed else backup_gib}
    limits = {**needed_quota(cloud_project), **room}
    get_cloud(cloud_project.cloud.key).set_quota(openstack_project_id, limits)


def _whole_units(
    cloud_project: CloudProject, demands: Iterable[Mapping[Metric, Decimal]]
) -> dict[str, int]:
    total: dict[Metric, Decimal] = defaultdict(Decimal)
    for demand in demands:
        for metric, amount in demand.items():
            total[metric] += amount
    is_managed = cloud_project.purpose == CloudProjectPurpose.MANAGED
    return {
        metric.value: int(total[metric].to_integral_value(ROUND_CEILING))
        for metric in (LIMITED if is_managed else LIMITED_FOR_OTHERS)
    }


def _of_resources(cloud_project: CloudProject) -> Iterator[Mapping[Metric, Decimal]]:
    changed_to = _specs_under_way(cloud_project)
    for resource in _holders(cloud_project):
        version = version_of(resource)
        kind = get_kind(resource.kind)
        wanted = changed_to.get(resource.pk, resource.spec)
        if wanted == resource.spec:
            yield kind.quota_demand(version, resource.spec)
        else:
            yield kind.demand_while_changing(version, resource.spec, wanted)


def _unordered(cloud_project: CloudProject) -> Iterator[Mapping[Metric, Decimal]]:
    """What two looks saw there and nobody ordered, as far as the cloud told what it is."""
    if cloud_project.purpose != CloudProjectPurpose.MANAGED:
        return  # elsewhere people make things by themselves
    strange = Difference.objects.filter(
        cloud=cloud_project.cloud,
        project=cloud_project.project,
        kind=DifferenceKind.UNKNOWN,
        state__in=OPEN_STATES,
    )
    for difference in strange.select_related("cloud"):
        with suppress(CannotBeTold):
            yield found_demand(difference)


def _specs_under_way(cloud_project: CloudProject) -> dict[int, Mapping[str, Any]]:
    """What resources are being changed to; of a change that is given up, until its last step."""
    steps_left = Count("steps", filter=~Q(steps__state=StepState.DONE))
    changing = (
        Operation.objects.filter(
            resource__cloud_project=cloud_project,
            state__in=OPEN_OPERATION_STATES,
            kind__in=CHANGING_KINDS,
        )
        .annotate(steps_left=steps_left)
        .exclude(kind=OperationKind.REVERT, steps_left__lte=1)
    )
    return dict(changing.values_list("resource", "order_line__spec"))


def _holders(cloud_project: CloudProject) -> list[Resource]:
    unfinished = Q(operations__state__in=OPEN_OPERATION_STATES) & ~Q(
        operations__steps__state=StepState.DONE
    )
    resources = (
        Resource.objects.filter(cloud_project=cloud_project)
        .exclude(state=ResourceState.RETIRED)
        .select_related("order_line__offering_version__cloud", "cloud_project__cloud")
        .annotate(steps_left=Count("operations__steps", filter=unfinished))
    )
    return [
        resource
        for resource in resources
        if resource.state != ResourceState.RETIRING or resource.steps_left > 1
    ]
