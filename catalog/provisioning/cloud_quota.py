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
from catalog.kinds.base import Kind
from catalog.kinds.networks import CIDR, QUESTION, own_network
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
from portal.cloud.ports import BACKUP_GIB, Listing

# What the cloud must limit: whatever the tree of quotas counts, but for money. Backups, which count
# as object storage there, it limits apart.
LIMITED: Final = (
    *(item.value for item in Metric if item != Metric.MONTHLY_COST_EUR),
    BACKUP_GIB,
)


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
    ordered = [*_of_resources(cloud_project), _shared(cloud_project)]
    everything = [*ordered, *_unordered(cloud_project)]
    return _whole_units(ordered), _whole_units(everything)


def push_quota(
    cloud_project: CloudProject, openstack_project_id: str, *, backup_gib: int = 0
) -> None:
    """Set the quota in the cloud to what is needed now. A network call; may be repeated.

    Args:
        backup_gib: room for backups that people made by themselves, where nobody pays for any.
    """
    needed = needed_quota(cloud_project)
    limits = {**needed, BACKUP_GIB: needed[BACKUP_GIB] + backup_gib}
    get_cloud(cloud_project.cloud.key).set_quota(openstack_project_id, limits)


def _whole_units(demands: Iterable[Mapping[str, Decimal]]) -> dict[str, int]:
    total: dict[str, Decimal] = defaultdict(Decimal)
    for demand in demands:
        for name, amount in demand.items():
            total[name] += amount
    return {name: int(total[name].to_integral_value(ROUND_CEILING)) for name in LIMITED}


def _of_resources(cloud_project: CloudProject) -> Iterator[Mapping[str, Decimal]]:
    changed_to = _specs_under_way(cloud_project)
    for resource in _holders(cloud_project):
        version = version_of(resource)
        kind = get_kind(resource.kind)
        wanted = changed_to.get(resource.pk, resource.spec)
        if wanted == resource.spec:
            yield _as_the_cloud_counts(kind, kind.quota_demand(version, resource.spec))
        else:
            demand = kind.demand_while_changing(version, resource.spec, wanted)
            yield _as_the_cloud_counts(kind, demand)


def _as_the_cloud_counts(kind: Kind, demand: Mapping[Metric, Decimal]) -> Mapping[str, Decimal]:
    """Where backups are kept differs between clouds: perhaps as objects of the project."""
    counted = {metric.value: amount for metric, amount in demand.items()}
    if any(part.listing == Listing.BACKUPS for part in kind.parts):
        counted[BACKUP_GIB] = demand[Metric.OBJECT_GIB]
    return counted


def _shared(cloud_project: CloudProject) -> Mapping[str, Decimal]:
    """The offered networks that stand there, and their router: nobody claims them.

    They stay when the last resource in them goes, so what is cleaned up counts too. So does one
    that perhaps never came to be: its answer may be lost, and Neutron takes no limit below what
    is used.
    """
    specs = Resource.objects.filter(cloud_project=cloud_project, spec__has_key=QUESTION)
    chosen = specs.values_list(f"spec__{QUESTION}", f"spec__{CIDR}").distinct()
    names = {name for name, cidr in chosen if name and not cidr and not own_network(name)}
    return {Metric.NETWORKS: Decimal(len(names)), Metric.ROUTERS: Decimal(bool(names))}


def _unordered(cloud_project: CloudProject) -> Iterator[Mapping[str, Decimal]]:
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
            demand = found_demand(difference)
            yield _as_the_cloud_counts(get_kind(difference.finding["kind"]), demand)


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
