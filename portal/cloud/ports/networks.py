"""What the portal asks of a cloud about networks, rules and addresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from portal.cloud.ports.objects import CloudObject
from portal.cloud.ports.specs import NetworkSpec, PortSpec, SecurityRule


class NetworkPort(Protocol):
    """A part of ``portal.cloud.ports.Cloud``, and promises what that does."""

    def find_networks(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_network(self, project: str, spec: NetworkSpec, marker: str) -> CloudObject: ...

    def delete_network(self, project: str, network_id: str) -> None: ...

    def find_subnets(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_subnet(
        self, project: str, network_id: str, spec: NetworkSpec, marker: str
    ) -> CloudObject: ...

    def delete_subnet(self, project: str, subnet_id: str) -> None: ...

    def find_routers(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_router(self, project: str, name: str, marker: str) -> CloudObject:
        """Make a router with its gateway on the cloud's external network, where there is one."""
        ...

    def delete_router(self, project: str, router_id: str) -> None:
        """Delete a router without interfaces; with them it is busy (CloudUnavailable)."""
        ...

    def ensure_router_interface(self, project: str, router_id: str, subnet_id: str) -> None: ...

    def remove_router_interface(self, project: str, router_id: str, subnet_id: str) -> None:
        """Take the subnet off the router; success when it is not on it."""
        ...

    def find_security_groups(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_security_group(self, project: str, name: str, marker: str) -> CloudObject: ...

    def delete_security_group(self, project: str, security_group_id: str) -> None: ...

    def ensure_security_rules(
        self, project: str, security_group_id: str, rules: Sequence[SecurityRule]
    ) -> None:
        """Add the rules that are not there yet; safe to repeat."""
        ...

    def remove_other_security_rules(
        self, project: str, security_group_id: str, rules: Sequence[SecurityRule]
    ) -> None:
        """Remove what lets anything in beside these rules; what goes out stays. Safe to repeat."""
        ...

    def find_ports(self, project: str, marker: str) -> list[CloudObject]:
        """``details`` has ``addresses`` and ``security_group_ids``."""
        ...

    def create_port(self, project: str, spec: PortSpec, marker: str) -> CloudObject: ...

    def set_port_security_groups(
        self, project: str, port_id: str, security_group_ids: Sequence[str]
    ) -> None:
        """Put the port in exactly these groups, all at once; safe to repeat.

        Raises:
            CloudMissing: the port or one of the groups is gone.
        """
        ...

    def delete_port(self, project: str, port_id: str) -> None: ...

    def find_floating_ips(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_floating_ip(self, project: str, marker: str) -> CloudObject:
        """Take an address of the cloud's external network; ``details`` has ``address``.

        Raises:
            CloudRefused: the cloud has no external network.
        """
        ...

    def delete_floating_ip(self, project: str, floating_ip_id: str) -> None: ...

    def point_floating_ip(self, project: str, floating_ip_id: str, port_id: str) -> None:
        """Let it lead to this port, or with "" to nowhere; safe to repeat.

        ``details`` of the address has ``port_id``; it leads nowhere once the port is gone.

        Raises:
            CloudRefused: the port's network has no way to the outside.
        """
        ...
