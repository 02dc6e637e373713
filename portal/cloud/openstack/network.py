"""Networks, subnets, routers, security groups and ports. The marker is Neutron's description."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from openstack.connection import Connection
from openstack.exceptions import BadRequestException, ConflictException, NotFoundException

from portal.cloud.openstack.connections import OnCloud
from portal.cloud.openstack.reading import carrying, made, moment, ours
from portal.cloud.ports import (
    CloudObject,
    CloudRefused,
    NetworkSpec,
    PortSpec,
    SecurityRule,
)

# What one protocol is called beside our own name for it; by number it is the same rule as well.
PROTOCOLS: Final = {
    "1": "icmp",
    "58": "icmp",
    "ipv6-icmp": "icmp",
    "icmpv6": "icmp",
    "6": "tcp",
    "17": "udp",
}
LOWEST_PORT: Final = 1
HIGHEST_PORT: Final = 65535


class Networks(OnCloud):
    """The network part of the port."""

    def find_networks(self, project: str, marker: str) -> list[CloudObject]:
        with self._asking("network", "find network", project) as cloud:
            found = cloud.network.networks(description=marker, project_id=project)
            return carrying(marker, map(read_network, found))

    def create_network(self, project: str, spec: NetworkSpec, marker: str) -> CloudObject:
        with self._asking("network", "create network", project) as cloud:
            network = cloud.network.create_network(name=spec.name, description=marker)
        return made(read_network(network), "create network")

    def delete_network(self, project: str, network_id: str) -> None:
        with self._asking("network", "delete network", project) as cloud:
            cloud.network.delete_network(network_id, ignore_missing=False)

    def find_subnets(self, project: str, marker: str) -> list[CloudObject]:
        with self._asking("network", "find subnet", project) as cloud:
            found = cloud.network.subnets(description=marker, project_id=project)
            return carrying(marker, map(_subnet_object, found))

    def create_subnet(
        self, project: str, network_id: str, spec: NetworkSpec, marker: str
    ) -> CloudObject:
        with self._asking("network", "create subnet", project) as cloud:
            subnet = cloud.network.create_subnet(
                network_id=network_id,
                name=spec.name,
                description=marker,
                cidr=spec.cidr,
                ip_version=_ip_version(spec.cidr),
                dns_nameservers=list(spec.dns_nameservers),
            )
        return made(_subnet_object(subnet), "create subnet")

    def delete_subnet(self, project: str, subnet_id: str) -> None:
        with self._asking("network", "delete subnet", project) as cloud:
            cloud.network.delete_subnet(subnet_id, ignore_missing=False)

    def find_routers(self, project: str, marker: str) -> list[CloudObject]:
        with self._asking("network", "find router", project) as cloud:
            found = cloud.network.routers(description=marker, project_id=project)
            return carrying(marker, map(read_router, found))

    def create_router(self, project: str, name: str, marker: str) -> CloudObject:
        with self._asking("network", "create router", project) as cloud:
            outside = _outside_network_id(cloud)
            gateway = {"external_gateway_info": {"network_id": outside}} if outside else {}
            router = cloud.network.create_router(name=name, description=marker, **gateway)
        return made(read_router(router), "create router")

    def delete_router(self, project: str, router_id: str) -> None:
        with self._asking("network", "delete router", project) as cloud:
            cloud.network.delete_router(router_id, ignore_missing=False)

    def ensure_router_interface(self, project: str, router_id: str, subnet_id: str) -> None:
        with self._asking("network", "attach subnet to router", project) as cloud:
            if _is_on_router(cloud, router_id, subnet_id):
                return  # as for every order but the first
            try:
                cloud.network.add_interface_to_router(router_id, subnet=subnet_id)
            except (BadRequestException, ConflictException):
                # An earlier request without an answer may have come through in between.
                if not _is_on_router(cloud, router_id, subnet_id):
                    raise

    def remove_router_interface(self, project: str, router_id: str, subnet_id: str) -> None:
        with self._asking("network", "detach subnet from router", project) as cloud:
            try:
                cloud.network.remove_interface_from_router(router_id, subnet=subnet_id)
            except NotFoundException:
                return

    def find_security_groups(self, project: str, marker: str) -> list[CloudObject]:
        with self._asking("network", "find security group", project) as cloud:
            found = cloud.network.security_groups(description=marker, project_id=project)
            return carrying(marker, map(read_group, found))

    def create_security_group(self, project: str, name: str, marker: str) -> CloudObject:
        with self._asking("network", "create security group", project) as cloud:
            group = cloud.network.create_security_group(name=name, description=marker)
        return made(read_group(group), "create security group")

    def delete_security_group(self, project: str, security_group_id: str) -> None:
        with self._asking("network", "delete security group", project) as cloud:
            cloud.network.delete_security_group(security_group_id, ignore_missing=False)

    def ensure_security_rules(
        self, project: str, security_group_id: str, rules: Sequence[SecurityRule]
    ) -> None:
        with self._asking("network", "add security rules", project) as cloud:
            there = {
                _opening(rule.to_dict())
                for rule in cloud.network.security_group_rules(security_group_id=security_group_id)
            }
            wanted = [_rule_body(security_group_id, rule) for rule in rules]
            missing = [body for body in wanted if _opening(body) not in there]
            if missing:
                # One request for all: Neutron makes every rule of it, or none.
                list(cloud.network.create_security_group_rules(missing))

    def remove_other_security_rules(
        self, project: str, security_group_id: str, rules: Sequence[SecurityRule]
    ) -> None:
        with self._asking("network", "remove security rules", project) as cloud:
            group = cloud.network.get_security_group(security_group_id)  # a list knows no 404
            kept = {_opening(_rule_body(group.id, rule)) for rule in rules}
            for rule in cloud.network.security_group_rules(
                security_group_id=group.id, direction="ingress"
            ):
                if _opening(rule.to_dict()) not in kept:
                    cloud.network.delete_security_group_rule(rule.id, ignore_missing=True)

    def find_ports(self, project: str, marker: str) -> list[CloudObject]:
        with self._asking("network", "find port", project) as cloud:
            found = cloud.network.ports(description=marker, project_id=project)
            return carrying(marker, map(_port_object, found))

    def create_port(self, project: str, spec: PortSpec, marker: str) -> CloudObject:
        with self._asking("network", "create port", project) as cloud:
            try:
                port = _create_port(cloud, spec, marker, spec.address)
            except (BadRequestException, ConflictException):
                if not spec.address:
                    raise
                # Another has that address by now, or the network does: nothing was made.
                port = _create_port(cloud, spec, marker, "")
        return made(_port_object(port), "create port")

    def set_port_security_groups(
        self, project: str, port_id: str, security_group_ids: Sequence[str]
    ) -> None:
        with self._asking("network", "set security groups of port", project) as cloud:
            cloud.network.update_port(port_id, security_group_ids=list(security_group_ids))

    def delete_port(self, project: str, port_id: str) -> None:
        with self._asking("network", "delete port", project) as cloud:
            cloud.network.delete_port(port_id, ignore_missing=False)

    def find_floating_ips(self, project: str, marker: str) -> list[CloudObject]:
        with self._asking("network", "find floating IP", project) as cloud:
            found = cloud.network.ips(description=marker, project_id=project)
            return carrying(marker, map(read_floating_ip, found))

    def create_floating_ip(self, project: str, marker: str) -> CloudObject:
        with self._asking("network", "create floating IP", project) as cloud:
            outside = _outside_network_id(cloud)
            if outside is None:
                raise CloudRefused("the cloud has no external network", service="network")
            address = cloud.network.create_ip(floating_network_id=outside, description=marker)
        return made(read_floating_ip(address), "create floating IP")

    def delete_floating_ip(self, project: str, floating_ip_id: str) -> None:
        with self._asking("network", "delete floating IP", project) as cloud:
            cloud.network.delete_ip(floating_ip_id, ignore_missing=False)

    def point_floating_ip(self, project: str, floating_ip_id: str, port_id: str) -> None:
        with self._asking("network", "point floating IP", project) as cloud:
            cloud.network.update_ip(floating_ip_id, port_id=port_id or None)


def _create_port(cloud: Connection, spec: PortSpec, marker: str, address: str) -> Any:
    wish = {"fixed_ips": [{"ip_address": address}]} if address else {}
    return cloud.network.create_port(
        name=spec.name,
        description=marker,
        network_id=spec.network_id,
        security_group_ids=list(spec.security_group_ids),
        **wish,
    )


def _outside_network_id(cloud: Connection) -> str | None:
    """The cloud's external network; of several the first by name."""
    outside = sorted(
        cloud.network.networks(is_router_external=True), key=lambda found: str(found.name)
    )
    return str(outside[0].id) if outside else None


