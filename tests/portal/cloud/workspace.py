"""Where the promises of a cloud are tried: a project with room in it, tidied up afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import uuid4

from portal.cloud.ports import (
    BACKUP_GIB,
    MARKER_PREFIX,
    Cloud,
    CloudMissing,
    CloudObject,
    CloudRefused,
    CloudUnavailable,
    CopySpec,
    Listing,
    NetworkSpec,
    Page,
    PortSpec,
    ServerSpec,
    ServerUsage,
    VolumeSpec,
)

T = TypeVar("T")
PATIENCE_SECONDS = 120
# Tells the projects of this run from others in the same domain.
DESCRIPTION = f"contract test {uuid4()}"
NOWHERE = "00000000-0000-0000-0000-000000000000"
ROOM = {
    "servers": 5,
    "vcpus": 100,
    "memory_gib": 200,
    "volumes": 5,
    "volume_gib": 50,
    "snapshots": 2,
    BACKUP_GIB: 3,
    "networks": 3,
    "routers": 2,
    "floating_ips": 2,
    "load_balancers": 2,
    "dns_zones": 2,
    "object_gib": 5,
}


def new_marker() -> str:
    return f"{MARKER_PREFIX}:{uuid4()}"


def until(look: Callable[[], T], is_so: Callable[[T], bool]) -> T:
    """Look again and again, until what is seen is as it should become."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so(seen := look()):
        assert time.monotonic() < deadline, f"still {seen}"
    return seen


