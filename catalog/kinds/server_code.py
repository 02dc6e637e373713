"""In OpenTofu: a server with its port, disks and groups. And how to fetch what is on its disks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from catalog.exit_package.fetching import Fetch, disk_file, server_commands
from catalog.exit_package.things import Surroundings, Thing
from catalog.exit_package.tofu import Block, Ref, block_name, local_name
from catalog.kinds.disk_code import attachment, disk_block, disk_to_fetch
from catalog.kinds.image_code import image_block
from catalog.kinds.network_code import Standing, standing
from catalog.kinds.own_images import image_name
from catalog.kinds.steps import chosen_groups, server_group, system_volume
from catalog.kinds.steps.chosen_image import OWN, QUESTION
from catalog.kinds.steps.cloud_project import SSH_PORT
from catalog.kinds.steps.first_start import user_data
from catalog.kinds.steps.power import BOOTS_FROM, IMAGE, VOLUME
from catalog.kinds.steps.server import fixed_address

_GROUP: Final = "openstack_networking_secgroup_v2"


@dataclass(frozen=True, kw_only=True)
class ServerCode:
    """A server as it is described: what others refer to, and all that makes it."""

    server: Ref
    port: Ref
    way_out: Ref | None
    blocks: Sequence[Block]


@dataclass(frozen=True)
class _System:
    """What a server starts from: arguments of the server, and what they refer to."""

    arguments: Mapping[str, Any]
    blocks: Sequence[Block]


def server_code(made: Thing | None, around: Surroundings) -> ServerCode | None:
    """None of a server that was found: nobody told the portal what it was made from."""
    place = standing(made, around) if made else None
    if made is None or made.is_found or place is None:
        return None
    name, system, spec = block_name(made), _system(made, around), made.spec
    group, together = _shared_group(place), _server_group(spec)
    port = _port(made, around, place, group[0].ref())
    server = Block(
        "openstack_compute_instance_v2",
        name,
        {
            "name": made.name,
            "flavor_name": spec["flavor"],
            **system.arguments,
            "network": [{"port": port.ref()}],
            "scheduler_hints": [{"group": found.ref()} for found in together] or None,
            "user_data": user_data(spec.get("ssh_public_key"), spec.get("user_data")) or None,
        },
    )
    around_it = [*place.blocks, *group, *together, *system.blocks, port]
    return ServerCode(
        server=server.ref(),
        port=port.ref(),
        way_out=place.way_out,
        blocks=[*around_it, server, *_data_disk(made, server.ref())],
    )


def _port(made: Thing, around: Surroundings, place: Standing, shared_group: Ref) -> Block:
    """With the address that it has: others know it by that."""
    names = chosen_groups.names_in(made.spec.get(chosen_groups.PARAMETER))
    chosen = [around.called(chosen_groups.KIND, name) for name in names]
    address = fixed_address(made.facts)
    return Block(
        "openstack_networking_port_v2",
        block_name(made),
        {
            "name": made.name,
            "network_id": place.network,
            "security_group_ids": [
                shared_group,
                *(Ref(_GROUP, block_name(group)) for group in chosen if group),
            ],
            "fixed_ip": [{"subnet_id": place.subnet, "ip_address": address or None}],
        },
    )


def _shared_group(place: Standing) -> list[Block]:
    """The group that all servers of a project are in: they may log in to each other."""
    group = Block(_GROUP, local_name("shared", "servers"), {"name": "servers"})
    login = Block(
        "openstack_networking_secgroup_rule_v2",
        local_name("shared", "servers", place.cidr),
        {
            "security_group_id": group.ref(),
            "direction": "ingress",
            "ethertype": "IPv4",
            "protocol": "tcp",
            "port_range_min": SSH_PORT,
            "port_range_max": SSH_PORT,
            "remote_ip_prefix": place.cidr,
        },
    )
    return [group, login]


def _server_group(spec: Mapping[str, Any]) -> list[Block]:
    called = spec.get(server_group.NAME)
    if not called:
        return []
    rule = server_group.rule_of(spec)
    return [
        Block(
            "openstack_compute_servergroup_v2",
            local_name("group", called, rule),
            {"name": called, "policies": [rule]},
        )
    ]


def _system(made: Thing, around: Surroundings) -> _System:
    size_gib = made.spec.get(system_volume.SIZE)
    image = _own_image(made, around)
    if not size_gib:
        if image:
            return _System({"image_id": image.ref()}, [image])
        return _System({"image_name": image_name(made.spec)}, [])
    image = image or _offered_image(image_name(made.spec))
    called = system_volume.name_of(made.name)
    name = block_name(made, system_volume.PART)
    disk = disk_block(made, name, called=called, size_gib=size_gib, image_id=image.ref())
    device = {
        "uuid": disk.ref(),
        "source_type": "volume",
        "destination_type": "volume",
        "boot_index": 0,
        "delete_on_termination": False,
    }
    return _System({"block_device": [device]}, [image, disk])


def _own_image(made: Thing, around: Surroundings) -> Block | None:
    image = around.with_id(made.spec[QUESTION]) if made.spec.get(OWN) else None
    return image_block(image) if image else None


def _offered_image(called: str) -> Block:
    """Looked up in the cloud where it is made again: that has images of its own."""
    attributes = {"name": called, "most_recent": True}
    name = local_name("image", called)
    return Block("openstack_images_image_v2", name, attributes, is_data=True)


def _data_disk(made: Thing, server: Ref) -> list[Block]:
    if not made.spec["volume_gib"]:
        return []
    name = block_name(made, "volume")
    disk = disk_block(made, name, called=made.name, size_gib=made.spec["volume_gib"])
    return [disk, attachment(name, server=server, disk=disk.ref())]


def server_to_fetch(made: Thing) -> list[Fetch]:
    """Its own disk, or the one that it starts from, and the one for data."""
    sizes = {
        system_volume.PART: made.spec.get(system_volume.SIZE) or 0,
        "volume": made.spec["volume_gib"],
    }
    disks = [
        fetch
        for part, size_gib in sizes.items()
        for fetch in disk_to_fetch(made, part, size_gib, is_used=True)
    ]
    cloud_id = made.cloud_ids.get("server")
    if not cloud_id or made.facts.get(BOOTS_FROM, IMAGE) == VOLUME:
        return disks
    own = Fetch(
        kind="server",
        name=made.name,
        cloud_id=cloud_id,
        size_gib=None,
        file=disk_file(cloud_id),
        commands=server_commands(cloud_id),
    )
    return [own, *disks]
