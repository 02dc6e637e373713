"""Servers. The marker is a tag of Nova, in the body of the create call."""

from __future__ import annotations

import base64
from typing import Any, Final, cast

from openstack.block_storage.v3._proxy import Proxy as Cinder
from openstack.compute.v2.server import Server
from openstack.connection import Connection
from openstack.exceptions import (
    BadRequestException,
    ConflictException,
    NotFoundException,
    raise_from_response,
)

from portal.cloud.openstack.connections import OnCloud
from portal.cloud.openstack.reading import carrying, iso, made, moment, ours
from portal.cloud.ports import CloudObject, ServerSpec

REBUILD_KEY: Final = "cloudloket_rebuild"


class Servers(OnCloud):
    """The compute part of the port."""

    def find_servers(self, project: str, marker: str) -> list[CloudObject]:
        with self._asking("compute", "find server", project) as cloud:
            found = cloud.compute.servers(details=True, tags=marker)
            return carrying(marker, map(read_server, found))

    def create_server(self, project: str, spec: ServerSpec, marker: str) -> CloudObject:
        with self._asking("compute", "create server", project) as cloud:
            server = cloud.compute.create_server(
                name=spec.name,
                flavor_id=spec.flavor_id,
                networks=[{"port": spec.port_id}],
                metadata=dict(spec.metadata),
                tags=[marker],
                **_optional(spec),
            )
        # Nova answers with the id alone; the rest is told by the next listing.
        answer = CloudObject(id=server.id, name=spec.name, status="BUILD", marker=marker)
        return made(answer, "create server")

    def delete_server(self, project: str, server_id: str) -> None:
        with self._asking("compute", "delete server", project) as cloud:
            cloud.compute.delete_server(server_id, ignore_missing=False)

    def list_servers(self, project: str) -> list[CloudObject]:
        with self._asking("compute", "list servers", project) as cloud:
            return [read_server(item) for item in cloud.compute.servers(details=True)]

    def start_server(self, project: str, server_id: str) -> None:
        with self._asking("compute", "start server", project) as cloud:
            cloud.compute.start_server(server_id)

    def stop_server(self, project: str, server_id: str) -> None:
        with self._asking("compute", "stop server", project) as cloud:
            cloud.compute.stop_server(server_id)

    def reboot_server(self, project: str, server_id: str, *, is_hard: bool) -> None:
        with self._asking("compute", "reboot server", project) as cloud:
            cloud.compute.reboot_server(server_id, "HARD" if is_hard else "SOFT")

    def resize_server(self, project: str, server_id: str, flavor_id: str) -> None:
        with self._asking("compute", "resize server", project) as cloud:
            cloud.compute.resize_server(server_id, flavor_id)

    def confirm_resize(self, project: str, server_id: str) -> None:
        with self._asking("compute", "confirm resize", project) as cloud:
            try:
                cloud.compute.confirm_server_resize(server_id)
            except BadRequestException:
                if not _may_be_confirmed(cloud, server_id):
                    raise

    def revert_resize(self, project: str, server_id: str) -> None:
        with self._asking("compute", "revert resize", project) as cloud:
            try:
                cloud.compute.revert_server_resize(server_id)
            except BadRequestException:
                if not _may_be_confirmed(cloud, server_id):
                    raise

    def rebuild_server(self, project: str, server_id: str, image_id: str, *, mark: str) -> None:
        with self._asking("compute", "rebuild server", project) as cloud:
            present = cloud.compute.get_server(server_id).metadata or {}
            # Nova takes the metadata on with the request, and forgets what is not named.
            told = {**present, REBUILD_KEY: mark}
            body = {"rebuild": {"imageRef": image_id, "metadata": told}}
            raise_from_response(cloud.compute.post(f"/servers/{server_id}/action", json=body))

    def rescue_server(self, project: str, server_id: str) -> None:
        with self._asking("compute", "rescue server", project) as cloud:
            cloud.compute.rescue_server(server_id)

    def unrescue_server(self, project: str, server_id: str) -> None:
        with self._asking("compute", "unrescue server", project) as cloud:
            cloud.compute.unrescue_server(server_id)

    def open_console(self, project: str, server_id: str) -> str:
        with self._asking("compute", "open console", project) as cloud:
            body = {"remote_console": {"protocol": "vnc", "type": "novnc"}}
            answer = cloud.compute.post(
                f"/servers/{server_id}/remote-consoles", json=body, log=False
            )
            raise_from_response(answer)
            return str(answer.json()["remote_console"]["url"])

    def attach_volume(self, project: str, server_id: str, volume_id: str) -> None:
        with self._asking("compute", "attach volume", project) as cloud:
            try:
                cloud.compute.create_volume_attachment(server_id, volume_id)
            except (BadRequestException, ConflictException):
                # Nova refuses a second attachment in other words than other mistakes: look.
                if not _is_attached(cloud, server_id, volume_id):
                    raise

    def detach_volume(self, project: str, server_id: str, volume_id: str) -> None:
        with self._asking("compute", "detach volume", project) as cloud:
            try:
                # Without the SDK's verb for it, which asks for the whole server first.
                path = f"/servers/{server_id}/os-volume_attachments/{volume_id}"
                raise_from_response(cloud.compute.delete(path))
            except NotFoundException:
                _forget_attachment(cloud, server_id, volume_id)
            except (BadRequestException, ConflictException):
                if _stays_attached(cloud, server_id, volume_id):
                    raise


