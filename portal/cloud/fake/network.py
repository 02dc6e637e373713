"""The network part of the fake cloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from ipaddress import ip_address, ip_network

from portal.cloud.fake.memory import Memory, Thing, asked
from portal.cloud.fake.projects import check_room
from portal.cloud.ports import CloudMissing, CloudObject, NetworkSpec, PortSpec, SecurityRule

OUTSIDE = ip_network("203.0.113.0/24")  # addresses that no machine has (RFC 5737)
FIRST_HOST = 10  # addresses below are for the router and the like


class FakeNetworks(Memory):
    @asked
    def find_networks(self, project: str, marker: str) -> list[CloudObject]:
        return self.found("network", project, marker)

    @asked
    def create_network(self, project: str, spec: NetworkSpec, marker: str) -> CloudObject:
        check_room(self, project, 409, networks=(len(self.of("network", project)), 1))
        return self.add("network", project, spec.name, marker).facts()

    @asked
    def delete_network(self, project: str, network_id: str) -> None:
        network = self.get("network", project, network_id)
        if self._ports_of(network) or self._subnets_on_routers(network):
            raise self.busy(f"ports are still in use on network {network_id}")
        for subnet in self._subnets_of(network):
            del self.things[subnet.id]
        del self.things[network_id]

    @asked
    def find_subnets(self, project: str, marker: str) -> list[CloudObject]:
        return self.found("subnet", project, marker)

    @asked
    def create_subnet(
        self, project: str, network_id: str, spec: NetworkSpec, marker: str
    ) -> CloudObject:
        self.get("network", project, network_id)
        subnet = self.add(
            "subnet", project, spec.name, marker, cidr=spec.cidr, network_id=network_id
        )
        return subnet.facts()

    @asked
    def delete_subnet(self, project: str, subnet_id: str) -> None:
        subnet = self.get("subnet", project, subnet_id)
        network = self.get("network", project, subnet.details["network_id"])
        if self._ports_of(network) or self._subnets_on_routers(network):
            raise self.busy(f"ports still have an address of subnet {subnet_id}")
        del self.things[subnet_id]

    @asked
    def find_routers(self, project: str, marker: str) -> list[CloudObject]:
        return self.found("router", project, marker)

    @asked
    def create_router(self, project: str, name: str, marker: str) -> CloudObject:
        check_room(self, project, 409, routers=(len(self.of("router", project)), 1))
        outside = "network-outside"
        return self.add(
            "router", project, name, marker, outside_network_id=outside, subnet_ids=[]
        ).facts()

    @asked
    def delete_router(self, project: str, router_id: str) -> None:
        if self.get("router", project, router_id).details["subnet_ids"]:
            raise self.busy(f"router {router_id} still has ports")
        del self.things[router_id]

    @asked
    def ensure_router_interface(self, project: str, router_id: str, subnet_id: str) -> None:
        self.get("subnet", project, subnet_id)
        subnet_ids = self.get("router", project, router_id).details["subnet_ids"]
        if subnet_id not in subnet_ids:
            subnet_ids.append(subnet_id)

    @asked
    def remove_router_interface(self, project: str, router_id: str, subnet_id: str) -> None:
        router = self.things.get(router_id)
        if router is not None and subnet_id in router.details["subnet_ids"]:
            router.details["subnet_ids"].remove(subnet_id)

    @asked
    def find_security_groups(self, project: str, marker: str) -> list[CloudObject]:
        return self.found("security_group", project, marker)

    @asked
    def create_security_group(self, project: str, name: str, marker: str) -> CloudObject:
        return self.add("security_group", project, name, marker, rules=[]).facts()

    @asked
    def delete_security_group(self, project: str, security_group_id: str) -> None:
        self.get("security_group", project, security_group_id)
        users = [
            port
            for port in self.of("port", project)
            if security_group_id in port.details["security_group_ids"]
        ]
        if users:
            raise self.busy(f"security group {security_group_id} is in use")
        del self.things[security_group_id]

    @asked
    def ensure_security_rules(
        self, project: str, security_group_id: str, rules: Sequence[SecurityRule]
    ) -> None:
        there = self.get("security_group", project, security_group_id).details["rules"]
        there.extend(asdict(rule) for rule in rules if asdict(rule) not in there)

    @asked
    def remove_other_security_rules(
        self, project: str, security_group_id: str, rules: Sequence[SecurityRule]
    ) -> None:
        there = self.get("security_group", project, security_group_id).details["rules"]
        wanted = [asdict(rule) for rule in rules]
        there[:] = [rule for rule in there if rule in wanted or rule["direction"] != "ingress"]

    @asked
    def find_ports(self, project: str, marker: str) -> list[CloudObject]:
        return self.found("port", project, marker)

    @asked
    def create_port(self, project: str, spec: PortSpec, marker: str) -> CloudObject:
        network = self.get("network", project, spec.network_id)
        for group_id in spec.security_group_ids:
            self.get("security_group", project, group_id)
        port = self.add(
            "port",
            project,
            spec.name,
            marker,
            network_id=network.id,
            security_group_ids=list(spec.security_group_ids),
            addresses=self._addresses(network, spec.address),
            device_id="",
        )
        port.status = "DOWN"
        return port.facts()

    @asked
    def set_port_security_groups(
        self, project: str, port_id: str, security_group_ids: Sequence[str]
    ) -> None:
        port = self.get("port", project, port_id)
        for group_id in security_group_ids:
            self.get("security_group", project, group_id)
        port.details["security_group_ids"] = list(security_group_ids)

    @asked
    def delete_port(self, project: str, port_id: str) -> None:
        self.get("port", project, port_id)
        del self.things[port_id]
        for address in self.of("floating_ip", project):
            if address.details["port_id"] == port_id:
                self._point(address, "")

    @asked
    def find_floating_ips(self, project: str, marker: str) -> list[CloudObject]:
        return self.found("floating_ip", project, marker)

    @asked
    def create_floating_ip(self, project: str, marker: str) -> CloudObject:
        taken = len(self.of("floating_ip", project))
        check_room(self, project, 409, floating_ips=(taken, 1))
        address = str(OUTSIDE[FIRST_HOST + self.count("floating_ip")])
        thing = self.add("floating_ip", project, address, marker, address=address, port_id="")
        thing.status = "DOWN"
        return thing.facts()

    @asked
    def delete_floating_ip(self, project: str, floating_ip_id: str) -> None:
        self.get("floating_ip", project, floating_ip_id)
        del self.things[floating_ip_id]

    @asked
    def point_floating_ip(self, project: str, floating_ip_id: str, port_id: str) -> None:
        address = self.get("floating_ip", project, floating_ip_id)
        if port_id:
            port = self.get("port", project, port_id)
            network = self.get("network", project, port.details["network_id"])
            if not self._subnets_on_routers(network):
                said = f"the external network is not reachable from port {port_id}"
                raise self.refusal(CloudMissing, 404, said)
        self._point(address, port_id)

    def _point(self, address: Thing, port_id: str) -> None:
        address.details["port_id"] = port_id
        address.status = "ACTIVE" if port_id else "DOWN"

    def _addresses(self, network: Thing, wish: str) -> list[str]:
        """One of each subnet: the one that was wished for, where that is free."""
        ports = self._ports_of(network)
        taken = {address for port in ports for address in port.details["addresses"]}
        ranges = [ip_network(subnet.details["cidr"]) for subnet in self._subnets_of(network)]
        return [
            wish
            if wish and wish not in taken and ip_address(wish) in addresses
            else str(addresses[FIRST_HOST + len(ports)])
            for addresses in ranges
        ]

    def _ports_of(self, network: Thing) -> list[Thing]:
        ports = self.of("port", network.project)
        return [port for port in ports if port.details["network_id"] == network.id]

    def _subnets_of(self, network: Thing) -> list[Thing]:
        subnets = self.of("subnet", network.project)
        return [subnet for subnet in subnets if subnet.details["network_id"] == network.id]

    def _subnets_on_routers(self, network: Thing) -> list[Thing]:
        routed = {
            subnet_id
            for router in self.of("router", network.project)
            for subnet_id in router.details["subnet_ids"]
        }
        return [subnet for subnet in self._subnets_of(network) if subnet.id in routed]
