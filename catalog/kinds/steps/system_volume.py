"""The steps of a volume that a server starts from, in the place of the disk of its flavor.

The spec says ``system_gib``; without it there is none, and the server has a disk of its own.
"""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from catalog.kinds.base import Look, Outcome, StepContext, StepDefinition
from catalog.kinds.parts import Compared, Part, Record, size_gib
from catalog.kinds.steps.chosen_image import OWN, QUESTION, image_id
from catalog.kinds.steps.volume import (
    clear_volume,
    extension_step,
    judge_removal,
    judge_volume,
    measuring_step,
    remove_volumes,
    settle_volume,
    volume_type_of,
)
from portal.cloud.ports import Listing, VolumeSpec

PART: Final = "system_volume"
SIZE: Final = "system_gib"


def _run(context: StepContext) -> Outcome:
    project, cloud, marker = context.project, context.cloud, context.marker(PART)
    volume = context.ensure(
        find=lambda: cloud.find_volumes(project, marker),
        create=lambda: cloud.create_volume(project, _spec(context), marker),
        remove=lambda double: cloud.delete_volume(project, double.id),
    )
    return judge_volume(volume)


def _spec(context: StepContext) -> VolumeSpec:
    return VolumeSpec(
        name=name_of(context.name),
        size_gib=context.spec[SIZE],
        volume_type=volume_type_of(context),
        image_id=image_id(context),
    )


def name_of(of_server: str) -> str:
    """What it is called in the cloud."""
    return f"{of_server}-system"


def _run_gone(context: StepContext) -> Outcome:
    return remove_volumes(context, PART)


def _settle_gone(context: StepContext, _id: str, look: Look) -> Outcome:
    return judge_removal(context, PART, look)


def _has_volume(record: Record) -> bool:
    return bool(record.spec.get(SIZE))


def _size(record: Record) -> str | None:
    return str(record.spec[SIZE])


SYSTEM_VOLUME_PART: Final = Part(
    key=PART,
    label=_("Disk of the system"),
    listing=Listing.VOLUMES,
    is_expected=_has_volume,
    compared=[
        Compared(
            key="name",
            label=_("Name"),
            ours=lambda record: name_of(record.name),
            cloud=lambda thing: thing.name,
        ),
        size_gib(_size, question=SIZE),
    ],
)
SYSTEM_VOLUME: Final = StepDefinition(
    name=PART,
    label=_("Disk of the system"),
    run=_run,
    settle=settle_volume,
    clear=clear_volume,
    reads=frozenset({Listing.VOLUMES}),
    only_with=SIZE,
    uses=frozenset({SIZE, "volume_type", QUESTION, OWN}),
)
SYSTEM_EXTENSION: Final = extension_step(
    "system_extension", _("Disk of the system made larger"), part=PART, parameter=SIZE
)
SYSTEM_MEASURING: Final = measuring_step(
    "system_measuring", _("Size of the system's disk looked up"), part=PART, parameter=SIZE
)
SYSTEM_VOLUME_GONE: Final = StepDefinition(
    name=PART,
    label=_("Disk of the system removed"),
    run=_run_gone,
    settle=_settle_gone,
    reads=frozenset({Listing.VOLUMES}),
    only_with=SIZE,
)
