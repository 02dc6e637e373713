"""Backups for Cinder that copy nothing."""

from __future__ import annotations

from typing import Any

from cinder import exception
from cinder.backup import driver, manager

from local.openstack.drivers import trouble


class PretendingBackupDriver(driver.BackupDriver):  # type: ignore[misc]
    """Keeps nothing and misses nothing."""

    def check_for_setup_error(self) -> None:
        """Nothing that could be missing."""

    def backup(self, backup: Any, volume_file: Any, backup_metadata: bool = False) -> None:
        """Nothing to read."""

    def restore(self, backup: Any, volume_id: str, volume_file: Any, volume_is_new: bool) -> None:
        """Nothing to write."""

    def delete_backup(self, backup: Any) -> None:
        """Nothing was kept."""


class PretendingBackupManager(manager.BackupManager):  # type: ignore[misc]
    """Cinder's manager, without the device that the real one opens to read a volume."""

    def _start_backup(self, context: Any, backup: Any, volume: Any) -> None:
        if trouble.fails_by_name(backup.display_name):
            raise exception.BackupDriverException(reason="its name asks for failure")
        self._finish_backup(context, backup, volume, {})

    def _run_restore(self, context: Any, backup: Any, volume: Any, volume_is_new: bool) -> None:
        """Nothing to write."""
