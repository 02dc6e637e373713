"""Volumes and servers of the fake cloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from portal.cloud.fake.copies import FakeCopies
from portal.cloud.fake.images import FakeImages
from portal.cloud.fake.memory import Thing, asked
from portal.cloud.fake.projects import check_room
from portal.cloud.fake.usage import usage_of, within
from portal.cloud.ports import (
    LARGEST_PAGE,
    CloudObject,
    CloudRefused,
    FlavorFacts,
    ServerSpec,
    ServerUsage,
    UsagePage,
    VolumeSpec,
    VolumeTypeFacts,
)

MIB_PER_GIB = 1024


class FakeVolumes(FakeCopies):
    @asked
    def find_volumes(self, project: str, marker: str) -> list[CloudObject]:
        return self.found("volume", project, marker)

    @asked
    def create_volume(self, project: str, spec: VolumeSpec, marker: str) -> CloudObject:
        check_room(
            self,
            project,
            413,
            volumes=(len(self.of("volume", project)), 1),
            volume_gib=(self.used_gib(project), spec.size_gib),
        )
        if spec.volume_type is not None:
            self._offered(self.inventory.volume_types, spec.volume_type)
        self._check_holds(project, spec)
        volume = self.add(
            "volume",
            project,
            spec.name,
            marker,
            size_gib=spec.size_gib,
            volume_type=spec.volume_type or "",
            is_bootable=spec.image_id is not None,
            server_ids=[],
        )
        volume.status = "CREATING"
        self.settle_later(volume, lambda: _become(volume, "AVAILABLE"))
        return volume.facts()

    @asked
    def delete_volume(self, project: str, volume_id: str) -> None:
        volume = self.get("volume", project, volume_id)
        if volume.details["server_ids"] or volume.status in {"CREATING", "DELETING"}:
            raise self.busy(f"volume {volume_id} status must be available or error")
        if any(copy.details["of_id"] == volume_id for copy in self.of("snapshot", project)):
            raise self.busy(f"volume {volume_id} must not have snapshots")
        volume.status = "DELETING"
        self.settle_later(volume, lambda: self._remove(volume))

    @asked
    def extend_volume(self, project: str, volume_id: str, size_gib: int) -> None:
        volume = self.get("volume", project, volume_id)
        if volume.status not in {"AVAILABLE", "IN-USE"}:
            raise self.busy(f"volume {volume_id} status must be available or in-use")
        more = size_gib - volume.details["size_gib"]
        if more <= 0:
            raise self.refusal(CloudRefused, 400, f"volume {volume_id} must become larger")
        check_room(self, project, 413, volume_gib=(self.used_gib(project), more))
        status, volume.status = volume.status, "EXTENDING"

        def settle() -> None:
            volume.status, volume.details["size_gib"] = status, size_gib

        self.settle_later(volume, settle)

    @asked
    def list_volumes(self, project: str) -> list[CloudObject]:
        return self.polled(self.of("volume", project))

    def _check_holds(self, project: str, spec: VolumeSpec) -> None:
        """What it begins with must be there, ready, and fit in it."""
        origins = {"snapshot": spec.snapshot_id, "backup": spec.backup_id}
        for kind, thing_id in origins.items():
            if thing_id is None:
                continue
            origin = self.get(kind, project, thing_id)
            if origin.status != "AVAILABLE":
                raise self.busy(f"{kind} {thing_id} is {origin.status}")
            if origin.details["size_gib"] > spec.size_gib:
                raise self.refusal(CloudRefused, 400, f"{kind} {thing_id} does not fit")

    def _offered(self, items: Sequence[FlavorFacts | VolumeTypeFacts], wanted: str) -> None:
        if not any(wanted in {item.id, item.name} for item in items):
            raise self.refusal(CloudRefused, 400, f"{wanted} could not be found")

    def _remove(self, thing: Thing) -> None:
        self.things.pop(thing.id, None)


class FakeServers(FakeVolumes, FakeImages):
    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[str, tuple[str, str]] = {}  # status and flavor before the resize
        self._gone: list[ServerUsage] = []  # servers that were there once
        self.user_data: dict[str, str] = {}  # by server; a cloud tells it to the server alone

    @asked
    def find_server_groups(self, project: str, marker: str) -> list[CloudObject]:
        return self.found("server_group", project, marker)

    @asked
    def create_server_group(self, project: str, policy: str, marker: str) -> CloudObject:
        group = self.add("server_group", project, marker, marker, policy=policy, server_ids=[])
        return group.facts()

    @asked
    def delete_server_group(self, project: str, server_group_id: str) -> None:
        self._remove(self.get("server_group", project, server_group_id))

    @asked
    def find_servers(self, project: str, marker: str) -> list[CloudObject]:
        return self.found("server", project, marker)

    @asked
    def create_server(self, project: str, spec: ServerSpec, marker: str) -> CloudObject:
        self._offered(self.inventory.flavors, spec.flavor_id)
        disk = self._boot_volume(project, spec)
        if spec.server_group_id:
            self.get("server_group", project, spec.server_group_id)
        port = self.get("port", project, spec.port_id)
        if port.details["device_id"]:
            raise self.busy(f"port {port.id} is still in use")
        flavor = self._flavor(spec.flavor_id)
        there = [self._flavor(item.details["flavor"]) for item in self.of("server", project)]
        check_room(
            self,
            project,
            403,
            servers=(len(there), 1),
            vcpus=(sum(item.vcpus for item in there), flavor.vcpus),
            memory_gib=(_memory_gib(there), _memory_gib([flavor])),
        )
        server = self.add(
            "server",
            project,
            spec.name,
            marker,
            addresses=[],
            launched_at=None,
            task_state="spawning",
            power_state=0,
            volume_ids=[disk.id] if disk else [],
            flavor=flavor.name,
            rebuild="",
            availability_zone="nova",
        )
        server.status = "BUILD"
        port.details["device_id"] = server.id
        if disk:
            disk.status, disk.details["server_ids"] = "IN-USE", [server.id]
        if spec.server_group_id:
            self.things[spec.server_group_id].details["server_ids"].append(server.id)
        self.user_data[server.id] = spec.user_data
        self.settle_later(server, lambda: self._boot(server, port))
        return CloudObject(id=server.id, name=server.name, status="BUILD", marker=marker)

    @asked
    def delete_server(self, project: str, server_id: str) -> None:
        server = self.get("server", project, server_id)
        server.details["task_state"] = "deleting"
        self.settle_later(server, lambda: self._vanish(server))

    @asked
    def list_servers(self, project: str) -> list[CloudObject]:
        return self.polled(self.of("server", project))

    @asked
    def start_server(self, project: str, server_id: str) -> None:
        self._power(self.get("server", project, server_id), {"SHUTOFF"}, "powering-on", "ACTIVE")

    @asked
    def stop_server(self, project: str, server_id: str) -> None:
        self._power(self.get("server", project, server_id), {"ACTIVE"}, "powering-off", "SHUTOFF")

    @asked
    def reboot_server(self, project: str, server_id: str, *, is_hard: bool) -> None:
        allowed = {"ACTIVE", "SHUTOFF"} if is_hard else {"ACTIVE"}
        self._power(self.get("server", project, server_id), allowed, "rebooting", "ACTIVE")

    @asked
    def open_console(self, project: str, server_id: str) -> str:
        self._check_idle(self.get("server", project, server_id), {"ACTIVE"})
        return f"https://console.example.nl/vnc_auto.html?path=%3Ftoken%3D{uuid4()}"

    @asked
    def resize_server(self, project: str, server_id: str, flavor_id: str) -> None:
        server = self.get("server", project, server_id)
        self._check_idle(server, {"ACTIVE", "SHUTOFF"})
        self._offered(self.inventory.flavors, flavor_id)
        flavor, present = self._flavor(flavor_id), self._flavor(server.details["flavor"])
        if flavor == present:
            raise self.refusal(CloudRefused, 400, "the server has this flavor already")
        if flavor.disk_gib < present.disk_gib:
            raise self.refusal(CloudRefused, 400, "a disk cannot shrink")
        there = [self._flavor(item.details["flavor"]) for item in self.of("server", project)]
        check_room(
            self,
            project,
            403,
            vcpus=(sum(item.vcpus for item in there), flavor.vcpus - present.vcpus),
            memory_gib=(_memory_gib(there), _memory_gib([flavor]) - _memory_gib([present])),
        )
        self._sizes[server_id] = (server.status, present.name)
        self._power(server, {"ACTIVE", "SHUTOFF"}, "resize_prep", "VERIFY_RESIZE")
        server.status, server.details["flavor"] = "RESIZE", flavor.name

    @asked
    def confirm_resize(self, project: str, server_id: str) -> None:
        server = self.get("server", project, server_id)
        self._check_resized(server)
        if server_id in self._sizes:
            status, _flavor = self._sizes.pop(server_id)
            self.settle_later(server, lambda: _become(server, status))

    @asked
    def revert_resize(self, project: str, server_id: str) -> None:
        server = self.get("server", project, server_id)
        self._check_resized(server)
        if server_id not in self._sizes:  # it is being confirmed
            return
        status, flavor = self._sizes.pop(server_id)

        def settle() -> None:
            server.status, server.details["flavor"] = status, flavor

        server.status = "REVERT_RESIZE"
        self.settle_later(server, settle)

    @asked
    def rebuild_server(self, project: str, server_id: str, image_id: str, *, mark: str) -> None:
        server = self.get("server", project, server_id)
        self._check_idle(server, {"ACTIVE", "SHUTOFF", "ERROR"})
        self.check_image(project, image_id)
        was = "SHUTOFF" if server.status == "SHUTOFF" else "ACTIVE"
        server.status, server.fault, server.details["rebuild"] = "REBUILD", "", mark

        def settle() -> None:
            status, server.fault = self.server_outcome
            server.status = was if status == "ACTIVE" else status

        self.settle_later(server, settle)

    @asked
    def rescue_server(self, project: str, server_id: str) -> None:
        server = self.get("server", project, server_id)
        self._power(server, {"ACTIVE", "SHUTOFF", "ERROR"}, "rescuing", "RESCUE")

    @asked
    def unrescue_server(self, project: str, server_id: str) -> None:
        self._power(self.get("server", project, server_id), {"RESCUE"}, "unrescuing", "ACTIVE")

    @asked
    def server_usage_page(
        self, start: datetime, end: datetime, *, after: str = "", limit: int = LARGEST_PAGE
    ) -> UsagePage:
        there = [thing for thing in self.things.values() if thing.kind == "server"]
        ran = [*self._gone, *filter(None, map(usage_of, there))]
        used = [found for usage in ran if (found := within(usage, start, end))]
        ids = [usage.id for usage in used]
        first = ids.index(after) + 1 if after else 0
        page = used[first : first + limit]
        return UsagePage(usages=page, after="" if first + limit >= len(used) else page[-1].id)

    @asked
    def attach_volume(self, project: str, server_id: str, volume_id: str) -> None:
        server = self.get("server", project, server_id)
        volume = self.get("volume", project, volume_id)
        if server_id in volume.details["server_ids"]:
            return
        if server.status != "ACTIVE" or volume.status != "AVAILABLE":
            raise self.busy(f"volume {volume_id} status must be available")
        server.details["volume_ids"].append(volume_id)
        volume.details["server_ids"].append(server_id)
        volume.status = "IN-USE"

    @asked
    def detach_volume(self, project: str, server_id: str, volume_id: str) -> None:
        server, volume = self.things.get(server_id), self.things.get(volume_id)
        if server is not None and volume is not None and volume_id in server.details["volume_ids"]:
            _detach(server, volume)
        elif server is None and volume is not None and server_id in volume.details["server_ids"]:
            volume.details["server_ids"].remove(server_id)
            volume.status = "AVAILABLE"

    def _boot_volume(self, project: str, spec: ServerSpec) -> Thing | None:
        """The volume that it starts from; None for one that starts from an image."""
        if not spec.boot_volume_id:
            self.check_image(project, spec.image_id)
            return None
        volume = self.get("volume", project, spec.boot_volume_id)
        if not volume.details["is_bootable"]:
            raise self.refusal(CloudRefused, 400, f"volume {volume.id} is not bootable")
        if volume.status != "AVAILABLE":
            raise self.busy(f"volume {volume.id} status must be available")
        return volume

    def _power(self, server: Thing, allowed: set[str], task: str, status: str) -> None:
        """As Nova does: what is not in a state for it, or busy with something, is a conflict."""
        self._check_idle(server, allowed)
        server.details["task_state"] = task

        def settle() -> None:
            server.status, server.details["task_state"] = status, ""

        self.settle_later(server, settle)

    def _check_idle(self, server: Thing, allowed: set[str]) -> None:
        if server.status not in allowed or server.details["task_state"]:
            raise self.busy(f"server {server.id} is {server.status}")

    def _check_resized(self, server: Thing) -> None:
        if server.status != "VERIFY_RESIZE":
            raise self.busy(f"server {server.id} is {server.status}")

    def _boot(self, server: Thing, port: Thing) -> None:
        server.status, server.fault = self.server_outcome
        server.details["task_state"] = ""
        if server.status != "ACTIVE":
            return
        network = self.things[port.details["network_id"]]
        port.status = "ACTIVE"
        server.details["power_state"] = 1
        server.details["launched_at"] = self.now().isoformat()
        server.details["addresses"] = [
            {"network": network.name, "address": address, "version": 4, "type": "fixed"}
            for address in port.details["addresses"]
        ]

    def _vanish(self, server: Thing) -> None:
        """As Nova does: a port that it did not make stays, and so does a volume."""
        if usage := usage_of(server):
            self._gone.append(replace(usage, ended_at=self.now()))
        for volume_id in list(server.details["volume_ids"]):
            _detach(server, self.things[volume_id])
        for group in self.of("server_group", server.project):
            if server.id in group.details["server_ids"]:
                group.details["server_ids"].remove(server.id)
        for port in self.of("port", server.project):
            if port.details["device_id"] == server.id:
                port.details["device_id"], port.status = "", "DOWN"
        self._remove(server)

    def _flavor(self, wanted: str) -> FlavorFacts:
        return next(item for item in self.inventory.flavors if wanted in {item.id, item.name})


def _memory_gib(flavors: Sequence[FlavorFacts]) -> int:
    """Together, rounded up."""
    return -(-sum(item.memory_mib for item in flavors) // MIB_PER_GIB)


def _become(thing: Thing, status: str) -> None:
    thing.status = status


def _detach(server: Thing, volume: Thing) -> None:
    server.details["volume_ids"].remove(volume.id)
    volume.details["server_ids"].remove(server.id)
    volume.status = "AVAILABLE"
