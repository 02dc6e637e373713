"""The step that opens a server's screen. Its address lets in whoever has it, so it is a secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from catalog.kinds import secrets
from catalog.kinds.base import Action, Done, Outcome, Plan, StepContext, StepDefinition
from catalog.kinds.steps.power import ON, find_server

SLOT: Final = "console"


def _run_console(context: StepContext) -> Outcome:
    """Ask for an address; one whose answer was lost stops working by itself in some minutes."""
    server = find_server(context)
    url = context.cloud.open_console(context.project, server.id)
    secret = secrets.NewSecret(slot=SLOT, form=secrets.CONSOLE, values={"url": url})
    return Done(external_id=server.id, secret=secret)


def _runs(facts: Mapping[str, Any]) -> bool:
    return facts.get("status") == ON


CONSOLE: Final = Action(
    label=_("Console"),
    icon="external-link",
    consequence=_(
        "You get an address at which you see the screen of the server. It works for a few minutes, "
        "and you see it once."
    ),
    plan=Plan(
        version=1,
        steps=[StepDefinition(name="console", label=_("Console opened"), run=_run_console)],
    ),
    is_offered=_runs,
    gives_access=True,
)