class Workspace:
    """A project with room in it, which removes what a test made there."""

    def __init__(self, cloud: Cloud, project: str) -> None:
        self.cloud = cloud
        self.project = project
        self._undo: list[Callable[[], None]] = []

    def network(self, marker: str = "", cidr: str = "10.20.4.0/24") -> CloudObject:
        spec = NetworkSpec(name="inside", cidr=cidr)
        made = self.cloud.create_network(self.project, spec, marker or new_marker())
        self._undo.append(lambda: self.cloud.delete_network(self.project, made.id))
        return made

    def subnet(self, network_id: str, marker: str = "", cidr: str = "10.20.4.0/24") -> CloudObject:
        spec = NetworkSpec(name="inside", cidr=cidr, dns_nameservers=["192.0.2.53"])
        made = self.cloud.create_subnet(self.project, network_id, spec, marker or new_marker())
        self._undo.append(lambda: self.cloud.delete_subnet(self.project, made.id))
        return made

    def router(self, marker: str = "") -> CloudObject:
        made = self.cloud.create_router(self.project, "way-out", marker or new_marker())
        self._undo.append(lambda: self.cloud.delete_router(self.project, made.id))
        return made

    def connect(self, router: CloudObject, subnet: CloudObject) -> None:
        self.cloud.ensure_router_interface(self.project, router.id, subnet.id)
        self._undo.append(
            lambda: self.cloud.remove_router_interface(self.project, router.id, subnet.id)
        )

    def security_group(self, marker: str = "") -> CloudObject:
        made = self.cloud.create_security_group(self.project, "doors", marker or new_marker())
        self._undo.append(lambda: self.cloud.delete_security_group(self.project, made.id))
        return made

    def port(
        self, network_id: str, marker: str = "", *groups: str, address: str = ""
    ) -> CloudObject:
        spec = PortSpec(
            name="plug", network_id=network_id, security_group_ids=groups, address=address
        )
        made = self.cloud.create_port(self.project, spec, marker or new_marker())
        self._undo.append(lambda: self.cloud.delete_port(self.project, made.id))
        return made

    def volume(
        self, marker: str = "", size_gib: int = 1, image_id: str | None = None
    ) -> CloudObject:
        spec = VolumeSpec(name="data", size_gib=size_gib, image_id=image_id)
        made = self.cloud.create_volume(self.project, spec, marker or new_marker())
        self._undo.append(lambda: self.cloud.delete_volume(self.project, made.id))
        return made

    def snapshot(self, volume_id: str, marker: str = "") -> CloudObject:
        """Settled, and gone before its volume goes."""
        spec = CopySpec(name="then", of_id=volume_id)
        made = self.cloud.create_snapshot(self.project, spec, marker or new_marker())
        self._undo.append(lambda: self.remove_snapshot(made.id))
        return until(lambda: self._seen_snapshot(made.id), lambda seen: seen.status != "CREATING")

    def backup(self, volume_id: str, marker: str = "") -> CloudObject:
        """Settled."""
        spec = CopySpec(name="elsewhere", of_id=volume_id)
        made = self.cloud.create_backup(self.project, spec, marker or new_marker())
        self._undo.append(lambda: self.remove_backup(made.id))
        return until(lambda: self._seen_backup(made.id), lambda seen: seen.status != "CREATING")

    def image(self, server_id: str, marker: str = "") -> CloudObject:
        """Settled."""
        spec = CopySpec(name="golden", of_id=server_id)
        made = self.cloud.create_image(self.project, spec, marker or new_marker())
        self._undo.append(lambda: self.cloud.delete_image(self.project, made.id))
        busy = {"QUEUED", "SAVING"}
        return until(lambda: self._seen_image(made.id), lambda seen: seen.status not in busy)

    def settled_copy(self, *, size_gib: int, **begins_with: str) -> CloudObject:
        """A volume that begins with what a snapshot or backup holds."""
        spec = VolumeSpec(name="again", size_gib=size_gib, **begins_with)
        made = self.cloud.create_volume(self.project, spec, new_marker())
        self._undo.append(lambda: self.cloud.delete_volume(self.project, made.id))
        busy = {"CREATING", "DOWNLOADING", "RESTORING-BACKUP"}
        return until(lambda: self.seen_volume(made.id), lambda seen: seen.status not in busy)

    def remove_snapshot(self, snapshot_id: str) -> None:
        self.cloud.delete_snapshot(self.project, snapshot_id)
        until(
            lambda: self.cloud.list_snapshots(self.project),
            lambda left: snapshot_id not in {item.id for item in left},
        )

    def remove_backup(self, backup_id: str) -> None:
        self.cloud.delete_backup(self.project, backup_id)
        until(
            lambda: self.cloud.list_backups(self.project),
            lambda left: backup_id not in {item.id for item in left},
        )

    def _seen_snapshot(self, snapshot_id: str) -> CloudObject:
        listed = self.cloud.list_snapshots(self.project)
        return next(item for item in listed if item.id == snapshot_id)

    def _seen_backup(self, backup_id: str) -> CloudObject:
        listed = self.cloud.list_backups(self.project)
        return next(item for item in listed if item.id == backup_id)

    def _seen_image(self, image_id: str) -> CloudObject:
        listed = self.cloud.list_images(self.project)
        return next(item for item in listed if item.id == image_id)

    def server(self, marker: str = "", **changes: object) -> CloudObject:
        """A server of the smallest flavor, on a network of its own."""
        inventory = self.cloud.fetch_inventory()
        network = self.network()
        self.subnet(network.id)
        facts = {
            "name": "web-1",
            "flavor_id": min(inventory.flavors, key=lambda item: item.memory_mib).id,
            "image_id": inventory.images[0].id,
            "port_id": self.port(network.id).id,
            "user_data": "#cloud-config\n",
            "metadata": {},
        }
        spec = ServerSpec(**{**facts, **changes})  # type: ignore[arg-type]  # facts of many types
        made = self.cloud.create_server(self.project, spec, marker or new_marker())
        self._undo.append(lambda: self.remove_server(made.id))
        return made

    def active_server(self, marker: str = "") -> CloudObject:
        made = self.server(marker)
        return until(lambda: self.seen_server(made.id), lambda seen: seen.status != "BUILD")

    def available_volume(self) -> CloudObject:
        made = self.volume()
        return until(lambda: self.seen_volume(made.id), lambda seen: seen.status != "CREATING")

    def seen_server(self, server_id: str) -> CloudObject:
        listed = self.cloud.list_servers(self.project)
        return next(item for item in listed if item.id == server_id)

    def settled_server(self, server_id: str, status: str) -> CloudObject:
        return until(
            lambda: self.seen_server(server_id),
            lambda seen: seen.status == status and not seen.details["task_state"],
        )

    def seen_volume(self, volume_id: str) -> CloudObject:
        listed = self.cloud.list_volumes(self.project)
        return next(item for item in listed if item.id == volume_id)

    def paged(self, listing: Listing, *, limit: int) -> list[CloudObject]:
        """What is in this project, out of all pages of the whole cloud.

        Others work in it too: when that with which a page ended is gone before the next is
        asked for, the list is begun again.
        """
        pages: list[Page] = []

        def has_all() -> bool:
            pages.clear()
            after = ""
            try:
                while not pages or after:
                    pages.append(self.cloud.list_page(listing, after=after, limit=limit))
                    after = pages[-1].after
            except CloudRefused:
                return False
            return True

        until(has_all, bool)
        assert max(len(page.things) for page in pages) <= limit
        return [thing for page in pages for thing in page.things if thing.project == self.project]

    def usage_of(self, server_id: str, start: datetime, end: datetime) -> ServerUsage | None:
        """What the report of use says of a server, out of pages of one server each."""
        after, is_first = "", True
        while after or is_first:
            page = self.cloud.server_usage_page(start, end, after=after, limit=1)
            after, is_first = page.after, False
            assert len(page.usages) <= 1
            for usage in page.usages:
                if usage.id == server_id:
                    return usage
        return None

    def forget(self) -> None:
        """Whatever a test made is gone by its own doing."""
        self._undo.clear()

    def clear(self) -> None:
        while self._undo:
            until(self._undo_last, bool)
        until(lambda: self.cloud.list_volumes(self.project), lambda left: not left)

    def _undo_last(self) -> bool:
        try:
            self._undo[-1]()
        except CloudMissing:
            pass
        except CloudUnavailable:
            self.cloud.list_volumes(self.project)  # a fake works on when it is looked at
            return False
        self._undo.pop()
        return True

    def remove_server(self, server_id: str) -> None:
        self.cloud.delete_server(self.project, server_id)
        until(
            lambda: self.cloud.list_servers(self.project),
            lambda left: server_id not in {item.id for item in left},
        )
