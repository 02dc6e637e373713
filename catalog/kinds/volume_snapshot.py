"""A snapshot: how a disk was at one moment. It needs its disk as long as it lives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
class VolumeSnapshot(Kind):
    """Spec: ``volume``, the public id of the disk, and what that was when it was ordered:
    ``volume_gib`` and ``volume_type``. An offering decides nothing.
    """

    key = "volume_snapshot"
    icon = "history"
    label = _("Snapshot of a disk")
    made_from = frozenset({"volume"})
    keeps_a_moment = True
    follows = frozenset({"volume_gib", "volume_type"})
    plans = {
        "provision": Plan(version=1, steps=[PROJECT, SNAPSHOT.making()]),
        "retire": Plan(version=1, steps=[SNAPSHOT.removing(), QUOTA]),
    }
    parts = [SNAPSHOT.cloud_part()]

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

    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        return [Meter("snapshot", Decimal(spec["volume_gib"]))]

    def summary(self, spec: Spec) -> str:
        return f"{spec['volume_gib']} GiB"

    def found(self, thing: CloudObject) -> Finding | None:
        finding = SNAPSHOT.found(thing)
        return finding and replace(finding, spec={**finding.spec, "volume_type": ""})

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        kept_at = facts.get("kept_at")
        return datetime.fromisoformat(kept_at) if kept_at else None
