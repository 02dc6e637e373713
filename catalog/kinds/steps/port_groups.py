"""The steps that put a server in other security groups, and back in those that it was in.

All at once, so that what both let in is never cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from django.utils.translation import gettext_lazy as _

from catalog.kinds.base import Done, Outcome, StepContext, StepDefinition
from catalog.kinds.steps.chosen_groups import PARAMETER, chosen_groups, running_groups


def _run_groups(context: StepContext) -> Outcome:
    """The record takes this over with the rest of the change: taking it back needs the old ones."""
    _put_in(context, chosen_groups(context))
    return Done()


def _run_groups_back(context: StepContext) -> Outcome:
    """Those that it was in, without what was cleaned up since it left them."""
    running = running_groups(context)
    _put_in(context, list(running.values()))
    return Done(spec={PARAMETER: ", ".join(running) or None})


def _put_in(context: StepContext, group_ids: Sequence[str]) -> None:
    """In these, beside the one of all servers of the project."""
    wanted = [context.cloud_ids["security_group"], *group_ids]
    context.hold()
    context.cloud.set_port_security_groups(context.project, context.cloud_ids["port"], wanted)


GROUPS: Final = StepDefinition(
    name="groups", label=_("Security groups"), run=_run_groups, parameter=PARAMETER
)
GROUPS_BACK: Final = replace(GROUPS, label=_("Security groups as they were"), run=_run_groups_back)
