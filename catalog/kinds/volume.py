"""A volume of its own, to be attached to servers of the project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast

from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from billing.meters import Meter
from catalog.exit_package.fetching import Fetch
from catalog.exit_package.things import Surroundings, Thing
from catalog.exit_package.tofu import Block, block_name
from catalog.kinds.base import ATTACHED_TO, Kind, Plan, Spec, register
from catalog.kinds.choices import Bounds, ChoiceField, Ticks
from catalog.kinds.disk_code import attachment, disk_block, disk_to_fetch
from catalog.kinds.idle import UNATTACHED
from catalog.kinds.parameters import Option, Parameter, Text, Widget
from catalog.kinds.parts import Finding
from catalog.kinds.server_code import server_code
from catalog.kinds.steps.attachment import ATTACH, DETACH
from catalog.kinds.steps.cloud_project import PROJECT, QUOTA, ROOM
from catalog.kinds.steps.volume import (
    EXTENSION,
    MEASURING,
    VOLUME,
    VOLUME_GONE,
    VOLUME_PART,
    volume_facts,
)
from catalog.models import Metric, OfferingVersion, Resource
from portal.cloud.models import Cloud
from portal.cloud.ports import CloudObject
from portal.core.errors import InvalidInput

LARGEST_GIB: Final = 16384
GROWTH: Final[Sequence[Text]] = (
    _("The disk grows while it is in use. It cannot be made smaller again."),
    _("After that you enlarge the file system on it yourself."),
)
SOURCES: Final = frozenset({"volume_snapshot", "volume_backup"})


@register
class Volume(Kind):
    """Spec: ``volume_gib``, ``volume_type`` where the offering leaves a choice, and ``source``, the
    public id of the snapshot or backup that it begins with.

    The offering's choices: ``volume_types``, names in the order in which they are shown, and
    ``volume_gib``: {"minimum", "maximum", "default"}, where the minimum is at least 1.
    """

    key = "volume"
    icon = "database"
    label = pgettext_lazy("kind of resource", "Disk")
    plans = {
        "provision": Plan(version=1, steps=[PROJECT, VOLUME]),
        "retire": Plan(version=1, steps=[VOLUME_GONE, QUOTA]),
        "change": Plan(version=1, steps=[ROOM, EXTENSION]),
        "revert": Plan(version=1, steps=[MEASURING, QUOTA]),
    }
    parts = [VOLUME_PART]
    made_from = SOURCES
    actions = {"attach": ATTACH, "detach": DETACH}
    attaches_with = "attach"
    idle_when = UNATTACHED

    def choice_fields(self, cloud: Cloud) -> list[ChoiceField]:
        return [size_bounds(lowest=1), offered_types(cloud)]

    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        size = size_parameter(version, label=_("Size"))
        return [size, *type_parameters(version), _source_parameter()]

    def settle(
        self, version: OfferingVersion, spec: Spec, sources: Mapping[str, Resource]
    ) -> dict[str, Any]:
        source = sources.get("source")
        if source is not None:
            _check_fits(version, spec, source)
        return dict(spec)

    def begun_from(self, source: Resource) -> dict[str, Any]:
        kept = {name: source.spec.get(name) for name in ("volume_gib", "volume_type")}
        return {name: value for name, value in kept.items() if value}

    def changeable(self, version: OfferingVersion, spec: Spec) -> list[Parameter]:
        return larger_parameters(version, spec, label=_("Size"))

    def change_effects(self, before: Spec, after: Spec) -> list[Text]:
        return growth_effects(before, after)

    def quota_demand(self, version: OfferingVersion, spec: Spec) -> dict[Metric, Decimal]:
        return volume_demand(spec)

    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        return volume_meters(version, spec)

    def as_code(self, made: Thing, around: Surroundings) -> Sequence[Block]:
        """Empty: what is on it is fetched and put back by itself."""
        name = block_name(made)
        disk = disk_block(made, name, called=made.name, size_gib=made.spec["volume_gib"])
        server = server_code(around.with_id(made.facts.get(ATTACHED_TO)), around)
        if server is None:
            return [disk]
        return [disk, attachment(name, server=server.server, disk=disk.ref())]

    def to_fetch(self, made: Thing) -> Sequence[Fetch]:
        is_used = made.is_found or bool(made.facts.get(ATTACHED_TO))
        return disk_to_fetch(made, "volume", made.spec["volume_gib"], is_used=is_used)

    def summary(self, spec: Spec) -> str:
        parts = [f"{spec['volume_gib']} GiB", spec.get("volume_type")]
        return ", ".join(filter(None, parts))

    def found(self, thing: CloudObject) -> Finding | None:
        size, volume_type = thing.details.get("size_gib"), thing.details.get("volume_type")
        if not size or not volume_type:
            return None
        return Finding(
            spec={"volume_gib": size, "volume_type": volume_type},
            facts=volume_facts(thing),
            used_by=cast("list[str]", thing.details.get("server_ids", [])),
        )

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        created_at = facts.get("volume_created_at")
        return datetime.fromisoformat(created_at) if created_at else None


def _source_parameter() -> Parameter:
    return Parameter(
        name="source",
        label=_("Begin with what is on"),
        widget=Widget.SELECT,
        section=_("Storage"),
        hint=_("A snapshot or a backup of this project. Choose nothing for an empty disk."),
        required=False,
        of_kinds=sorted(SOURCES),
    )


def _check_fits(version: OfferingVersion, spec: Spec, source: Resource) -> None:
    """Raise InvalidInput unless a disk of this size and type can hold what the source has."""
    size = source.spec["volume_gib"]
    if spec["volume_gib"] < size:
        text = gettext("{name} has {size} GiB. Choose at least that.")
        raise InvalidInput({"volume_gib": [text.format(name=source.name, size=size)]})
    kept_type = source.spec.get("volume_type")
    chosen = spec.get("volume_type") or version.choices["volume_types"][0]
    if kept_type and kept_type != chosen:
        asked = "volume_type" if "volume_type" in spec else "source"
        text = gettext("A disk of the snapshot {name} must be of the kind {type}.")
        raise InvalidInput({asked: [text.format(name=source.name, type=kept_type)]})


def disk_parameter(*, is_needed: bool, hint: Text) -> Parameter:
    """The question of which disk of the project."""
    return Parameter(
        name="volume",
        label=_("Which disk"),
        widget=Widget.SELECT,
        section=_("Storage"),
        hint=hint,
        of_kinds=["volume"],
        is_needed=is_needed,
    )


def type_of(disk: Resource) -> str:
    """The type of a disk, chosen or the only one that its offering had."""
    if disk.spec.get("volume_type"):
        return str(disk.spec["volume_type"])
    if disk.order_line is None:
        return ""
    return str(disk.order_line.offering_version.choices["volume_types"][0])


def size_bounds(*, lowest: int) -> Bounds:
    """Between which sizes somebody may choose."""
    return Bounds(
        name="volume_gib",
        label=_("Size of a disk"),
        lowest=lowest,
        highest=LARGEST_GIB,
        unit="GiB",
    )


def offered_types(cloud: Cloud) -> Ticks:
    """Which types of volume somebody may choose from."""
    names = sorted(item.name for item in cloud.volumetypes.all() if item.gone_at is None)
    return Ticks(
        name="volume_types",
        label=_("Kinds of disk"),
        options=[Option(value=name, label=name) for name in names],
    )


def size_parameter(version: OfferingVersion, *, label: Text, hint: Text = "") -> Parameter:
    """The question how large a volume must be, within the offering's bounds."""
    bounds = version.choices["volume_gib"]
    return Parameter(
        name="volume_gib",
        label=label,
        widget=Widget.NUMBER,
        section=_("Storage"),
        hint=hint,
        minimum=bounds["minimum"],
        maximum=bounds["maximum"],
        default=bounds["default"],
        unit="GiB",
    )


