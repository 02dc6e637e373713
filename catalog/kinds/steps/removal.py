"""Removing whatever there is of a part: what carries its marker, and what we know by id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from catalog.kinds.base import StepContext
from portal.cloud.ports import CloudMissing, CloudObject

Find = Callable[[str, str], list[CloudObject]]
Delete = Callable[[str, str], None]


def delete_all(context: StepContext, part: str, find: Find, delete: Delete) -> bool:
    """Delete what carries the marker, and what we know by id; True when there was anything."""
    if not context.project:
        return False
    ids = {found.id for found in find(context.project, context.marker(part))}
    if part in context.cloud_ids:
        ids.add(context.cloud_ids[part])
    was_there = False
    for openstack_id in sorted(ids):
        with suppress(CloudMissing):
            delete(context.project, openstack_id)
            was_there = True
    return was_there


def remaining(
    context: StepContext, part: str, there: Mapping[str, CloudObject]
) -> Iterable[CloudObject]:
    marker, known_id = context.marker(part), context.cloud_ids.get(part)
    return [thing for thing in there.values() if thing.marker == marker or thing.id == known_id]
