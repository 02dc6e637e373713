"""The steps that repair a server: writing its disk anew, and starting it from another one.

Both are for a server on a disk of its own. On a volume Nova writes nothing anew, and rescues only
what its hypervisor and image can. What was found in the cloud does not tell which it has.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from catalog.kinds.steps.chosen_image import image_id
from catalog.kinds.steps.power import (
    BOOTS_FROM,
    IMAGE,
    OFF,
    ON,
    RESCUED,
    become,
    find_server,
    one_step,
)
from portal.cloud.ports import CloudObject, Listing

BROKEN: Final = "ERROR"
_RUNS_OR_NOT: Final = frozenset({ON, OFF})
_REBUILDABLE: Final = _RUNS_OR_NOT | {BROKEN}


def _run_rebuild(context: StepContext) -> Outcome:
    """Ask for it unless this work did already; of what that broke, once more."""
    server = find_server(context)
    if _is_idle(server) and (not _is_asked(context, server) or server.status == BROKEN):
        mark = str(context.operation_id)
        context.cloud.rebuild_server(context.project, server.id, image_id(context), mark=mark)
        return Wait(external_id=server.id)
    return _judge_rebuild(context, server)


def _settle_rebuild(context: StepContext, server_id: str, look: Look) -> Outcome:
    server = look[Listing.SERVERS].get(server_id)
    return _judge_rebuild(context, server) if server else Broken("The server is gone.")


def _judge_rebuild(context: StepContext, server: CloudObject) -> Outcome:
    """Nova takes the mark on before it answers, so an idle server without it was not rebuilt."""
    if not _is_idle(server):
        return Wait(external_id=server.id)
    if server.status == BROKEN:
        return Broken(server.fault or "The server is in ERROR.")
    if not _is_asked(context, server):
        return Broken("The server was not rebuilt.")
    return Done(external_id=server.id, facts={"status": server.status})


def _is_asked(context: StepContext, server: CloudObject) -> bool:
    return server.details.get("rebuild") == str(context.operation_id)


def _is_idle(server: CloudObject) -> bool:
    return server.status in _REBUILDABLE and not server.details.get("task_state")


def _rescue(context: StepContext, server_id: str) -> None:
    context.cloud.rescue_server(context.project, server_id)


def _unrescue(context: StepContext, server_id: str) -> None:
    context.cloud.unrescue_server(context.project, server_id)


def _is_repairable(facts: Mapping[str, Any]) -> bool:
    return facts.get("status") in _RUNS_OR_NOT and facts.get(BOOTS_FROM, IMAGE) == IMAGE


def _is_rescued(facts: Mapping[str, Any]) -> bool:
    return facts.get("status") == RESCUED


REBUILD: Final = Action(
    label=_("Rebuild"),
    icon="refresh",
    consequence=_("The server becomes as new. Its addresses and the disk for your data stay."),
    loses=_("Everything on the disk of the operating system is gone for good."),
    plan=Plan(
        version=1,
        steps=[
            StepDefinition(
                name="rebuild",
                label=_("Server rebuilt"),
                run=_run_rebuild,
                settle=_settle_rebuild,
                reads=frozenset({Listing.SERVERS}),
            )
        ],
    ),
    is_offered=_is_repairable,
)
RESCUE: Final = Action(
    label=_("Rescue mode"),
    icon="adjustments",
    consequence=_(
        "The server starts from a disk for repairs, with its own disk beside it. What runs on it "
        "now stops."
    ),
    plan=one_step("rescue", _("Server in rescue mode"), become(RESCUED, _rescue), RESCUED),
    is_offered=_is_repairable,
)
UNRESCUE: Final = Action(
    label=_("Leave rescue mode"),
    icon="player-play",
    consequence=_("The server starts from its own disk again."),
    plan=one_step("unrescue", _("Server out of rescue mode"), become(ON, _unrescue), ON),
    is_offered=_is_rescued,
)
