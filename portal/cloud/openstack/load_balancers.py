"""Load balancers, each made whole in one call. The marker is Octavia's description."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from openstack.connection import Connection
from openstack.exceptions import raise_from_response

from portal.cloud.openstack.connections import OnCloud
from portal.cloud.openstack.reading import carrying, made, moment, ours
from portal.cloud.ports import CloudMissing, CloudObject, LoadBalancerSpec, Traffic

SERVICE = "load-balancer"
# What Octavia would set back to its defaults of a member that stays, unless it is told again.
_KEPT: Final = ("admin_state_up", "backup", "monitor_address", "monitor_port", "name", "weight")


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

    def load_balancer_traffic(self, project: str, load_balancer_id: str) -> Traffic:
        with self._asking(SERVICE, "count traffic", project) as cloud:
            answer = cloud.load_balancer.get(f"/lbaas/loadbalancers/{load_balancer_id}/stats")
            raise_from_response(answer)
            told = answer.json()["stats"]
        return Traffic(bytes_in=told["bytes_in"], bytes_out=told["bytes_out"])

    def list_members(self, project: str, load_balancer_id: str) -> list[tuple[str, int]]:
        with self._asking(SERVICE, "list members", project) as cloud:
            return list(_members(cloud, _pool(cloud, load_balancer_id)))

    def set_members(
        self, project: str, load_balancer_id: str, members: Sequence[tuple[str, int]]
    ) -> None:
        """Octavia adds and removes in one go, by address and port."""
        with self._asking(SERVICE, "set members", project) as cloud:
            pool = _pool(cloud, load_balancer_id)
            there = _members(cloud, pool)
            if there.keys() == set(members):
                return
            rows = [
                {**there.get((host, port), {}), "address": host, "protocol_port": port}
                for host, port in members
            ]
            answer = cloud.load_balancer.put(f"/lbaas/pools/{pool}/members", json={"members": rows})
            raise_from_response(answer)


def _pool(cloud: Connection, load_balancer_id: str) -> str:
    """The id of the pool that the load balancer was made with: its oldest.

    Raises:
        CloudMissing: it has none.
    """
    pools = cloud.load_balancer.pools(loadbalancer_id=load_balancer_id)
    oldest = min(pools, key=lambda pool: (pool.created_at or "", pool.id), default=None)
    if oldest is None:
        raise CloudMissing(f"load balancer {load_balancer_id} has no pool")
    return str(oldest.id)


def _members(cloud: Connection, pool: str) -> dict[tuple[str, int], dict[str, Any]]:
    """By address and port of each member, what is kept of it."""
    answer = cloud.load_balancer.get(f"/lbaas/pools/{pool}/members")
    raise_from_response(answer)
    return {
        (row["address"], row["protocol_port"]): {
            name: row[name] for name in _KEPT if row.get(name) is not None
        }
        for row in answer.json()["members"]
        if row["provisioning_status"] != "PENDING_DELETE"
    }


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