def _optional(spec: ServerSpec) -> dict[str, Any]:
    """What Nova must not see at all where it is not asked for."""
    optional: dict[str, Any] = {}
    if spec.boot_volume_id:
        disk = {"uuid": spec.boot_volume_id, "source_type": "volume", "boot_index": 0}
        kept = {"destination_type": "volume", "delete_on_termination": False}
        optional["block_device_mapping"] = [{**disk, **kept}]
    else:
        optional["image_id"] = spec.image_id
    if spec.server_group_id:
        optional["scheduler_hints"] = {"group": spec.server_group_id}
    if spec.user_data:
        optional["user_data"] = base64.b64encode(spec.user_data.encode()).decode()
    return optional


def _may_be_confirmed(cloud: Connection, server_id: str) -> bool:
    """Whether its resize is being confirmed, or was a moment ago.

    From then on Nova says that it was not resized, and tells of nothing else that shows it.
    """
    return cloud.compute.get_server(server_id).status in {"VERIFY_RESIZE", "ACTIVE", "SHUTOFF"}


def _is_attached(cloud: Connection, server_id: str, volume_id: str) -> bool:
    attachments = cloud.compute.volume_attachments(server_id)
    return any(found.volume_id == volume_id for found in attachments)


def _stays_attached(cloud: Connection, server_id: str, volume_id: str) -> bool:
    """False when the server no longer has it, or an earlier request is taking it off."""
    if not _is_attached(cloud, server_id, volume_id):
        return False
    return bool(cloud.block_storage.get_volume(volume_id).status == "in-use")


def _forget_attachment(cloud: Connection, server_id: str, volume_id: str) -> None:
    """Let Cinder forget it too: Nova removes a server even when Cinder cannot be told.

    Cinder asks Nova by itself, and refuses while the server has the volume.
    """
    cinder = cast(Cinder, cloud.block_storage)
    for attachment in cinder.attachments(volume_id=volume_id):
        if attachment.instance == server_id:
            cinder.delete_attachment(attachment.id)


def read_server(item: Server) -> CloudObject:
    fault = item.fault or {}
    return CloudObject(
        id=item.id,
        name=item.name or "",
        status=str(item.status or "").upper(),
        created_at=moment(item.created_at),
        marker=next(filter(None, map(ours, item.tags or [])), ""),
        fault=str(fault.get("message", "")),
        details={
            "addresses": _addresses(item),
            "launched_at": iso(item.launched_at),
            "task_state": item.task_state or "",
            "power_state": item.power_state,
            "volume_ids": [found["id"] for found in item.attached_volumes or []],
            "flavor": (item.flavor or {}).get("original_name", ""),
            "rebuild": (item.metadata or {}).get(REBUILD_KEY, ""),
            "availability_zone": item.availability_zone or "",
        },
    )


def _addresses(item: Server) -> list[dict[str, Any]]:
    """One row per address: network's name, address, IP version, ``fixed`` or ``floating``."""
    return [
        {
            "network": network,
            "address": found["addr"],
            "version": found["version"],
            "type": found.get("OS-EXT-IPS:type", "fixed"),
        }
        for network, addresses in (item.addresses or {}).items()
        for found in addresses
    ]
