"""Load balancers, each made whole in one call. The marker is Octavia's description."""

from __future__ import annotations

from typing import Any

from portal.cloud.openstack.connections import OnCloud
from portal.cloud.openstack.reading import carrying, made, moment, ours
from portal.cloud.ports import CloudObject, LoadBalancerSpec

SERVICE = "load-balancer"


class LoadBalancers(OnCloud):
    """The load balancer part of the port."""

    def find_load_balancers(self, project: str, marker: str) -> list[CloudObject]:
        with self._asking(SERVICE, "find load balancer", project) as cloud:
            found = cloud.load_balancer.load_balancers(description=marker, project_id=project)
            return carrying(marker, map(read_load_balancer, found))

    def create_load_balancer(
        self, project: str, spec: LoadBalancerSpec, marker: str
    ) -> CloudObject:
        with self._asking(SERVICE, "create load balancer", project) as cloud:
            balancer = cloud.load_balancer.create_load_balancer(
                name=spec.name,
                description=marker,
                project_id=project,
                vip_network_id=spec.network_id,
                listeners=[_listener(spec)],
            )
        return made(read_load_balancer(balancer), "create load balancer")

    def delete_load_balancer(self, project: str, load_balancer_id: str) -> None:
        with self._asking(SERVICE, "delete load balancer", project) as cloud:
            cloud.load_balancer.delete_load_balancer(
                load_balancer_id, ignore_missing=False, cascade=True
            )

    def list_load_balancers(self, project: str) -> list[CloudObject]:
        with self._asking(SERVICE, "list load balancers", project) as cloud:
            found = cloud.load_balancer.load_balancers(project_id=project)
            return [read_load_balancer(item) for item in found]


def _listener(spec: LoadBalancerSpec) -> dict[str, Any]:
    """The listener with its pool, members and monitor, as one body."""
    members = [{"address": host, "protocol_port": port} for host, port in spec.members]
    monitor = {"type": spec.protocol, "delay": 10, "timeout": 5, "max_retries": 3}
    pool = {
        "name": spec.name,
        "protocol": spec.protocol,
        "lb_algorithm": "ROUND_ROBIN",
        "members": members,
        "healthmonitor": monitor,
    }
    return {
        "name": spec.name,
        "protocol": spec.protocol,
        "protocol_port": spec.port,
        "default_pool": pool,
    }


def read_load_balancer(item: Any) -> CloudObject:
    return CloudObject(
        id=item.id,
        name=item.name or "",
        status=item.provisioning_status or "",
        created_at=moment(item.created_at),
        marker=ours(item.description),
        details={"address": item.vip_address or "", "operating_status": item.operating_status},
    )
