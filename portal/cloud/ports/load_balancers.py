"""What the portal asks of a cloud about load balancers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from portal.cloud.ports.objects import CloudObject, Traffic
from portal.cloud.ports.specs import LoadBalancerSpec


class LoadBalancerPort(Protocol):
    """A part of ``portal.cloud.ports.Cloud``, and promises what that does."""

    def find_load_balancers(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_load_balancer(
        self, project: str, spec: LoadBalancerSpec, marker: str
    ) -> CloudObject:
        """Make it with its listener, pool, members and monitor; ``details`` has ``address``."""
        ...

    def delete_load_balancer(self, project: str, load_balancer_id: str) -> None:
        """Delete it with all its parts; while it is being made it is busy."""
        ...

    def list_load_balancers(self, project: str) -> list[CloudObject]: ...

    def list_members(self, project: str, load_balancer_id: str) -> list[tuple[str, int]]:
        """Address and port of each member, without those that are on their way out."""
        ...

    def set_members(
        self, project: str, load_balancer_id: str, members: Sequence[tuple[str, int]]
    ) -> None:
        """Make these its members, and no others; those that stay are left as they are.

        It is PENDING_UPDATE meanwhile; one that is busy with anything is busy (CloudUnavailable).
        """
        ...

    def load_balancer_traffic(self, project: str, load_balancer_id: str) -> Traffic:
        """What passed through it since the cloud began to count.

        The count is set back, in whole or in part, when what carries the traffic is replaced.

        Raises:
            CloudMissing: it is gone.
        """
        ...
