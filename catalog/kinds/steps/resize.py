"""The steps that give a server another flavor, and those that take that back.

Nova keeps the old size beside the new one until somebody confirms. The server restarts.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from catalog.kinds.base import (
    Broken,
    Done,
    Look,
    Outcome,
    Pause,
    StepContext,
    StepDefinition,
    Wait,
)
from catalog.kinds.steps.cloud_project import QUOTA
from catalog.kinds.steps.inventory import openstack_id
from catalog.kinds.steps.power import OFF, ON, RESCUED, find_server
from portal.cloud.models import Flavor
from portal.cloud.ports import CloudObject, CloudRefused, Listing

RESIZED: Final = "VERIFY_RESIZE"
ON_TRIAL: Final = "resize_trial"  # what an offering allows
TRIAL_TERM: Final = timedelta(hours=24)
GONE: Final = Broken("The server is gone.")
_RUNS_OR_NOT: Final = frozenset({ON, OFF})
_UNRESIZED: Final = _RUNS_OR_NOT | {RESCUED}
_QUIET: Final = _UNRESIZED | {RESIZED}


def _run_resize(context: StepContext) -> Outcome:
    """Ask for it unless it is so, or on its way, already."""
    server = find_server(context)
    if server.status == RESCUED:
        raise CloudRefused("the server is in rescue mode, and must leave that first")
    if _is_idle(server) and _flavor(server) != context.spec["flavor"]:
        flavor_id = openstack_id(Flavor, context, context.spec["flavor"])
        context.cloud.resize_server(context.project, server.id, flavor_id)
        return Wait(external_id=server.id)
    return _judge_resize(context, server)


def _settle_resize(context: StepContext, server_id: str, look: Look) -> Outcome:
    server = look[Listing.SERVERS].get(server_id)
    return _judge_resize(context, server) if server else GONE


def _judge_resize(context: StepContext, server: CloudObject) -> Outcome:
    """Nova marks a server before it answers, so one that is idle and as it was stays so."""
    if server.status == "ERROR":
        return _broken(server)
    if server.status == RESIZED and not _is_busy(server):
        return Done(external_id=server.id)
    if not _is_idle(server):
        return Wait(external_id=server.id)
    if _flavor(server) == context.spec["flavor"]:
        return Done(external_id=server.id)
    return Broken(server.fault or f"The server is still {_flavor(server)}.")


def _run_trial(context: StepContext) -> Outcome:
    """Leave people a day to find out whether it works; then go on."""
    until = context.began_at + TRIAL_TERM
    return Done() if now() >= until else Pause(until)


def _run_confirmation(context: StepContext) -> Outcome:
    server = find_server(context)
    if server.status == RESIZED and _flavor(server) == context.spec["flavor"]:
        context.cloud.confirm_resize(context.project, server.id)
        return Wait(external_id=server.id)
    return _judge_confirmation(context, server)


def _settle_confirmation(context: StepContext, server_id: str, look: Look) -> Outcome:
    server = look[Listing.SERVERS].get(server_id)
    return _judge_confirmation(context, server) if server else GONE


def _judge_confirmation(context: StepContext, server: CloudObject) -> Outcome:
    if server.status == "ERROR":
        return _broken(server)
    if not _is_idle(server):
        return Wait(external_id=server.id)
    if _flavor(server) != context.spec["flavor"]:
        return Broken(f"The server is {_flavor(server)}.")
    return _as_it_is(server)


# --- taking it back ----------------------------------------------------------------------------


def _run_quiet(context: StepContext) -> Outcome:
    return _judge_quiet(find_server(context))


def _settle_quiet(context: StepContext, server_id: str, look: Look) -> Outcome:
    server = look[Listing.SERVERS].get(server_id)
    return _judge_quiet(server) if server else GONE


def _judge_quiet(server: CloudObject) -> Outcome:
    if server.status == "ERROR":
        return _broken(server)
    is_quiet = server.status in _QUIET and not _is_busy(server)
    return Done(external_id=server.id) if is_quiet else Wait(external_id=server.id)


def _run_reversal(context: StepContext) -> Outcome:
    """What was not confirmed goes back; what was, stays, and is told as it is."""
    server = find_server(context)
    if server.status == RESIZED and not _is_busy(server):
        context.cloud.revert_resize(context.project, server.id)
        return Wait(external_id=server.id)
    return _judge_reversal(server)


def _settle_reversal(context: StepContext, server_id: str, look: Look) -> Outcome:
    server = look[Listing.SERVERS].get(server_id)
    return _judge_reversal(server) if server else GONE


def _judge_reversal(server: CloudObject) -> Outcome:
    if server.status == "ERROR":
        return _broken(server)
    is_settled = server.status in _UNRESIZED and not _is_busy(server)
    return _as_it_is(server) if is_settled else Wait(external_id=server.id)


# --- what a server says ------------------------------------------------------------------------


def _as_it_is(server: CloudObject) -> Done:
    return Done(
        external_id=server.id, facts={"status": server.status}, spec={"flavor": _flavor(server)}
    )


def _broken(server: CloudObject) -> Broken:
    return Broken(server.fault or "The server is in ERROR.")


def _is_busy(server: CloudObject) -> bool:
    return bool(server.details.get("task_state"))


def _is_idle(server: CloudObject) -> bool:
    return server.status in _RUNS_OR_NOT and not _is_busy(server)


def _flavor(server: CloudObject) -> str:
    return str(server.details["flavor"])


def _step(name: str, label: Any, run: Any, settle: Any) -> StepDefinition:
    return StepDefinition(
        name=name,
        label=label,
        run=run,
        settle=settle,
        reads=frozenset({Listing.SERVERS}),
        timeout=timedelta(hours=1),
        parameter="flavor",
    )


ROOM_BACK: Final = replace(QUOTA, parameter="flavor")
RESIZE: Final = _step("resize", _("Other size"), _run_resize, _settle_resize)
TRIAL: Final = StepDefinition(
    name="trial",
    label=_("Time to try it"),
    run=_run_trial,
    parameter="flavor",
    extra=ON_TRIAL,
    question=_("Does the server work well with its other size?"),
)
CONFIRMATION: Final = _step(
    "confirmation", _("Other size confirmed"), _run_confirmation, _settle_confirmation
)
QUIET: Final = _step("quiet", _("Cloud is ready with it"), _run_quiet, _settle_quiet)
REVERSAL: Final = _step("reversal", _("Size as it was"), _run_reversal, _settle_reversal)
