"""A backup: a copy of a disk in another place, which stays when the disk goes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from catalog.exit_package.fetching import backup_commands
from catalog.kinds.base import Spec, register
from catalog.kinds.copies import Copy
from catalog.kinds.idle import KEPT_LONG
from catalog.kinds.parameters import Parameter
from catalog.kinds.steps.copy import Copying
from catalog.kinds.volume import disk_parameter
from catalog.models import Metric, OfferingVersion, Resource
from portal.cloud.ports import Listing

BACKUP: Final = Copying(
    part="volume_backup",
    label=_("Backup"),
    gone_label=_("Backup removed"),
    listing=Listing.BACKUPS,
    find=lambda cloud, project, marker: cloud.find_backups(project, marker),
    create=lambda cloud, project, spec, marker: cloud.create_backup(project, spec, marker),
    delete=lambda cloud, project, copy_id: cloud.delete_backup(project, copy_id),
    list=lambda cloud, project: cloud.list_backups(project),
)


@register
class VolumeBackup(Copy):
    """Spec: ``volume``, the public id of the disk, and ``volume_gib``, what that was when it was
    ordered. Backups are kept where objects are, so that quota holds them.
    """

    key = "volume_backup"
    icon = "archive"
    label = _("Backup of a disk")
    made_from = frozenset({"volume"})
    follows = frozenset({"volume_gib"})
    copying = BACKUP
    sku = "backup"
    plans = BACKUP.plans()
    parts = [BACKUP.cloud_part()]
    idle_when = KEPT_LONG

    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        hint = _("The disk stays in use. The backup stays, also when the disk is cleaned up.")
        return [disk_parameter(is_needed=False, hint=hint)]

    def settle(
        self, version: OfferingVersion, spec: Spec, sources: Mapping[str, Resource]
    ) -> dict[str, Any]:
        disk = sources.get("volume")
        return {**spec, "volume_gib": disk.spec["volume_gib"] if disk else 1}

    def quota_demand(self, version: OfferingVersion, spec: Spec) -> dict[Metric, Decimal]:
        return {Metric.OBJECT_GIB: Decimal(spec["volume_gib"])}

    def fetch_commands(self, cloud_id: str, size_gib: int) -> list[str]:
        return backup_commands(cloud_id, size_gib)
