"""Which container in the cloud is that of a resource. Swift knows one by its name alone."""

from __future__ import annotations

from typing import Final

from catalog.kinds.base import StepContext
from portal.cloud.ports import CloudMissing, CloudObject

PART: Final = "container"


def container_name(context: StepContext) -> str:
    """As the resource; what was found in the cloud keeps the name that it had there."""
    return context.cloud_ids[PART] if context.is_unmanaged else context.name


def find_container(context: StepContext) -> CloudObject:
    """The container of this resource: with its mark, or without any where nobody ordered it.

    Raises:
        CloudMissing: it is gone.
        CloudTaken: what is called so by now is another's.
    """
    mark = "" if context.is_unmanaged else context.marker(PART)
    there = context.cloud.find_containers(context.project, container_name(context), mark)
    if not there:
        raise CloudMissing("the container is gone")
    return there[0]
