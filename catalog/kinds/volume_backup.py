"""A backup: a copy of a disk in another place, which stays when the disk goes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from billing.meters import Meter
from catalog.kinds.base import Kind, Plan, Spec, register
from catalog.kinds.parameters import Parameter
from catalog.kinds.parts import Finding
from catalog.kinds.steps.cloud_project import PROJECT, QUOTA
from catalog.kinds.steps.copy import Copying
from catalog.kinds.volume import disk_parameter
from catalog.models import Metric, OfferingVersion, Resource
from portal.cloud.ports import CloudObject, Listing

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
class VolumeBackup(Kind):
    """Spec: ``volume``, the public id of the disk, and ``volume_gib``, what that was when it was
    ordered. Backups are kept where objects are, so that quota holds them. An offering decides
    nothing.
    """

    key = "volume_backup"
    icon = "copy"
    label = _("Backup of a disk")
    made_from = frozenset({"volume"})
    keeps_a_moment = True
    follows = frozenset({"volume_gib"})
    plans = {
        "provision": Plan(version=1, steps=[PROJECT, BACKUP.making()]),
        "retire": Plan(version=1, steps=[BACKUP.removing(), QUOTA]),
    }
    parts = [BACKUP.cloud_part()]

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

    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        return [Meter("backup", Decimal(spec["volume_gib"]))]

    def summary(self, spec: Spec) -> str:
        return f"{spec['volume_gib']} GiB"

    def found(self, thing: CloudObject) -> Finding | None:
        return BACKUP.found(thing)

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        kept_at = facts.get("kept_at")
        return datetime.fromisoformat(kept_at) if kept_at else None
