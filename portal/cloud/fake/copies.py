"""Snapshots and backups of volumes in the fake cloud."""

from __future__ import annotations

from portal.cloud.fake.memory import Thing, asked
from portal.cloud.fake.projects import FakeProjects, check_room
from portal.cloud.ports import BACKUP_GIB, CloudObject, CopySpec

USABLE = frozenset({"AVAILABLE", "IN-USE"})


class FakeCopies(FakeProjects):
    @asked
    def find_snapshots(self, project: str, marker: str) -> list[CloudObject]:
        return self.found("snapshot", project, marker)

    @asked
    def create_snapshot(self, project: str, spec: CopySpec, marker: str) -> CloudObject:
        volume = self._usable_volume(project, spec.of_id)
        size_gib = volume.details["size_gib"]
        check_room(
            self,
            project,
            413,
            snapshots=(len(self.of("snapshot", project)), 1),
            volume_gib=(self.used_gib(project), size_gib),
        )
        return self._copy("snapshot", project, spec, marker, size_gib).facts()

    @asked
    def delete_snapshot(self, project: str, snapshot_id: str) -> None:
        self._delete_copy(self.get("snapshot", project, snapshot_id))

    @asked
    def list_snapshots(self, project: str) -> list[CloudObject]:
        return self.polled(self.of("snapshot", project))

    @asked
    def find_backups(self, project: str, marker: str) -> list[CloudObject]:
        return self.found("backup", project, marker)

    @asked
    def create_backup(self, project: str, spec: CopySpec, marker: str) -> CloudObject:
        volume = self._usable_volume(project, spec.of_id)
        size_gib = volume.details["size_gib"]
        check_room(self, project, 413, **{BACKUP_GIB: (self.backup_gib(project), size_gib)})
        status, volume.status = volume.status, "BACKING-UP"
        backup = self._copy("backup", project, spec, marker, size_gib)

        def settle() -> None:
            backup.status, volume.status = "AVAILABLE", status

        self.settle_later(backup, settle)
        # Cinder answers with the id alone; the rest is told by the next listing.
        return CloudObject(id=backup.id, name=backup.name, status="")

    @asked
    def delete_backup(self, project: str, backup_id: str) -> None:
        self._delete_copy(self.get("backup", project, backup_id))

    @asked
    def list_backups(self, project: str) -> list[CloudObject]:
        return self.polled(self.of("backup", project))

    def _usable_volume(self, project: str, volume_id: str) -> Thing:
        volume = self.get("volume", project, volume_id)
        if volume.status not in USABLE:
            raise self.busy(f"volume {volume_id} status must be available or in-use")
        return volume

    def _copy(self, kind: str, project: str, spec: CopySpec, marker: str, size_gib: int) -> Thing:
        copy = self.add(kind, project, spec.name, marker, size_gib=size_gib, of_id=spec.of_id)
        copy.status = "CREATING"

        def settle() -> None:
            copy.status = "AVAILABLE"

        self.settle_later(copy, settle)
        return copy

    def _delete_copy(self, copy: Thing) -> None:
        if copy.status in {"CREATING", "DELETING"}:
            raise self.busy(f"{copy.kind} {copy.id} status must be available or error")
        copy.status = "DELETING"
        self.settle_later(copy, lambda: self._forget(copy))

    def _forget(self, copy: Thing) -> None:
        self.things.pop(copy.id, None)
