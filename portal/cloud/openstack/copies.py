"""Snapshots and backups of volumes. The marker is a key of Cinder's metadata, as of a volume."""

from __future__ import annotations

from typing import Any

from portal.cloud.openstack.connections import OnCloud
from portal.cloud.openstack.reading import carrying, made, moment, ours
from portal.cloud.openstack.volumes import MARKER_KEY
from portal.cloud.ports import CloudObject, CopySpec


class Copies(OnCloud):
    """What is kept of volumes, in the port."""

    def find_snapshots(self, project: str, marker: str) -> list[CloudObject]:
        return carrying(marker, self.list_snapshots(project))

    def create_snapshot(self, project: str, spec: CopySpec, marker: str) -> CloudObject:
        with self._asking("block-storage", "create snapshot", project) as cloud:
            snapshot = cloud.block_storage.create_snapshot(
                name=spec.name,
                volume_id=spec.of_id,
                is_forced=True,  # also of a volume that a server uses
                metadata={MARKER_KEY: marker},
            )
        return made(read_snapshot(snapshot), "create snapshot")

    def delete_snapshot(self, project: str, snapshot_id: str) -> None:
        with self._asking("block-storage", "delete snapshot", project) as cloud:
            cloud.block_storage.delete_snapshot(snapshot_id, ignore_missing=False)

    def list_snapshots(self, project: str) -> list[CloudObject]:
        with self._asking("block-storage", "list snapshots", project) as cloud:
            return [read_snapshot(item) for item in cloud.block_storage.snapshots(details=True)]

    def find_backups(self, project: str, marker: str) -> list[CloudObject]:
        return carrying(marker, self.list_backups(project))

    def create_backup(self, project: str, spec: CopySpec, marker: str) -> CloudObject:
        with self._asking("block-storage", "create backup", project) as cloud:
            backup = cloud.block_storage.create_backup(
                name=spec.name,
                volume_id=spec.of_id,
                force=True,  # also of a volume that a server uses
                metadata={MARKER_KEY: marker},
            )
        return made(read_backup(backup), "create backup")

    def delete_backup(self, project: str, backup_id: str) -> None:
        with self._asking("block-storage", "delete backup", project) as cloud:
            cloud.block_storage.delete_backup(backup_id, ignore_missing=False)

    def list_backups(self, project: str) -> list[CloudObject]:
        with self._asking("block-storage", "list backups", project) as cloud:
            return [read_backup(item) for item in cloud.block_storage.backups(details=True)]


def read_snapshot(item: Any) -> CloudObject:
    return CloudObject(
        id=item.id,
        name=item.name or "",
        status=str(item.status or "").upper(),
        created_at=moment(item.created_at),
        marker=ours((item.metadata or {}).get(MARKER_KEY)),
        details={"size_gib": item.size, "of_id": item.volume_id},
    )


def read_backup(item: Any) -> CloudObject:
    return CloudObject(
        id=item.id,
        name=item.name or "",
        status=str(item.status or "").upper(),
        created_at=moment(item.created_at),
        marker=ours((item.metadata or {}).get(MARKER_KEY)),
        fault=item.fail_reason or "",
        details={"size_gib": item.size, "of_id": item.volume_id},
    )
