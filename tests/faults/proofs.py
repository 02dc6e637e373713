"""What must be true when nothing is under way, whatever happened before. One line per fault."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from typing import Any

from django.core.management import CommandError, call_command
from openstack.connection import Connection

from billing.meters import quantity_by_sku
from billing.models import UsageSpan
from catalog.kinds import get_kind
from catalog.models import (
    Metric,
    Operation,
    OperationKind,
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


@dataclass(frozen=True)
class Thing:
    """Something in a Keystone project, with what the portal made it with ("": not the portal)."""

    type: str
    id: str
    marker: str


def find_faults(operator: Connection) -> list[str]:
    """Every difference between rows, cloud, quotas, money and audit trail."""
    found: list[str] = []
    for cloud_project in CloudProject.objects.exclude(openstack_project_id=""):
        things = list(list_things(operator, cloud_project.openstack_project_id))
        found += _differences_of_listings(cloud_project, things)
        found += _differences_of_cloud_quota(cloud_project)
    for resource in Resource.objects.select_related("order_line__offering_version__cloud"):
        found += _differences_of_usage(resource)
    found += _differences_of_quota()
    found += _unsettled_orders()
    found += _refusals_of("check_quotas")
    found += _refusals_of("verify_audit")
    return found


def list_things(operator: Connection, project: str) -> Iterator[Thing]:
    """Everything in a Keystone project but what OpenStack itself puts there."""
    network = operator.network
    described = {
        "network": network.networks(project_id=project),
        "subnet": network.subnets(project_id=project),
        "router": network.routers(project_id=project),
        "floating IP": network.ips(project_id=project),
        "load balancer": operator.load_balancer.load_balancers(project_id=project),
        "security group": _not_named_default(network.security_groups(project_id=project)),
        "port": _not_of_routers(network.ports(project_id=project)),
    }
    with operator.connect_as_project({"id": project}) as cloud:
        described["zone"] = cloud.dns.zones()
        for type_, items in described.items():
            for item in items:
                yield Thing(type_, item.id, item.description or "")
        for server in cloud.compute.servers(details=True):
            yield Thing("server", server.id, next(iter(server.tags or []), ""))
        for volume in cloud.block_storage.volumes(details=True):
            yield Thing("volume", volume.id, volume.metadata.get(MARKER_PREFIX, ""))
        for copy in (*cloud.block_storage.snapshots(details=True), *cloud.block_storage.backups()):
            yield Thing("copy", copy.id, (copy.metadata or {}).get(MARKER_PREFIX, ""))
        for container in cloud.object_store.containers():
            headers = cloud.object_store.head(f"/{container.name}").headers
            marker = headers.get("X-Container-Meta-Cloudloket", "")
            yield Thing("container", container.name, marker)


def _not_named_default(groups: Any) -> list[Any]:
    return [group for group in groups if group.name != "default"]


def _not_of_routers(ports: Any) -> list[Any]:
    return [port for port in ports if not port.device_owner.startswith("network:")]


def _differences_of_listings(cloud_project: CloudProject, things: list[Thing]) -> Iterator[str]:
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
    there = {thing.id for thing in things} | {cloud_project.openstack_project_id}
    for resource in living:
        for step, openstack_id in resource.cloud_ids.items():
            if openstack_id not in there:
                yield f"{step} {openstack_id} of {resource.name} is gone"


def _differences_of_cloud_quota(cloud_project: CloudProject) -> Iterator[str]:
    limits = get_cloud(cloud_project.cloud.key).fetch_quota(cloud_project.openstack_project_id)
    for metric, needed in needed_quota(cloud_project).items():
        if limits[metric] != needed:
            yield f"the cloud limits {metric} to {limits[metric]}, where {needed} is needed"


def _differences_of_usage(resource: Resource) -> Iterator[str]:
    """One span for each SKU, as long as the resource lived; none of what never came."""
    spans = list(UsageSpan.objects.filter(resource__public_id=resource.public_id))
    metered = Counter({span.sku.code: span.quantity for span in spans})
    expected: dict[str, Decimal] = {}
    if resource.activated_at is not None:
        version = resource.order_line.offering_version
        meters = get_kind(resource.kind).meters(version, resource.spec)
        expected = dict(quantity_by_sku(meters))
    if metered != expected or len(spans) != len(expected):
        yield f"{resource.name} was metered as {dict(metered)}, and is {expected}"
    for span in spans:
        begun = _moment(resource, OperationKind.PROVISION)
        if not begun <= span.started_at <= resource.activated_at:
            yield f"{span} of {resource.name} began at {span.started_at}"
        is_over = resource.state == ResourceState.RETIRED
        if is_over != (span.ended_at is not None):
            yield f"{span} of {resource.name}, which is {resource.state}, ends at {span.ended_at}"
        elif is_over:
            asked = _moment(resource, OperationKind.RETIRE)
            if not asked <= span.ended_at <= resource.retired_at:
                yield f"{span} of {resource.name} ended at {span.ended_at}"


def _moment(resource: Resource, kind: OperationKind) -> Any:
    operation = Operation.objects.get(resource=resource, kind=kind)
    return operation.started_at.replace(microsecond=0)


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
