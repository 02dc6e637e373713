"""What stands in a Keystone project, asked of the cloud itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from openstack.connection import Connection

from portal.cloud.ports import MARKER_PREFIX


@dataclass(frozen=True)
class Thing:
    """Something in a Keystone project, with what the portal made it with ("": not the portal)."""

    type: str
    id: str
    marker: str


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
        for image in cloud.image.images(owner=project):
            yield Thing("image", image.id, image.properties.get(MARKER_PREFIX, ""))
        for container in cloud.object_store.containers():
            headers = cloud.object_store.head(f"/{container.name}").headers
            marker = headers.get("X-Container-Meta-Cloudloket", "")
            yield Thing("container", container.name, marker)


def _not_named_default(groups: Any) -> list[Any]:
    return [group for group in groups if group.name != "default"]


def _not_of_routers(ports: Any) -> list[Any]:
    return [port for port in ports if not port.device_owner.startswith("network:")]


def list_left(operator: Connection, project: str) -> Iterator[str]:
    """What is still there of a Keystone project that is gone, so that nobody can look inside.

    Asked for those of one project, Neutron makes its default group anew: so it is asked for all.
    """
    network, query = operator.network, {"all_projects": True, "project_id": project}
    left = [
        *operator.compute.servers(**query),
        *operator.block_storage.volumes(**query),
        *network.networks(project_id=project),
        *network.routers(project_id=project),
        *network.ports(project_id=project),
        *(group for group in network.security_groups() if group.project_id == project),
    ]
    for thing in left:
        yield f"{type(thing).__name__} {thing.id} is left of project {project}"
