"""Projects, quotas and inventory of the fake cloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import uuid4

from portal.cloud.fake.memory import Memory, asked
from portal.cloud.ports import (
    BACKUP_GIB,
    UNLIMITED,
    CloudMissing,
    CloudObject,
    CloudQuotaRefused,
    CloudRefused,
    CloudUnavailable,
    FlavorFacts,
    ImageFacts,
    Inventory,
    IssuedCredential,
    VolumeTypeFacts,
)

# What a fresh OpenStack project has.
DEFAULT_LIMITS: Final[Mapping[str, int]] = {
    "servers": 10,
    "vcpus": 20,
    "memory_gib": 50,
    "volumes": 10,
    "volume_gib": 1000,
    "snapshots": 10,
    BACKUP_GIB: 1000,
    "networks": 100,
    "routers": 10,
    "floating_ips": 50,
    "load_balancers": UNLIMITED,
    "dns_zones": 10,
    "object_gib": UNLIMITED,
}
_COUNTED: Final = {
    "servers": "server",
    "volumes": "volume",
    "snapshots": "snapshot",
    "networks": "network",
    "routers": "router",
    "floating_ips": "floating_ip",
    "load_balancers": "load_balancer",
    "dns_zones": "zone",
}
# Of these Cinder and Neutron take no limit below what is used; Nova takes any.
_AT_LEAST_WHAT_IS_USED: Final = frozenset(
    {"volumes", "volume_gib", "snapshots", BACKUP_GIB, "networks", "routers", "floating_ips"}
)
_SLOW: Final = frozenset({"server", "volume", "load_balancer", "zone", "container"})
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
    def ensure_project_access(self, project: str, *, user: str = "") -> None:
        self._check_project(project)
        if user:
            self._check_user(user)
            self.things[user].details["member_of"] = project

    @asked
    def set_quota(self, project: str, limits: Mapping[str, int]) -> None:
        self._check_project(project)
        unknown = limits.keys() - DEFAULT_LIMITS.keys()
        if unknown:
            raise KeyError(f"OpenStack has no quota for {sorted(unknown)}")
        used = self._used(project)
        for metric in _AT_LEAST_WHAT_IS_USED & limits.keys():
            if UNLIMITED < limits[metric] < used[metric]:
                raise CloudUnavailable(f"{used[metric]} {metric} are used: no lower limit")
        self.limits.setdefault(project, dict(DEFAULT_LIMITS)).update(limits)

    @asked
    def fetch_quota(self, project: str) -> dict[str, int]:
        self._check_project(project)
        return {**DEFAULT_LIMITS, **self.limits.get(project, {})}

    @asked
    def fetch_usage(self, project: str) -> dict[str, int]:
        self._check_project(project)
        return self._used(project)

    def _used(self, project: str) -> dict[str, int]:
        servers = self.of("server", project)
        flavors = {flavor.name: flavor for flavor in self.inventory.flavors}
        sizes = [flavors[name] for one in servers if (name := one.details["flavor"]) in flavors]
        counted = {metric: len(self.of(kind, project)) for metric, kind in _COUNTED.items()}
        return {
            **dict.fromkeys(DEFAULT_LIMITS, 0),
            **counted,
            "vcpus": sum(size.vcpus for size in sizes),
            "memory_gib": sum(size.memory_mib for size in sizes) // 1024,
            "volume_gib": self.used_gib(project),
            BACKUP_GIB: self.backup_gib(project),
        }

    def used_gib(self, project: str) -> int:
        """What volumes and their snapshots take together, as Cinder counts."""
        things = [*self.of("volume", project), *self.of("snapshot", project)]
        return sum(thing.details["size_gib"] for thing in things)

    def backup_gib(self, project: str) -> int:
        """What its backups take together."""
        return sum(backup.details["size_gib"] for backup in self.of("backup", project))

    @asked
    def clear_project(
        self, project: str, *, before_each: Callable[[], object] = lambda: None
    ) -> dict[str, int]:
        self._check_project(project)
        before_each()
        there = [thing for thing in self.things.values() if thing.project == project]
        left = [thing for thing in there if thing.kind in _SLOW]
        for thing in there:
            del self.things[thing.id]
        return {"things": len(left)} if left else {}

    @asked
    def delete_project(self, project: str) -> None:
        self._check_project(project)
        del self.things[project]

    @asked
    def find_users(self, *, domain_name: str, name: str) -> list[CloudObject]:
        return self.found("user", domain_name, name)

    @asked
    def create_user(self, *, domain_name: str, name: str, project: str) -> CloudObject:
        self._check_project(project)
        found = self.found("user", domain_name, name)
        user_id = found[0].id if found else self.add("user", domain_name, name, name).id
        self.things[user_id].details["member_of"] = project
        return self.things[user_id].facts()

    @asked
    def delete_user(self, user: str) -> None:
        self._check_user(user)
        for credential in self.of("credential", user):
            del self.things[credential.id]
        del self.things[user]

    @asked
    def list_credentials(self, user: str) -> list[CloudObject]:
        self._check_user(user)
        return [thing.facts() for thing in self.of("credential", user)]

    @asked
    def create_credential(
        self,
        project: str,
        user: str,
        *,
        name: str,
        expires_at: datetime | None,
        storage_path: str = "",
    ) -> IssuedCredential:
        self._check_user(user)
        if self.things[user].details.get("member_of") != project:
            raise self.refusal(CloudRefused, 400, "Could not find role assignment")
        if any(thing.name == name for thing in self.of("credential", user)):
            raise self.busy("Conflict occurred attempting to store application_credential")
        until = expires_at.isoformat() if expires_at else None
        only = {"storage_path": storage_path} if storage_path else {}
        made = self.add("credential", user, name, "", expires_at=until, **only)
        return IssuedCredential(
            id=made.id,
            secret=f"s3cret-{made.id}-{uuid4().hex}",
            auth_url="https://identity.example.nl/v3",
            region="nl-west-1",
        )

    @asked
    def delete_credential(self, user: str, credential: str) -> None:
        del self.things[self.get("credential", user, credential).id]

    def _check_user(self, user: str) -> None:
        thing = self.things.get(user)
        if thing is None or thing.kind != "user":
            raise self.refusal(CloudMissing, 404, f"user {user} could not be found")

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
