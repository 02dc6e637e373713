"""From the SDK's values to ours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from portal.cloud.ports import MARKER_PREFIX, CloudObject, CloudUnavailable


def moment(text: str | None) -> datetime | None:
    """A time as OpenStack writes it; what has no zone is UTC."""
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def iso(text: str | None) -> str | None:
    """The same time in ISO 8601 with its zone."""
    at = moment(text)
    return None if at is None else at.isoformat()


def ours(text: str | None) -> str:
    """The text where it is a marker of the portal, else ""."""
    return text if text and text.startswith(MARKER_PREFIX) else ""


def carrying(marker: str, found: Iterable[CloudObject]) -> list[CloudObject]:
    """Those with this marker, oldest first.

    Checked here too, since a service that does not know a filter answers with everything.
    """
    return sorted(
        (thing for thing in found if thing.marker == marker), key=lambda thing: thing.rank
    )


def made(thing: CloudObject, operation: str) -> CloudObject:
    """What a create call answered.

    Raises:
        CloudUnavailable: it has no id; something between us and the cloud changed the answer.
    """
    if not thing.id:
        raise CloudUnavailable(
            f"{operation}: the answer names nothing", outcome_unknown=True, operation=operation
        )
    return thing
