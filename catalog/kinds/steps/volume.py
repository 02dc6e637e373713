"""The steps that make a volume, and those that remove whatever there is of one.

The spec says ``volume_gib`` (0: none) and ``volume_type``, or the offering has but one type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from django.utils.translation import gettext_lazy as _

from catalog.kinds.base import Broken, Done, Look, Outcome, StepContext, StepDefinition, Wait
from catalog.kinds.parameters import Text
from catalog.kinds.parts import Part, Record, called, size_gib
from catalog.kinds.steps.inventory import openstack_id
from catalog.kinds.steps.knowing import find_part
from catalog.kinds.steps.removal import delete_all, remaining
from portal.cloud.models import VolumeType
from portal.cloud.ports import CloudMissing, CloudObject, Listing, VolumeSpec

SETTLED: Final = frozenset({"AVAILABLE", "IN-USE"})
Run = Callable[[StepContext], Outcome]
Settle = Callable[[StepContext, str, Look], Outcome]


def _run_volume(context: StepContext) -> Outcome:
    if not context.spec["volume_gib"]:
        return Done()
    project, cloud, marker = context.project, context.cloud, context.marker("volume")
    volume = context.ensure(
        find=lambda: cloud.find_volumes(project, marker),
        create=lambda: cloud.create_volume(project, _volume_spec(context), marker),
        remove=lambda double: cloud.delete_volume(project, double.id),
    )
    return judge_volume(volume)


def _volume_spec(context: StepContext) -> VolumeSpec:
    source = context.spec.get("source")
    begins_with = context.cloud_ids_of(source) if source else {}
    return VolumeSpec(
        name=context.name,
        size_gib=context.spec["volume_gib"],
        volume_type=volume_type_of(context),
        snapshot_id=begins_with.get("volume_snapshot"),
        backup_id=begins_with.get("volume_backup"),
    )


def volume_type_of(context: StepContext) -> str:
    """The type that was chosen, or the only one; CloudError where the cloud lacks it."""
    volume_type: str = context.spec.get("volume_type") or context.settings["volume_types"][0]
    openstack_id(VolumeType, context, volume_type)
    return volume_type


def settle_volume(context: StepContext, volume_id: str, look: Look) -> Outcome:
    volume = look[Listing.VOLUMES].get(volume_id)
    return judge_volume(volume) if volume else Broken("The volume is gone.")


def judge_volume(volume: CloudObject) -> Outcome:
    if volume.status.startswith("ERROR"):
        return Broken(volume.fault or f"The volume is in {volume.status}.")
    if volume.status in SETTLED:
        return Done(external_id=volume.id, facts=volume_facts(volume))
    return Wait(external_id=volume.id)


def volume_facts(volume: CloudObject) -> dict[str, Any]:
    """When its use began, by the cloud's clock."""
    created_at = volume.created_at.isoformat() if volume.created_at else None
    return {"volume_created_at": created_at}


def clear_volume(context: StepContext, volume_id: str) -> None:
    """Cinder refuses to delete what it is deleting, so look first."""
    there = {volume.id: volume for volume in context.cloud.list_volumes(context.project)}
    if volume_id not in there:
        raise CloudMissing("the volume is gone")
    if there[volume_id].status != "DELETING":
        context.cloud.delete_volume(context.project, volume_id)


def _run_volume_gone(context: StepContext) -> Outcome:
    return remove_volumes(context, "volume")


def remove_volumes(context: StepContext, part: str) -> Outcome:
    """Remove whatever there is of that part."""
    cloud = context.cloud

    def delete(project: str, volume_id: str) -> None:
        """Cinder keeps what it thinks is attached, also to a server that is gone by now."""
        there = {volume.id: volume for volume in cloud.list_volumes(project)}
        if volume_id in there:
            for server_id in cast("list[str]", there[volume_id].details["server_ids"]):
                cloud.detach_volume(project, server_id, volume_id)
        cloud.delete_volume(project, volume_id)

    was_there = delete_all(context, part, cloud.find_volumes, delete)
    return Wait() if was_there else Done()


def _settle_volume_gone(context: StepContext, _id: str, look: Look) -> Outcome:
    return judge_removal(context, "volume", look)


