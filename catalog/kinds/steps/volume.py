"""The steps that make a volume, and those that remove whatever there is of one.

The spec says ``volume_gib`` (0: none) and ``volume_type``, or the offering has but one type.
"""

from __future__ import annotations

from typing import Final, cast

from django.utils.translation import gettext_lazy as _

from catalog.kinds.base import Broken, Done, Look, Outcome, StepContext, StepDefinition, Wait
from catalog.kinds.parts import NAME, Part, Record, size_gib
from catalog.kinds.steps.inventory import openstack_id
from catalog.kinds.steps.removal import delete_all, remaining
from portal.cloud.models import VolumeType
from portal.cloud.ports import CloudMissing, CloudObject, Listing, VolumeSpec

SETTLED: Final = frozenset({"AVAILABLE", "IN-USE"})


def _run_volume(context: StepContext) -> Outcome:
    if not context.spec["volume_gib"]:
        return Done()
    project, cloud, marker = context.project, context.cloud, context.marker("volume")
    volume = context.ensure(
        find=lambda: cloud.find_volumes(project, marker),
        create=lambda: cloud.create_volume(project, _volume_spec(context), marker),
        remove=lambda double: cloud.delete_volume(project, double.id),
    )
    return _judge_volume(volume)


def _volume_spec(context: StepContext) -> VolumeSpec:
    volume_type = context.spec.get("volume_type") or context.settings["volume_types"][0]
    openstack_id(VolumeType, context, volume_type)
    source = context.spec.get("source")
    begins_with = context.cloud_ids_of(source) if source else {}
    return VolumeSpec(
        name=context.name,
        size_gib=context.spec["volume_gib"],
        volume_type=volume_type,
        snapshot_id=begins_with.get("volume_snapshot"),
        backup_id=begins_with.get("volume_backup"),
    )


def _settle_volume(context: StepContext, volume_id: str, look: Look) -> Outcome:
    volume = look[Listing.VOLUMES].get(volume_id)
    return _judge_volume(volume) if volume else Broken("The volume is gone.")


def _judge_volume(volume: CloudObject) -> Outcome:
    if volume.status.startswith("ERROR"):
        return Broken(volume.fault or f"The volume is in {volume.status}.")
    if volume.status in SETTLED:
        created_at = volume.created_at.isoformat() if volume.created_at else None
        return Done(external_id=volume.id, facts={"volume_created_at": created_at})
    return Wait(external_id=volume.id)


def _clear_volume(context: StepContext, volume_id: str) -> None:
    """Cinder refuses to delete what it is deleting, so look first."""
    there = {volume.id: volume for volume in context.cloud.list_volumes(context.project)}
    if volume_id not in there:
        raise CloudMissing("the volume is gone")
    if there[volume_id].status != "DELETING":
        context.cloud.delete_volume(context.project, volume_id)


def _run_volume_gone(context: StepContext) -> Outcome:
    cloud = context.cloud

    def delete(project: str, volume_id: str) -> None:
        """Cinder keeps what it thinks is attached, also to a server that is gone by now."""
        there = {volume.id: volume for volume in cloud.list_volumes(project)}
        if volume_id in there:
            for server_id in cast("list[str]", there[volume_id].details["server_ids"]):
                cloud.detach_volume(project, server_id, volume_id)
        cloud.delete_volume(project, volume_id)

    was_there = delete_all(context, "volume", cloud.find_volumes, delete)
    return Wait() if was_there else Done()


def _settle_volume_gone(context: StepContext, _id: str, look: Look) -> Outcome:
    left = remaining(context, "volume", look[Listing.VOLUMES])
    for volume in left:
        if volume.status == "ERROR_DELETING":
            return Broken(volume.fault or "The volume was not removed.")
    return Wait() if left else Done()


# --- making one larger -------------------------------------------------------------------------


def find_volume(context: StepContext) -> CloudObject:
    """The volume of this resource.

    Raises:
        CloudMissing: it is gone.
    """
    found = context.cloud.find_volumes(context.project, context.marker("volume"))
    if not found:
        raise CloudMissing("the volume is gone")
    return found[0]


def _run_extension(context: StepContext) -> Outcome:
    """Ask for it unless it is so, or on its way, already."""
    volume = find_volume(context)
    if volume.status in SETTLED and _size_gib(volume) < context.spec["volume_gib"]:
        context.cloud.extend_volume(context.project, volume.id, context.spec["volume_gib"])
        return Wait(external_id=volume.id)
    return _judge_extension(context, volume)


def _settle_extension(context: StepContext, volume_id: str, look: Look) -> Outcome:
    volume = look[Listing.VOLUMES].get(volume_id)
    return _judge_extension(context, volume) if volume else Broken("The volume is gone.")


def _judge_extension(context: StepContext, volume: CloudObject) -> Outcome:
    """Cinder marks a volume before it answers, so one that is idle and small did not grow."""
    if volume.status.startswith("ERROR"):
        return Broken(volume.fault or f"The volume is in {volume.status}.")
    if volume.status not in SETTLED:
        return Wait(external_id=volume.id)
    if _size_gib(volume) < context.spec["volume_gib"]:
        return Broken(f"The volume is still {_size_gib(volume)} GiB.")
    return Done(external_id=volume.id, spec={"volume_gib": context.spec["volume_gib"]})


def _run_measuring(context: StepContext) -> Outcome:
    """How large it is once the cloud is busy with it no longer: nothing makes it smaller."""
    return _measure(find_volume(context))


def _settle_measuring(context: StepContext, volume_id: str, look: Look) -> Outcome:
    volume = look[Listing.VOLUMES].get(volume_id)
    return _measure(volume) if volume else Broken("The volume is gone.")


def _measure(volume: CloudObject) -> Outcome:
    if volume.status.startswith("ERROR"):
        return Broken(volume.fault or f"The volume is in {volume.status}.")
    if volume.status not in SETTLED:
        return Wait(external_id=volume.id)
    return Done(external_id=volume.id, spec={"volume_gib": _size_gib(volume)})


def _size_gib(volume: CloudObject) -> int:
    return cast(int, volume.details["size_gib"])


# --- knowing one again -------------------------------------------------------------------------


def _size(record: Record) -> str | None:
    return str(record.spec["volume_gib"])


def _has_volume(record: Record) -> bool:
    return bool(record.spec["volume_gib"])


VOLUME_PART: Final = Part(
    key="volume",
    label=_("Disk"),
    listing=Listing.VOLUMES,
    is_expected=_has_volume,
    compared=[NAME, size_gib(_size)],
)
VOLUME: Final = StepDefinition(
    name="volume",
    label=_("Disk"),
    run=_run_volume,
    settle=_settle_volume,
    clear=_clear_volume,
    reads=frozenset({Listing.VOLUMES}),
)
EXTENSION: Final = StepDefinition(
    name="extension",
    label=_("Disk made larger"),
    run=_run_extension,
    settle=_settle_extension,
    reads=frozenset({Listing.VOLUMES}),
    parameter="volume_gib",
)
MEASURING: Final = StepDefinition(
    name="measuring",
    label=_("Size of the disk looked up"),
    run=_run_measuring,
    settle=_settle_measuring,
    reads=frozenset({Listing.VOLUMES}),
    parameter="volume_gib",
)
VOLUME_GONE: Final = StepDefinition(
    name="volume",
    label=_("Disk removed"),
    run=_run_volume_gone,
    settle=_settle_volume_gone,
    reads=frozenset({Listing.VOLUMES}),
)