def _ip_version(cidr: str) -> int:
    return 6 if ":" in cidr else 4


def _rule_body(security_group_id: str, rule: SecurityRule) -> dict[str, Any]:
    """The rule in Neutron's words; without an address range it admits the group's own members."""
    version = _ip_version(rule.remote_cidr or "")
    return {
        "security_group_id": security_group_id,
        "direction": rule.direction,
        "ether_type": f"IPv{version}",
        "protocol": rule.protocol,
        "port_range_min": rule.port_min,
        "port_range_max": rule.port_max,
        "remote_ip_prefix": rule.remote_cidr,
        "remote_group_id": None if rule.remote_cidr else security_group_id,
    }


def _opening(rule: dict[str, Any]) -> tuple[Any, ...]:
    """What makes two rules of one group the same; Neutron writes 0.0.0.0/0 as it was given."""
    keys = ("direction", "ether_type", "remote_ip_prefix", "remote_group_id")
    return (*map(rule.get, keys), *_protocol_and_ports(rule))


def _protocol_and_ports(rule: dict[str, Any]) -> tuple[str | None, int | None, int | None]:
    """As we ask for it: Neutron writes ICMP over IPv6, and a range of all ports, in its own way.

    neutron.db.securitygroups_db: _make_canonical_ipv6_icmp_protocol, _make_canonical_port_range.
    """
    protocol = PROTOCOLS.get(rule["protocol"], rule["protocol"])
    low, high = rule["port_range_min"], rule["port_range_max"]
    if protocol in {"tcp", "udp"} and low is None:
        low, high = LOWEST_PORT, HIGHEST_PORT
    return protocol, low, high


