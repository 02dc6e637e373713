"""The quotas that OpenStack itself keeps for a project, by the portal's metric names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from portal.cloud.openstack.connections import OnCloud

MIB_PER_GIB: Final = 1024
UNLIMITED: Final = -1


@dataclass(frozen=True)
class CloudQuota:
    """Where a metric lives in OpenStack, and how many of its units go in one of ours."""

    service: str
    name: str
    per_unit: int = 1

    def to_cloud(self, limit: int) -> int:
        return limit if limit == UNLIMITED else limit * self.per_unit

    def from_cloud(self, limit: int) -> int:
        return limit if limit == UNLIMITED else limit // self.per_unit


QUOTAS: Final[Mapping[str, CloudQuota]] = {
    "servers": CloudQuota("compute", "instances"),
    "vcpus": CloudQuota("compute", "cores"),
    "memory_gib": CloudQuota("compute", "ram", MIB_PER_GIB),
    "volumes": CloudQuota("block-storage", "volumes"),
    "volume_gib": CloudQuota("block-storage", "gigabytes"),
    "snapshots": CloudQuota("block-storage", "snapshots"),
    "networks": CloudQuota("network", "networks"),
    "routers": CloudQuota("network", "routers"),
    "floating_ips": CloudQuota("network", "floating_ips"),
}
# Parts of what we count. Neutron's own limits (10 security groups, 100 rules) would refuse an
# order that the tree of quotas allows.
UNCOUNTED: Final = ("subnets", "ports", "security_groups", "security_group_rules")
# Where backups are kept is no business of Cinder's: the tree counts them as object storage.
UNCOUNTED_COPIES: Final = ("backups", "backup_gigabytes")


class Quotas(OnCloud):
    """The quota part of the port."""

    def set_quota(self, project: str, limits: Mapping[str, int]) -> None:
        compute = _of_service("compute", limits)
        volume = _of_service("block-storage", limits)
        network = _of_service("network", limits)
        if compute:
            with self._asking("compute", "set quota") as cloud:
                # force: the portal counts what it promised; what is used may be more for a moment.
                cloud.compute.update_quota_set(project, user=None, force=True, **compute)
        if volume:
            volume.update(dict.fromkeys(UNCOUNTED_COPIES, UNLIMITED))
            with self._asking("block-storage", "set quota") as cloud:
                cloud.block_storage.update_quota_set(project, **volume)
        if network:
            network.update(dict.fromkeys(UNCOUNTED, UNLIMITED))
            with self._asking("network", "set quota") as cloud:
                cloud.network.update_quota(project, **network)

    def fetch_quota(self, project: str) -> dict[str, int]:
        with self._asking("compute", "read quota") as cloud:
            compute = cloud.compute.get_quota_set(project)
        with self._asking("block-storage", "read quota") as cloud:
            volume = cloud.block_storage.get_quota_set(project)
        with self._asking("network", "read quota") as cloud:
            network = cloud.network.get_quota(project)
        answers = {"compute": compute, "block-storage": volume, "network": network}
        return {
            metric: quota.from_cloud(int(getattr(answers[quota.service], quota.name)))
            for metric, quota in QUOTAS.items()
        }


def _of_service(service: str, limits: Mapping[str, int]) -> dict[str, int]:
    """The limits that this service keeps, by its names and in its units."""
    return {
        QUOTAS[metric].name: QUOTAS[metric].to_cloud(limit)
        for metric, limit in limits.items()
        if QUOTAS[metric].service == service
    }
