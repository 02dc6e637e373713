"""What must be true when nothing is under way, whatever happened before. One line per fault."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from io import StringIO

from django.core.management import CommandError, call_command
from openstack.connection import Connection

from catalog.kinds import get_kind
from catalog.models import (
    Metric,
    Order,
    OrderState,
    Quota,
    Resource,
    ResourceState,
)
from catalog.provisioning.cloud_quota import needed_quota
from portal.cloud import get_cloud
from portal.cloud.models import CloudProject
from portal.cloud.ports import MARKER_PREFIX
from tests.faults.access import differences_of_access, is_gone
from tests.faults.listings import Thing, list_left, list_things
from tests.faults.usage import differences_of_usage


def find_faults(operator: Connection) -> list[str]:
    """Every difference between rows, cloud, quotas, money and audit trail."""
    found: list[str] = []
    users = {user.id for user in operator.identity.users()}
    for cloud_project in CloudProject.objects.exclude(openstack_project_id=""):
        if is_gone(cloud_project):
            found += list_left(operator, cloud_project.openstack_project_id)
            continue
        things = list(list_things(operator, cloud_project.openstack_project_id))
        found += _differences_of_listings(cloud_project, things, users)
        found += _differences_of_cloud_quota(cloud_project)
    found += differences_of_access(operator)
    for resource in Resource.objects.select_related("order_line__offering_version__cloud"):
        found += differences_of_usage(resource)
    found += _differences_of_quota()
    found += _unsettled_orders()
    found += _refusals_of("check_quotas")
    found += _refusals_of("verify_audit")
    return found


def _differences_of_listings(
    cloud_project: CloudProject, things: list[Thing], users: set[str]
) -> Iterator[str]:
    """Nothing twice, nothing that belongs to nobody, nothing that is gone."""
    living = cloud_project.resources.filter(state=ResourceState.ACTIVE)
    owners = {resource.public_id.hex for resource in living} | {cloud_project.public_id.hex}
    for (type_, marker), number in Counter((thing.type, thing.marker) for thing in things).items():
        if number > 1:
            yield f"{number} of {type_} {marker}"
    for thing in things:
        owner = thing.marker.removeprefix(f"{MARKER_PREFIX}-").partition("-")[0]
        if owner not in owners:
            yield f"{thing} belongs to nothing that lives"
    there = {thing.id for thing in things} | {cloud_project.openstack_project_id} | users
    for resource in living:
        for step, openstack_id in resource.cloud_ids.items():
            if openstack_id not in there:
                yield f"{step} {openstack_id} of {resource.name} is gone"


def _differences_of_cloud_quota(cloud_project: CloudProject) -> Iterator[str]:
    limits = get_cloud(cloud_project.cloud.key).fetch_quota(cloud_project.openstack_project_id)
    needed = needed_quota(cloud_project)
    for metric, limit in limits.items():
        if limit != needed[metric]:
            yield f"the cloud limits {metric} to {limit}, where {needed[metric]} is needed"


def _differences_of_quota() -> Iterator[str]:
    """Each project's column against what its resources hold."""
    held: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    for resource in Resource.objects.exclude(state=ResourceState.RETIRED):
        version = resource.order_line.offering_version
        for metric, amount in get_kind(resource.kind).quota_demand(version, resource.spec).items():
            held[resource.project_id, metric] += amount
    quotas = Quota.objects.filter(node_id__in=Resource.objects.values("project_id"))
    for quota in quotas.exclude(metric=Metric.MONTHLY_COST_EUR):
        needed = held[quota.node_id, quota.metric]
        if quota.claimed != needed:
            yield f"{quota.metric}: {quota.claimed} claimed, {needed} held"


def _unsettled_orders() -> Iterator[str]:
    settled = [OrderState.COMPLETED, OrderState.CANCELED]
    for order in Order.objects.exclude(state__in=settled):
        yield f"order {order.pk} is {order.state}"


def _refusals_of(command: str) -> Iterator[str]:
    lines = StringIO()
    try:
        call_command(command, stdout=lines)
    except CommandError as error:
        yield f"{command}: {error}: {lines.getvalue()}"
