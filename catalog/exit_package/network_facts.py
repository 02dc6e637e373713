"""The network of a project in one file, from the blocks that describe it and what has an address.

It is for people and other tools: it says what stands in ``main.tf.json``, without its expressions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from catalog.exit_package.things import Thing
from catalog.exit_package.tofu import Block, Ref, Variable, distinct

_SECTIONS: Final[Mapping[str, str]] = {
    "openstack_networking_network_v2": "networks",
    "openstack_networking_subnet_v2": "subnets",
    "openstack_networking_router_v2": "routers",
    "openstack_networking_router_interface_v2": "router_interfaces",
    "openstack_networking_secgroup_v2": "security_groups",
    "openstack_networking_secgroup_rule_v2": "security_rules",
    "openstack_networking_port_v2": "ports",
    "openstack_networking_floatingip_v2": "public_addresses",
    "openstack_networking_floatingip_associate_v2": "public_address_uses",
    "openstack_lb_loadbalancer_v2": "load_balancers",
    "openstack_lb_listener_v2": "load_balancer_listeners",
    "openstack_lb_pool_v2": "load_balancer_pools",
    "openstack_lb_members_v2": "load_balancer_members",
    "openstack_lb_monitor_v2": "load_balancer_monitors",
}


def network_facts(blocks: Sequence[Block], things: Iterable[Thing]) -> dict[str, Any]:
    """By section, what there is; a reference is the name of what it refers to."""
    found: dict[str, Any] = {section: [] for section in _SECTIONS.values()}
    for block in distinct(blocks):
        section = _SECTIONS.get(block.type)
        if section and not block.is_data:
            found[section].append({"key": block.name, **_plain(block.attributes)})
    found["addresses"] = [
        {"kind": thing.kind, "name": thing.name, **address}
        for thing in things
        for address in thing.facts.get("addresses", [])
    ]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Ref):
        return value.name
    if isinstance(value, Variable):
        return f"({value.name})"
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
