"""What the portal asks of a cloud about volumes and copies of them."""

from __future__ import annotations

from typing import Protocol

from portal.cloud.ports.objects import CloudObject, CopySpec
from portal.cloud.ports.specs import VolumeSpec


class VolumePort(Protocol):
    """A part of ``portal.cloud.ports.Cloud``, and promises what that does."""

    def find_volumes(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_volume(self, project: str, spec: VolumeSpec, marker: str) -> CloudObject: ...

    def delete_volume(self, project: str, volume_id: str) -> None: ...

    def extend_volume(self, project: str, volume_id: str, size_gib: int) -> None:
        """Let it grow, attached or not, to more than it is: look before asking.

        It is EXTENDING meanwhile; one that is busy with anything is busy (CloudUnavailable).
        """
        ...

    def list_volumes(self, project: str) -> list[CloudObject]: ...

    def find_snapshots(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_snapshot(self, project: str, spec: CopySpec, marker: str) -> CloudObject:
        """Keep how a volume is now, attached or not; ``details`` has ``size_gib`` and ``of_id``.

        As long as it is there, deleting the volume is refused as busy (CloudUnavailable); so is
        a snapshot of a volume that is being worked on.
        """
        ...

    def delete_snapshot(self, project: str, snapshot_id: str) -> None: ...

    def list_snapshots(self, project: str) -> list[CloudObject]: ...

    def find_backups(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_backup(self, project: str, spec: CopySpec, marker: str) -> CloudObject:
        """Copy a volume to another place, attached or not; ``details`` as of a snapshot.

        It stays when the volume goes. Meanwhile the volume is BACKING-UP.
        """
        ...

    def delete_backup(self, project: str, backup_id: str) -> None: ...

    def list_backups(self, project: str) -> list[CloudObject]: ...
