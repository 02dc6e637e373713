"""The steps that turn a server on and off. Each looks first: the answer to it may be lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from catalog.kinds.base import (
    Action,
    Broken,
    Done,
    Look,
    Outcome,
    Plan,
    StepContext,
    StepDefinition,
    Wait,
)
from catalog.kinds.steps.knowing import find_part
from portal.cloud.ports import CloudObject, Listing

ON: Final = "ACTIVE"
OFF: Final = "SHUTOFF"
RESCUED: Final = "RESCUE"
SETTLED: Final = (ON, OFF, RESCUED, "ERROR", "PAUSED", "SUSPENDED", "DELETED", "SOFT_DELETED")
BOOTS_FROM: Final = "boots_from"  # key of what a server tells: whether its disk is its own
IMAGE, VOLUME, UNTOLD = "image", "volume", "untold"
Ask = Callable[[StepContext, str], None]


def find_server(context: StepContext) -> CloudObject:
    """The server of this resource.

    Raises:
        CloudMissing: it is gone.
    """
    cloud = context.cloud
    return find_part(context, "server", cloud.find_servers, cloud.list_servers)


def _is(server: CloudObject, status: str) -> bool:
    """In this state, and busy with nothing."""
    return server.status == status and not server.details.get("task_state")


def _judge(server: CloudObject | None, status: str) -> Outcome:
    if server is None:
        return Broken("The server is gone.")
    if server.status == "ERROR":
        return Broken(server.fault or "The server is in ERROR.")
    if _is(server, status):
        return Done(external_id=server.id, facts={"status": status})
    return Wait(external_id=server.id)


def _until(status: str) -> Callable[[StepContext, str, Look], Outcome]:
    def settle(context: StepContext, server_id: str, look: Look) -> Outcome:
        return _judge(look[Listing.SERVERS].get(server_id), status)

    return settle


def become(status: str, ask: Ask) -> Callable[[StepContext], Outcome]:
    """Ask for it unless it is so already."""

    def run(context: StepContext) -> Outcome:
        server = find_server(context)
        if not _is(server, status):
            ask(context, server.id)
        return Wait(external_id=server.id)

    return run


def _reboot(*, is_hard: bool) -> Callable[[StepContext], Outcome]:
    """What is being rebooted already is not asked again; a lost answer may reboot it twice."""

    def run(context: StepContext) -> Outcome:
        server = find_server(context)
        if not server.details.get("task_state"):
            context.cloud.reboot_server(context.project, server.id, is_hard=is_hard)
        return Wait(external_id=server.id)

    return run


def one_step(name: str, label: Any, run: Callable[[StepContext], Outcome], status: str) -> Plan:
    """The plan of what is done once the server has this status."""
    step = StepDefinition(
        name=name,
        label=label,
        run=run,
        settle=_until(status),
        reads=frozenset({Listing.SERVERS}),
        timeout=timedelta(minutes=15),
    )
    return Plan(version=1, steps=[step])


def _runs(facts: Mapping[str, Any]) -> bool:
    return facts.get("status") == ON


def _is_off(facts: Mapping[str, Any]) -> bool:
    return facts.get("status") == OFF


def _start(context: StepContext, server_id: str) -> None:
    context.cloud.start_server(context.project, server_id)


def _stop(context: StepContext, server_id: str) -> None:
    context.cloud.stop_server(context.project, server_id)


START: Final = Action(
    label=_("Start"),
    icon="player-play",
    consequence=_("The server starts. What ran on it has to be started too."),
    plan=one_step("start", _("Server started"), become(ON, _start), ON),
    is_offered=_is_off,
)
STOP: Final = Action(
    label=_("Stop"),
    icon="player-stop",
    consequence=_("Nobody reaches the server until you start it. It goes on costing money."),
    plan=one_step("stop", _("Server stopped"), become(OFF, _stop), OFF),
    is_offered=_runs,
)
REBOOT: Final = Action(
    label=_("Restart"),
    icon="refresh",
    consequence=_("Nobody reaches the server for about a minute."),
    plan=one_step("reboot", _("Server restarted"), _reboot(is_hard=False), ON),
    is_offered=_runs,
)
RESET: Final = Action(
    label=_("Reset"),
    icon="refresh",
    consequence=_("For a server that no longer listens: the power is cut, and work may be lost."),
    plan=one_step("reset", _("Server reset"), _reboot(is_hard=True), ON),
    is_offered=_runs,
)
