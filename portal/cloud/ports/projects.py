"""What the portal asks of a cloud about projects: what they may and do use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from portal.cloud.ports.facts import Inventory
from portal.cloud.ports.objects import CloudObject


class ProjectPort(Protocol):
    """A part of ``portal.cloud.ports.Cloud``, and promises what that does."""

    def fetch_inventory(self) -> Inventory: ...

    def find_projects(self, *, domain_name: str, name: str) -> list[CloudObject]: ...

    def create_project(self, *, domain_name: str, name: str, description: str) -> CloudObject:
        """Make the Keystone project, or find it: the name is unique in the domain.

        Gives the portal's service user the member role in it; when only that fails the error
        says ``outcome_unknown``, since the project is there.
        """
        ...

    def ensure_project_access(self, project: str, *, user: str = "") -> None:
        """Give the user, or else the portal's own, the member role in the project; may be
        repeated.
        """
        ...

    def set_quota(self, project: str, limits: Mapping[str, int]) -> None:
        """Set the project's quotas, by our metric names: servers, vcpus, memory_gib, volumes,
        volume_gib, snapshots, networks, routers, floating_ips, load_balancers, dns_zones,
        object_gib, and backup_gib; unnamed ones stay. UNLIMITED is no limit. Repeatable. A service
        that the cloud lacks is passed over.

        Raises:
            CloudUnavailable: also where a limit of storage or network is below what is used, which
                may be on its way out.
        """
        ...

    def fetch_quota(self, project: str) -> dict[str, int]:
        """The project's quotas by the same metric names."""
        ...

    def fetch_usage(self, project: str) -> dict[str, int]:
        """What the project uses of them, in the same units, rounded up."""
        ...

    def clear_project(
        self, project: str, *, before_each: Callable[[], object] = ...
    ) -> dict[str, int]:
        """Delete what stands in the project, whoever made it, as far as that is possible now.

        Args:
            before_each: called before each kind of thing; together they may take minutes.

        Returns:
            What is left, by kind of thing; nothing left is {}. Repeat until then.
        """
        ...

    def delete_project(self, project: str) -> None:
        """Delete an empty Keystone project."""
        ...
