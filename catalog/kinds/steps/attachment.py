"""Attaching a disk to a server of the project, and taking it off. Each looks before it asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, cast

from django.utils.translation import gettext_lazy as _

from catalog.kinds.base import (
    ATTACHED_BEFORE,
    ATTACHED_TO,
    Action,
    Broken,
    Done,
    Look,
    Outcome,
    Plan,
    StepContext,
    StepDefinition,
    Wait,
    attachment_facts,
)
from catalog.kinds.parameters import Parameter, Widget
from catalog.kinds.steps.volume import find_volume
from portal.cloud.ports import CloudMissing, CloudObject, CloudUnavailable, Listing

FREE: Final = "AVAILABLE"
IN_USE: Final = "IN-USE"


def server_parameter() -> Parameter:
    """The question to which server of the project."""
    return Parameter(
        name="server",
        label=_("Server"),
        widget=Widget.SELECT,
        section=_("Server"),
        hint=_("A server of this project that runs."),
        of_kinds=["server"],
    )


def _servers_of(volume: CloudObject) -> list[str]:
    return cast("list[str]", volume.details["server_ids"])


def _server_id(context: StepContext) -> str:
    """The server that was chosen.

    Raises:
        CloudMissing: it is gone.
    """
    server_id = context.cloud_ids_of(context.answers["server"]).get("server")
    if server_id is None:
        raise CloudMissing("the server is gone")
    return server_id


def _run_attach(context: StepContext) -> Outcome:
    volume, server_id = find_volume(context), _server_id(context)
    if volume.status == FREE:
        context.cloud.attach_volume(context.project, server_id, volume.id)
        return Wait(external_id=volume.id)
    if take_off_gone(context, volume):
        raise CloudUnavailable("a server that is gone had the volume; now it comes free")
    return _judge_attached(context, volume)


def take_off_gone(context: StepContext, volume: CloudObject) -> bool:
    """Take a volume off servers that are gone and that Cinder knows as its users; True if any."""
    there = {server.id for server in context.cloud.list_servers(context.project)}
    gone = [server_id for server_id in _servers_of(volume) if server_id not in there]
    for server_id in gone:
        context.cloud.detach_volume(context.project, server_id, volume.id)
    return bool(gone)


def _settle_attach(context: StepContext, volume_id: str, look: Look) -> Outcome:
    volume = look[Listing.VOLUMES].get(volume_id)
    return _judge_attached(context, volume) if volume else Broken("The volume is gone.")


def _judge_attached(context: StepContext, volume: CloudObject) -> Outcome:
    """Nova reserves a volume before it answers, so one that is free was not attached."""
    if volume.status == IN_USE and _server_id(context) in _servers_of(volume):
        return Done(external_id=volume.id, facts=attachment_facts(context.answers["server"]))
    if volume.status in {FREE, IN_USE} or volume.status.startswith("ERROR"):
        return Broken(volume.fault or f"The volume is {volume.status} and not attached.")
    return Wait(external_id=volume.id)


def _run_detach(context: StepContext) -> Outcome:
    volume = find_volume(context)
    for server_id in _servers_of(volume):
        context.cloud.detach_volume(context.project, server_id, volume.id)
    return Wait(external_id=volume.id)


def _settle_detach(context: StepContext, volume_id: str, look: Look) -> Outcome:
    """Cinder marks a volume before Nova answers, so one that is in use was not taken off."""
    volume = look[Listing.VOLUMES].get(volume_id)
    if volume is None:
        return Broken("The volume is gone.")
    if volume.status == FREE:
        return Done(external_id=volume.id, facts=attachment_facts(None))
    if volume.status == IN_USE or volume.status.startswith("ERROR"):
        return Broken(volume.fault or f"The volume is {volume.status}.")
    return Wait(external_id=volume.id)


def is_free(facts: Mapping[str, Any]) -> bool:
    return not facts.get(ATTACHED_TO)


def can_be_taken_off(facts: Mapping[str, Any]) -> bool:
    """Also what would be attached again: then it will not be."""
    return bool(facts.get(ATTACHED_TO) or facts.get(ATTACHED_BEFORE))


ATTACH: Final = Action(
    label=_("Attach"),
    icon="server",
    consequence=_("A server of this project can use the disk. You mount it there yourself."),
    plan=Plan(
        version=1,
        steps=[
            StepDefinition(
                name="attach",
                label=_("Disk attached"),
                run=_run_attach,
                settle=_settle_attach,
                reads=frozenset({Listing.VOLUMES}),
                timeout=timedelta(minutes=15),
            )
        ],
    ),
    is_offered=is_free,
    parameters=[server_parameter()],
)
DETACH: Final = Action(
    label=_("Detach"),
    icon="x",
    consequence=_(
        "The server can no longer reach the disk. Unmount it there first, or you lose data."
    ),
    plan=Plan(
        version=1,
        steps=[
            StepDefinition(
                name="detach",
                label=_("Disk detached"),
                run=_run_detach,
                settle=_settle_detach,
                reads=frozenset({Listing.VOLUMES}),
                timeout=timedelta(minutes=15),
            )
        ],
    ),
    is_offered=can_be_taken_off,
)
