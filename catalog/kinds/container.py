"""An object storage container with a largest size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from billing.meters import Measure, Meter
from catalog.exit_package.fetching import Fetch, container_commands, container_folder
from catalog.exit_package.things import Surroundings, Thing
from catalog.exit_package.tofu import Block, block_name
from catalog.kinds.base import (
    Done,
    Kind,
    Outcome,
    Plan,
    Spec,
    StepContext,
    StepDefinition,
    register,
)
from catalog.kinds.choices import Bounds, ChoiceField
from catalog.kinds.measured import OBJECTS_STORED, is_measured, measured_choice
from catalog.kinds.parameters import Parameter, Text, Widget
from catalog.kinds.parts import Compared, Finding, Part, Record
from catalog.kinds.steps.cloud_project import PROJECT, QUOTA
from catalog.kinds.steps.container import PART, find_container
from catalog.kinds.steps.container_access import (
    ACTIONS,
    AT_ONCE,
    EMPTY,
    GONE,
    LAPSED,
    LAPSED_AT_ONCE,
    LOCKED,
)
from catalog.models import Metric, OfferingVersion
from portal.cloud.models import Cloud
from portal.cloud.ports import (
    CloudObject,
    CloudRefused,
    CloudTaken,
    CloudUnavailable,
    ContainerSpec,
    Listing,
)

LARGEST_GIB: Final = 102_400
BYTES_PER_GIB: Final = 1024**3
OBJECTS_AT_ONCE: Final = 2000  # so that a step ends well within its lease


def _run(context: StepContext) -> Outcome:
    project, cloud, marker = context.project, context.cloud, context.marker(PART)
    spec = ContainerSpec(name=context.name, quota_gib=context.spec["object_gib"])
    container = context.ensure(
        find=lambda: cloud.find_containers(project, context.name, marker),
        create=lambda: cloud.create_container(project, spec, marker),
        remove=lambda double: cloud.delete_container(project, double.id),
    )
    return Done(external_id=container.id)


def _run_gone(context: StepContext) -> Outcome:
    """Empty it in turns, then delete it. What never came into being is gone already."""
    project, cloud = context.project, context.cloud
    if not project:
        return Done()
    try:
        name = find_container(context).id
    except CloudTaken:
        if PART in context.cloud_ids:
            raise
        return Done()  # the name was another's already: nothing of ours came into being
    if not cloud.empty_container(project, name, at_most=OBJECTS_AT_ONCE):
        raise CloudUnavailable("the container is being emptied")
    cloud.delete_container(project, name)
    return Done()


def _run_size(context: StepContext) -> Outcome:
    """Give it the size of the spec, unless more than that is stored.

    Raises:
        CloudMissing: it is gone.
        CloudRefused: its users remove some of it first.
    """
    size, used = context.spec["object_gib"], _used_gib(find_container(context))
    if used > size:
        raise CloudRefused(f"{used} GiB is stored in it, and it was to be {size} GiB at most")
    return _set_size(context)


def _set_size(context: StepContext) -> Outcome:
    """The size of the spec, whatever the cloud has; what is stored stays."""
    size, name = context.spec["object_gib"], find_container(context).id
    context.hold()
    context.cloud.set_container_quota(context.project, name, size)
    return Done(spec={"object_gib": size})


def _used_gib(thing: CloudObject) -> int:
    return int(str(thing.details["used_gib"]))


def _size_of_found(thing: CloudObject) -> int:
    """What is held and charged of a container that nobody ordered: what is stored, 1 GiB or more.

    Whatever limit it has, no list tells that.
    """
    return max(1, _used_gib(thing))


def _ours(record: Record) -> str | None:
    """Of one that was ordered somebody pays for the largest size, whatever is stored."""
    return str(record.spec["object_gib"]) if record.is_found else None


def _size_hint(version: OfferingVersion) -> Text:
    if is_measured(version, Measure.STORED):
        return _("More than this is refused. You pay for what is stored in it.")
    return _("More than this is refused. You pay for this size, also when it is empty.")


STORED: Final = Compared(
    key="used_gib",
    label=_("Stored, in GiB"),
    ours=_ours,
    cloud=lambda thing: str(_size_of_found(thing)),
    changed_spec=lambda size: {"object_gib": int(size)},
)
SIZE: Final = StepDefinition(name="size", label=_("Other size"), run=_run_size)
SIZE_BACK: Final = replace(SIZE, label=_("Size as it was"), run=_set_size)


@register
class Container(Kind):
    """Spec: ``object_gib``, the most that it takes. What is stored comes in and goes by Swift.

    Of one that nobody ordered that is what was stored when it was last looked at: it has no limit
    that we know, and gets none, since whoever uses it would be stopped by that.

    The offering's choices: ``object_gib``: {"minimum", "maximum", "default"}; ``measured``:
    ["stored"] where somebody pays for what is stored, and not for the largest size.
    """

    key = "container"
    icon = "folder"
    label = _("Object storage")
    plans = {
        "provision": Plan(
            version=1,
            steps=[PROJECT, StepDefinition(name=PART, label=_("Object storage"), run=_run)],
        ),
        "retire": Plan(
            version=3,
            steps=[
                LOCKED,
                EMPTY,
                GONE,
                StepDefinition(name=PART, label=_("Object storage removed"), run=_run_gone),
                QUOTA,
            ],
            former=[replace(AT_ONCE, name="access")],
        ),
        "change": Plan(version=1, steps=[SIZE]),
        "revert": Plan(version=1, steps=[SIZE_BACK]),
        "withdraw": Plan(version=2, steps=LAPSED, former=[LAPSED_AT_ONCE]),
    }

    actions = ACTIONS

    parts = [
        Part(
            key=PART,
            label=_("Object storage"),
            listing=Listing.CONTAINERS,
            compared=[STORED],
            is_marked=False,
        )
    ]

    def choice_fields(self, cloud: Cloud) -> list[ChoiceField]:
        bounds = Bounds(
            name="object_gib", label=_("Largest size"), lowest=1, highest=LARGEST_GIB, unit="GiB"
        )
        return [bounds, measured_choice(Measure.STORED, _("What is stored, per GiB"))]

    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        bounds = version.choices["object_gib"]
        return [
            Parameter(
                name="object_gib",
                label=_("Largest size"),
                widget=Widget.NUMBER,
                section=_("Storage"),
                hint=_size_hint(version),
                minimum=bounds["minimum"],
                maximum=bounds["maximum"],
                default=bounds["default"],
                unit="GiB",
            )
        ]

    def changeable(self, version: OfferingVersion, spec: Spec) -> list[Parameter]:
        """Larger or smaller; what it has now stays possible when the offering changed its mind."""
        size = spec["object_gib"]
        return [
            replace(
                asked,
                minimum=min(asked.minimum, size),
                maximum=max(asked.maximum, size),
                default=size,
            )
            for asked in self.parameters(version)
        ]

    def change_effects(self, before: Spec, after: Spec) -> list[Text]:
        if after["object_gib"] >= before["object_gib"]:
            return []
        return [
            _("It becomes smaller only when no more than that is stored. Else nothing changes.")
        ]

    def quota_demand(self, version: OfferingVersion, spec: Spec) -> dict[Metric, Decimal]:
        return {Metric.OBJECT_GIB: Decimal(spec["object_gib"])}

    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        if is_measured(version, Measure.STORED):
            at_most = spec["object_gib"]
            return [Meter.measured(OBJECTS_STORED, Measure.STORED, expected=at_most)]
        return [Meter("object", Decimal(spec["object_gib"]))]

    def as_code(self, made: Thing, around: Surroundings) -> Sequence[Block]:
        """Empty, and as large as it may become; one that was found has no limit that we know."""
        limit = {"Quota-Bytes": str(made.spec["object_gib"] * BYTES_PER_GIB)}
        attributes = {"name": made.name, "metadata": None if made.is_found else limit}
        return [Block("openstack_objectstorage_container_v1", block_name(made), attributes)]

    def to_fetch(self, made: Thing) -> Sequence[Fetch]:
        name = made.cloud_ids.get(PART)
        if not name:
            return []
        return [
            Fetch(
                kind=PART,
                name=made.name,
                cloud_id=name,
                size_gib=made.spec["object_gib"],
                file=container_folder(name),
                commands=container_commands(name),
            )
        ]

    def summary(self, spec: Spec) -> str:
        return f"{spec['object_gib']} GiB"

    def found(self, thing: CloudObject) -> Finding | None:
        return Finding(spec={"object_gib": _size_of_found(thing)}, facts={})

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        return None
