"""Volumes. The marker is a key of Cinder's metadata, in the body of the create call."""

from __future__ import annotations

import json
from typing import Any, Final

from portal.cloud.openstack.connections import OnCloud
from portal.cloud.openstack.reading import carrying, made, moment, ours
from portal.cloud.ports import CloudObject, VolumeSpec

MARKER_KEY: Final = "cloudloket"


class Volumes(OnCloud):
    """The block storage part of the port."""

    def find_volumes(self, project: str, marker: str) -> list[CloudObject]:
        with self._asking("block-storage", "find volume", project) as cloud:
            # "properties" is what the SDK calls Cinder's filter "metadata".
            same = json.dumps({MARKER_KEY: marker})
            found = cloud.block_storage.volumes(details=True, properties=same)
            return carrying(marker, map(read_volume, found))

    def create_volume(self, project: str, spec: VolumeSpec, marker: str) -> CloudObject:
        with self._asking("block-storage", "create volume", project) as cloud:
            volume = cloud.block_storage.create_volume(
                name=spec.name,
                size=spec.size_gib,
                volume_type=spec.volume_type,
                image_id=spec.image_id,
                snapshot_id=spec.snapshot_id,
                backup_id=spec.backup_id,
                metadata={MARKER_KEY: marker},
            )
        return made(read_volume(volume), "create volume")

    def delete_volume(self, project: str, volume_id: str) -> None:
        with self._asking("block-storage", "delete volume", project) as cloud:
            cloud.block_storage.delete_volume(volume_id, ignore_missing=False)

    def extend_volume(self, project: str, volume_id: str, size_gib: int) -> None:
        with self._asking("block-storage", "extend volume", project) as cloud:
            cloud.block_storage.extend_volume(volume_id, size_gib)

    def list_volumes(self, project: str) -> list[CloudObject]:
        with self._asking("block-storage", "list volumes", project) as cloud:
            return [read_volume(item) for item in cloud.block_storage.volumes(details=True)]


def read_volume(item: Any) -> CloudObject:
    return CloudObject(
        id=item.id,
        name=item.name or "",
        status=str(item.status or "").upper(),
        created_at=moment(item.created_at),
        marker=ours((item.metadata or {}).get(MARKER_KEY)),
        details={
            "size_gib": item.size,
            "volume_type": item.volume_type,
            "is_bootable": item.is_bootable,
            "server_ids": [found["server_id"] for found in item.attachments or []],
        },
    )
