"""In OpenTofu: a disk, and that it is attached to a server. And how to fetch what is on it."""

from __future__ import annotations

from typing import Any

from catalog.exit_package.fetching import (
    Fetch,
    disk_file,
    free_disk_commands,
    used_disk_commands,
)
from catalog.exit_package.things import Thing
from catalog.exit_package.tofu import Block, Ref


def disk_block(made: Thing, name: str, *, called: str, size_gib: int, **more: Any) -> Block:
    """An empty disk of the type that was chosen, or the only one that the offering had."""
    offered: list[str] = made.settings.get("volume_types", [])
    volume_type = made.spec.get("volume_type") or next(iter(offered), None)
    attributes = {"name": called, "size": size_gib, "volume_type": volume_type, **more}
    return Block("openstack_blockstorage_volume_v3", name, attributes)


def attachment(name: str, *, server: Ref, disk: Ref) -> Block:
    attributes = {"instance_id": server, "volume_id": disk}
    return Block("openstack_compute_volume_attach_v2", name, attributes)


def disk_to_fetch(made: Thing, part: str, size_gib: int, *, is_used: bool) -> list[Fetch]:
    """What is on a disk; none where there is no such disk."""
    cloud_id = made.cloud_ids.get(part)
    if not cloud_id or not size_gib:
        return []
    in_use, free = used_disk_commands(cloud_id, size_gib), free_disk_commands(cloud_id)
    return [
        Fetch(
            kind=part,
            name=made.name,
            cloud_id=cloud_id,
            size_gib=size_gib,
            file=disk_file(cloud_id),
            commands=in_use if is_used else free,
        )
    ]
