"""Knowing a part again that is there: by its id, else by its mark."""

from __future__ import annotations

from collections.abc import Callable

from catalog.kinds.base import StepContext
from catalog.kinds.steps.removal import Find
from portal.cloud.ports import CloudMissing, CloudObject

ListAll = Callable[[str], list[CloudObject]]


def find_part(context: StepContext, part: str, find: Find, list_all: ListAll) -> CloudObject:
    """The part of this resource; of two with its mark the one that we know.

    What was found in the cloud carries no mark of ours, so that is known by its id alone.

    Raises:
        CloudMissing: it is gone.
    """
    known_id = context.cloud_ids.get(part)
    marked = find(context.project, context.marker(part))
    found = marked or [thing for thing in list_all(context.project) if thing.id == known_id]
    if not found:
        raise CloudMissing(f"the {part} is gone")
    return min(found, key=lambda thing: thing.id != known_id)
