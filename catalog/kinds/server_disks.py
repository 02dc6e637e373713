"""The volumes of a server: what they ask, hold, use and mean. One for data, one for the system."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from billing.meters import Meter
from catalog.kinds.base import Spec
from catalog.kinds.parameters import Parameter, Text, Widget
from catalog.kinds.server_extras import Extra, allows
from catalog.kinds.steps.system_volume import SIZE
from catalog.kinds.volume import GROWTH
from catalog.models import Metric, OfferingVersion
from portal.cloud.models import Image


def system_parameters(version: OfferingVersion, images: Sequence[Image]) -> list[Parameter]:
    """The question how large the system's volume is, where the offering allows one."""
    if not allows(version, Extra.SYSTEM_VOLUME):
        return []
    lowest = max([1, *(image.min_disk_gib for image in images)])
    return [
        Parameter(
            name=SIZE,
            label=_("Disk for the operating system"),
            widget=Widget.NUMBER,
            section=_("Storage"),
            hint=_(
                "Leave it empty for the disk that belongs to the size. One that you choose here "
                "can grow later, but the server cannot be rebuilt or rescued then."
            ),
            required=False,
            minimum=lowest,
            maximum=max(lowest, version.choices["volume_gib"]["maximum"]),
            unit="GiB",
        )
    ]


def larger_system_parameters(version: OfferingVersion, spec: Spec) -> list[Parameter]:
    """The question how large the system's volume must become; none where it has none."""
    size = spec.get(SIZE)
    if not size:
        return []
    largest = max(size, version.choices["volume_gib"]["maximum"])
    hint = _("A disk can grow, but never shrink.")
    return [
        Parameter(
            name=SIZE,
            label=_("Disk for the operating system"),
            widget=Widget.NUMBER,
            section=_("Storage"),
            hint=hint,
            minimum=size,
            maximum=largest,
            default=size,
            unit="GiB",
        )
    ]


def disk_effects(before: Spec, after: Spec) -> list[Text]:
    """What larger volumes mean for who uses the server."""
    is_larger = any(before.get(key) != after.get(key) for key in ("volume_gib", SIZE))
    return list(GROWTH) if is_larger else []


def disk_demand(spec: Spec) -> dict[Metric, Decimal]:
    """What the volumes hold; nothing where there is none."""
    sizes = _sizes(spec)
    if not sizes:
        return {}
    return {Metric.VOLUMES: Decimal(len(sizes)), Metric.VOLUME_GIB: Decimal(sum(sizes))}


def disk_meters(version: OfferingVersion, spec: Spec) -> list[Meter]:
    """What the volumes use, together: they are of one type."""
    sizes = _sizes(spec)
    if not sizes:
        return []
    volume_type = spec.get("volume_type") or version.choices["volume_types"][0]
    return [Meter(f"volume.{volume_type}", Decimal(sum(sizes)))]


def _sizes(spec: Spec) -> list[int]:
    return [size for size in (spec["volume_gib"], spec.get(SIZE)) if size]
