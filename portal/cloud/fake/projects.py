"""Projects, quotas and inventory of the fake cloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from portal.cloud.fake.memory import Memory, asked
from portal.cloud.ports import (
    CloudMissing,
    CloudObject,
    CloudQuotaRefused,
    FlavorFacts,
    ImageFacts,
    Inventory,
    VolumeTypeFacts,
)

UNLIMITED: Final = -1
# What a fresh OpenStack project has.
DEFAULT_LIMITS: Final[Mapping[str, int]] = {
    "servers": 10,
    "vcpus": 20,
    "memory_gib": 50,
    "volumes": 10,
    "volume_gib": 1000,
    "snapshots": 10,
    "networks": 100,
    "routers": 10,
    "floating_ips": 50,
}
INVENTORY: Final = Inventory(
    flavors=[
        FlavorFacts(id="flavor-1", name="gp.small", vcpus=2, memory_mib=4096, disk_gib=20),
        FlavorFacts(id="flavor-2", name="gp.medium", vcpus=4, memory_mib=8192, disk_gib=20),
    ],
    images=[
        ImageFacts(id="image-1", name="Debian 12", min_disk_gib=10, min_memory_mib=512),
        ImageFacts(id="image-2", name="Ubuntu 24.04 LTS", min_disk_gib=10, min_memory_mib=1024),
    ],
    volume_types=[
        VolumeTypeFacts(id="type-1", name="standard"),
        VolumeTypeFacts(id="type-2", name="fast"),
    ],
)


class FakeProjects(Memory):
    def __init__(self) -> None:
        super().__init__()
        self.inventory = INVENTORY

    @asked
    def fetch_inventory(self) -> Inventory:
        return self.inventory

    @asked
    def find_projects(self, *, domain_name: str, name: str) -> list[CloudObject]:
        return self.found("project", domain_name, name)

    @asked
    def create_project(self, *, domain_name: str, name: str, description: str) -> CloudObject:
        found = self.found("project", domain_name, name)
        if found:
            return found[0]
        return self.add("project", domain_name, name, name).facts()

    @asked
    def ensure_project_access(self, project: str) -> None:
        self._check_project(project)

    @asked
    def set_quota(self, project: str, limits: Mapping[str, int]) -> None:
        self._check_project(project)
        unknown = limits.keys() - DEFAULT_LIMITS.keys()
        if unknown:
            raise KeyError(f"OpenStack has no quota for {sorted(unknown)}")
        self.limits.setdefault(project, dict(DEFAULT_LIMITS)).update(limits)

    @asked
    def fetch_quota(self, project: str) -> dict[str, int]:
        self._check_project(project)
        return {**DEFAULT_LIMITS, **self.limits.get(project, {})}

    def _check_project(self, project: str) -> None:
        thing = self.things.get(project)
        if thing is None or thing.kind != "project":
            raise self.refusal(CloudMissing, 404, f"project {project} could not be found")


def check_room(memory: Memory, project: str, status: int, **wanted: tuple[int, int]) -> None:
    """Refuse what does not fit. ``wanted``: by metric, what is used and what comes on top.

    Raises:
        CloudQuotaRefused: with ``status``, which differs between the services.
    """
    limits = {**DEFAULT_LIMITS, **memory.limits.get(project, {})}
    for metric, (used, more) in wanted.items():
        if limits[metric] != UNLIMITED and used + more > limits[metric]:
            raise memory.refusal(CloudQuotaRefused, status, f"Quota exceeded for {metric}")