def larger_parameters(version: OfferingVersion, spec: Spec, *, label: Text) -> list[Parameter]:
    """The question how large the spec's volume must become; none where it has no volume."""
    size = spec["volume_gib"]
    if not size:
        return []
    asked = size_parameter(version, label=label, hint=_("A disk can grow, but never shrink."))
    return [replace(asked, minimum=size, maximum=max(size, asked.maximum), default=size)]


def growth_effects(before: Spec, after: Spec) -> list[Text]:
    """What a larger volume means for who uses it; nothing where it stays as large."""
    return [] if before["volume_gib"] == after["volume_gib"] else list(GROWTH)


def type_parameters(version: OfferingVersion) -> list[Parameter]:
    """The question which type of volume; none where the offering has but one."""
    names: list[str] = version.choices["volume_types"]
    if len(names) < 2:
        return []
    options = [
        Option(value=name, label=name, meters=[Meter(f"volume.{name}", Decimal(1))])
        for name in names
    ]
    return [
        Parameter(
            name="volume_type",
            label=_("Kind of disk"),
            widget=Widget.SELECT,
            section=_("Storage"),
            options=options,
            default=names[0],
        )
    ]


def volume_demand(spec: Spec) -> dict[Metric, Decimal]:
    """What the spec's volume holds; nothing for 0 GiB."""
    if not spec["volume_gib"]:
        return {}
    return {Metric.VOLUMES: Decimal(1), Metric.VOLUME_GIB: Decimal(spec["volume_gib"])}


def volume_meters(version: OfferingVersion, spec: Spec) -> list[Meter]:
    """What the spec's volume uses; nothing for 0 GiB."""
    if not spec["volume_gib"]:
        return []
    volume_type = spec.get("volume_type") or version.choices["volume_types"][0]
    return [Meter(f"volume.{volume_type}", Decimal(spec["volume_gib"]))]