def judge_removal(context: StepContext, part: str, look: Look) -> Outcome:
    """Whether nothing of that part is left."""
    left = remaining(context, part, look[Listing.VOLUMES])
    for volume in left:
        if volume.status == "ERROR_DELETING":
            return Broken(volume.fault or "The volume was not removed.")
    return Wait() if left else Done()


# --- making one larger -------------------------------------------------------------------------


def find_volume(context: StepContext, part: str = "volume") -> CloudObject:
    """The volume of this resource.

    Raises:
        CloudMissing: it is gone.
    """
    return find_part(context, part, context.cloud.find_volumes, context.cloud.list_volumes)


def extension_step(name: str, label: Text, *, part: str, parameter: str) -> StepDefinition:
    """Make the volume as large as the parameter says. Asked for unless it is so, or on its way."""

    def run(context: StepContext) -> Outcome:
        volume, wanted = find_volume(context, part), context.spec[parameter]
        if volume.status in SETTLED and _size_gib(volume) < wanted:
            context.cloud.extend_volume(context.project, volume.id, wanted)
            return Wait(external_id=volume.id)
        return _judge_extension(volume, wanted, parameter)

    def settle(context: StepContext, volume_id: str, look: Look) -> Outcome:
        volume = look[Listing.VOLUMES].get(volume_id)
        if volume is None:
            return Broken("The volume is gone.")
        return _judge_extension(volume, context.spec[parameter], parameter)

    return _sizing_step(name, label, run, settle, parameter)


def _judge_extension(volume: CloudObject, wanted: int, parameter: str) -> Outcome:
    """Cinder marks a volume before it answers, so one that is idle and small did not grow."""
    if volume.status.startswith("ERROR"):
        return Broken(volume.fault or f"The volume is in {volume.status}.")
    if volume.status not in SETTLED:
        return Wait(external_id=volume.id)
    if _size_gib(volume) < wanted:
        return Broken(f"The volume is still {_size_gib(volume)} GiB.")
    return Done(external_id=volume.id, spec={parameter: wanted})


def measuring_step(name: str, label: Text, *, part: str, parameter: str) -> StepDefinition:
    """How large it is once the cloud is busy with it no longer: nothing makes it smaller."""

    def run(context: StepContext) -> Outcome:
        return _measure(find_volume(context, part), parameter)

    def settle(context: StepContext, volume_id: str, look: Look) -> Outcome:
        volume = look[Listing.VOLUMES].get(volume_id)
        return _measure(volume, parameter) if volume else Broken("The volume is gone.")

    return _sizing_step(name, label, run, settle, parameter)


def _measure(volume: CloudObject, parameter: str) -> Outcome:
    if volume.status.startswith("ERROR"):
        return Broken(volume.fault or f"The volume is in {volume.status}.")
    if volume.status not in SETTLED:
        return Wait(external_id=volume.id)
    return Done(external_id=volume.id, spec={parameter: _size_gib(volume)})


def _sizing_step(
    name: str, label: Text, run: Run, settle: Settle, parameter: str
) -> StepDefinition:
    return StepDefinition(
        name=name,
        label=label,
        run=run,
        settle=settle,
        reads=frozenset({Listing.VOLUMES}),
        parameter=parameter,
    )


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
    compared=[called("volume"), size_gib(_size)],
)
VOLUME: Final = StepDefinition(
    name="volume",
    label=_("Disk"),
    run=_run_volume,
    settle=settle_volume,
    clear=clear_volume,
    reads=frozenset({Listing.VOLUMES}),
    uses=frozenset({"volume_gib", "volume_type", "source"}),
)
EXTENSION: Final = extension_step(
    "extension", _("Disk made larger"), part="volume", parameter="volume_gib"
)
MEASURING: Final = measuring_step(
    "measuring", _("Size of the disk looked up"), part="volume", parameter="volume_gib"
)
VOLUME_GONE: Final = StepDefinition(
    name="volume",
    label=_("Disk removed"),
    run=_run_volume_gone,
    settle=_settle_volume_gone,
    reads=frozenset({Listing.VOLUMES}),
)
