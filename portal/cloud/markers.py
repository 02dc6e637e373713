"""The marker by which we know again what we asked a cloud to make. It is in every create call."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from portal.cloud.ports import MARKER_PREFIX

_MARKER: Final = re.compile(rf"{MARKER_PREFIX}-(?P<owner>[0-9a-f]{{32}})-(?P<part>[a-z0-9-]+)")


def write_marker(owner: UUID, part: str) -> str:
    """At most 60 characters of a-z, 0-9 and hyphen: Nova takes no more in a tag.

    Args:
        owner: public id of the resource, or of the cloud project whose resources share the part.
    """
    return f"{MARKER_PREFIX}-{owner.hex}-{part.replace('_', '-')}"


def read_marker(marker: str) -> tuple[UUID, str] | None:
    """The owner and the part (with hyphens) that a marker names; None when it is none of ours."""
    match = _MARKER.fullmatch(marker)
    return (UUID(match["owner"]), match["part"]) if match else None
