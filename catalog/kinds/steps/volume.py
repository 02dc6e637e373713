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
    return VolumeSpec(
        name=context.name, size_gib=context.spec["volume_gib"], volume_type=volume_type
    )


def _settle_volume(context: StepContext, volume_id: str, look: Look) -> Outcome:
    volume = look[Listing.VOLUMES].get(volume_id)
    return _judge_volume(volume) if volume else Broken("The volume is gone.")


def _judge_volume(volume: CloudObject) -> Outcome:
    if volume.status.startswith("ERROR"):
        return Broken(volume.fault or f"The volume is in {volume.status}.")
    if volume.status in {"AVAILABLE", "IN-USE"}:
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
VOLUME_GONE: Final = StepDefinition(
    name="volume",
    label=_("Disk removed"),
    run=_run_volume_gone,
    settle=_settle_volume_gone,
    reads=frozenset({Listing.VOLUMES}),
)
