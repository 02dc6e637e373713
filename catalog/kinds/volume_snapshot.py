"""A snapshot: how a disk was at one moment. It needs its disk as long as it lives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from catalog.exit_package.fetching import snapshot_commands
from catalog.kinds.base import Spec, register
from catalog.kinds.copies import Copy
from catalog.kinds.idle import KEPT_LONG
from catalog.kinds.parameters import Parameter
from catalog.kinds.parts import Finding
from catalog.kinds.steps.copy import Copying
from catalog.kinds.volume import disk_parameter, type_of
from catalog.models import Metric, OfferingVersion, Resource
from portal.cloud.ports import CloudObject, Listing

SNAPSHOT: Final = Copying(
    part="volume_snapshot",
    label=_("Snapshot"),
    gone_label=_("Snapshot removed"),
    listing=Listing.SNAPSHOTS,
    find=lambda cloud, project, marker: cloud.find_snapshots(project, marker),
    create=lambda cloud, project, spec, marker: cloud.create_snapshot(project, spec, marker),
    delete=lambda cloud, project, copy_id: cloud.delete_snapshot(project, copy_id),
    list=lambda cloud, project: cloud.list_snapshots(project),
)


@register
class VolumeSnapshot(Copy):
    """Spec: ``volume``, the public id of the disk, and what that was when it was ordered:
    ``volume_gib`` and ``volume_type``.
    """

    key = "volume_snapshot"
    icon = "history"
    label = _("Snapshot of a disk")
    made_from = frozenset({"volume"})
    follows = frozenset({"volume_gib", "volume_type"})
    copying = SNAPSHOT
    sku = "snapshot"
    plans = SNAPSHOT.plans()
    parts = [SNAPSHOT.cloud_part()]
    idle_when = KEPT_LONG

    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        hint = _("The disk stays in use. It cannot be cleaned up before its snapshots.")
        return [disk_parameter(is_needed=True, hint=hint)]

    def settle(
        self, version: OfferingVersion, spec: Spec, sources: Mapping[str, Resource]
    ) -> dict[str, Any]:
        disk = sources.get("volume")
        if disk is None:
            return {**spec, "volume_gib": 1, "volume_type": ""}
        return {**spec, "volume_gib": disk.spec["volume_gib"], "volume_type": type_of(disk)}

    def quota_demand(self, version: OfferingVersion, spec: Spec) -> dict[Metric, Decimal]:
        return {Metric.SNAPSHOTS: Decimal(1), Metric.VOLUME_GIB: Decimal(spec["volume_gib"])}

    def fetch_commands(self, cloud_id: str, size_gib: int) -> list[str]:
        return snapshot_commands(cloud_id, size_gib)

    def found(self, thing: CloudObject) -> Finding | None:
        finding = super().found(thing)
        return finding and replace(finding, spec={**finding.spec, "volume_type": ""})
