"""The security groups of the project that somebody named for a server."""

from __future__ import annotations

from typing import Final

from catalog.kinds.base import StepContext
from catalog.models import Resource, ResourceState
from portal.cloud.ports import CloudRefused

KIND: Final = "security_group"
PARAMETER: Final = "security_groups"


def names_in(text: str | None) -> list[str]:
    """The names in it, each once; a comma or a space stands between them."""
    return list(dict.fromkeys((text or "").replace(",", " ").split()))


def chosen_groups(context: StepContext) -> list[str]:
    """The cloud's ids of the groups that the spec names.

    Raises:
        CloudRefused: one of them does not run in this project and cloud.
    """
    running = running_groups(context)
    for name in names_in(context.spec.get(PARAMETER)):
        if name not in running:
            raise CloudRefused(f"no security group of this project runs by the name {name!r}")
    return list(running.values())


def running_groups(context: StepContext) -> dict[str, str]:
    """Those that the spec names and that run in this project and cloud: the cloud's ids by name."""
    names = names_in(context.spec.get(PARAMETER))
    running = Resource.objects.filter(
        cloud_project__public_id=context.cloud_project_id,
        kind=KIND,
        name__in=names,
        state=ResourceState.ACTIVE,
    )
    ids = {group.name: group.cloud_ids[KIND] for group in running}
    return {name: ids[name] for name in names if name in ids}
