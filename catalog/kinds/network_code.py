"""In OpenTofu: the networks in which things stand, and how those lead outside."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from catalog.exit_package.things import Surroundings, Thing
from catalog.exit_package.tofu import Block, Ref, Variable, block_name, local_name
from catalog.kinds.networks import CIDR, KIND, QUESTION, own_network
from catalog.kinds.steps.network import OUTSIDE

EXTERNAL: Final = Variable("external_network")
_OUTSIDE: Final = Block(
    "openstack_networking_network_v2",
    "outside",
    {"name": EXTERNAL, "external": True},
    is_data=True,
)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where something stands.

    Attributes:
        way_out: what must be there before the outside world reaches it; None where nothing does.
        blocks: all that makes the network.
    """

    network: Ref
    subnet: Ref
    cidr: str
    way_out: Ref | None
    blocks: Sequence[Block]


def standing(made: Thing, around: Surroundings) -> Standing | None:
    """The network that the spec names; None where that is not described."""
    named = made.spec.get(QUESTION)
    if not named:
        return None
    private = own_network(named)
    if private:
        return of_own(around.made_as(KIND, private.openstack_id))
    if made.spec.get(CIDR):
        return of_own(around.with_id(named))
    return _offered(made, named)


def of_own(network: Thing | None) -> Standing | None:
    """A private network of the project; None of one whose addresses nobody told the portal."""
    if network is None or not network.spec["cidr"]:
        return None
    name = block_name(network)
    inside = _inside(name, network.name, network.spec["cidr"])
    if network.spec["way_out"] != OUTSIDE:
        return inside
    router = _router(name, network.name)
    return _with_way_out(inside, name, router)


def _offered(made: Thing, named: str) -> Standing | None:
    """A network that a project has once, and that all its things share that name it."""
    networks: list[Mapping[str, Any]] = made.settings.get("networks", [])
    cidr = next((network["cidr"] for network in networks if network["name"] == named), "")
    if not cidr:
        return None
    name = local_name("shared", named)
    router = _router(local_name("shared", "router"), "router")
    return _with_way_out(_inside(name, named, cidr), name, router)


def _inside(name: str, called: str, cidr: str) -> Standing:
    network = Block("openstack_networking_network_v2", name, {"name": called})
    version = ipaddress.ip_network(cidr).version
    subnet = Block(
        "openstack_networking_subnet_v2",
        name,
        {"name": called, "network_id": network.ref(), "cidr": cidr, "ip_version": version},
    )
    return Standing(
        network=network.ref(),
        subnet=subnet.ref(),
        cidr=cidr,
        way_out=None,
        blocks=[network, subnet],
    )


def _router(name: str, called: str) -> Block:
    attributes = {"name": called, "external_network_id": _OUTSIDE.ref()}
    return Block("openstack_networking_router_v2", name, attributes)


def _with_way_out(inside: Standing, name: str, router: Block) -> Standing:
    interface = Block(
        "openstack_networking_router_interface_v2",
        name,
        {"router_id": router.ref(), "subnet_id": inside.subnet},
    )
    return Standing(
        network=inside.network,
        subnet=inside.subnet,
        cidr=inside.cidr,
        way_out=interface.ref(),
        blocks=[*inside.blocks, _OUTSIDE, router, interface],
    )