def _is_on_router(cloud: Connection, router_id: str, subnet_id: str) -> bool:
    ports = cloud.network.ports(device_id=router_id)
    return any(
        address["subnet_id"] == subnet_id for port in ports for address in port.fixed_ips or []
    )


def _facts(item: Any) -> dict[str, Any]:
    """The fields that every Neutron resource has."""
    return {
        "id": item.id,
        "name": item.name or "",
        "created_at": moment(item.created_at),
        "marker": ours(item.description),
    }


def read_network(item: Any) -> CloudObject:
    return CloudObject(**_facts(item), status=item.status or "")


def _subnet_object(item: Any) -> CloudObject:
    """A subnet has no status; when it is there it works."""
    details = {"cidr": item.cidr, "network_id": item.network_id}
    return CloudObject(**_facts(item), status="ACTIVE", details=details)


def read_router(item: Any) -> CloudObject:
    outside = (item.external_gateway_info or {}).get("network_id")
    return CloudObject(
        **_facts(item), status=item.status or "", details={"outside_network_id": outside}
    )


def read_group(item: Any) -> CloudObject:
    """What comes in stands in the facts; Neutron lets everything out by itself."""
    rules = [_rule_facts(rule) for rule in item.security_group_rules or []]
    incoming = [rule for rule in rules if rule["direction"] == "ingress"]
    return CloudObject(**_facts(item), status="ACTIVE", details={"rules": incoming})


def _rule_facts(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule in the words of ``SecurityRule``."""
    protocol, low, high = _protocol_and_ports(rule)
    return {
        "direction": rule["direction"],
        "protocol": protocol,
        "port_min": low,
        "port_max": high,
        "remote_cidr": rule["remote_ip_prefix"],
    }


def read_floating_ip(item: Any) -> CloudObject:
    """Neutron gives it no name; it is DOWN until it leads somewhere."""
    facts = {**_facts(item), "name": item.floating_ip_address or ""}
    details = {"address": item.floating_ip_address, "port_id": item.port_id or ""}
    return CloudObject(**facts, status=item.status or "", details=details)


def _port_object(item: Any) -> CloudObject:
    addresses = [address["ip_address"] for address in item.fixed_ips or []]
    details = {
        "addresses": addresses,
        "network_id": item.network_id,
        "device_id": item.device_id or "",
        "security_group_ids": list(item.security_group_ids or []),
    }
    return CloudObject(**_facts(item), status=item.status or "", details=details)
