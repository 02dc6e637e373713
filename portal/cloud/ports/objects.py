"""What a cloud tells of anything that is in it, and what is said of a copy that it must keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

_EPOCH: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class CloudObject:
    """Something in the cloud, of any service, with the facts that every kind of thing has.

    Attributes:
        status: the cloud's own word, upper case (``ACTIVE``, ``AVAILABLE``, ``IN-USE``, ``ERROR``).
        created_at: by the cloud's clock; orders copies of the same marker. None in the answer to
            a create call of a service that does not tell.
        marker: what it was made with; "" for what the portal did not make.
        project: the Keystone project's id, where a listing over all projects tells it.
        fault: the cloud's explanation when the status is ``ERROR``.
        details: kind-specific, JSON-ready (addresses, attachments, launched_at in ISO 8601 …).
    """

    id: str
    name: str
    status: str
    created_at: datetime | None = None
    marker: str = ""
    project: str = ""
    fault: str = ""
    details: Mapping[str, object] = field(default_factory=dict)

    @property
    def rank(self) -> tuple[datetime, str]:
        """Of several with one marker the lowest is the oldest, which stays."""
        return (self.created_at or _EPOCH, self.id)


@dataclass(frozen=True, kw_only=True)
class CopySpec:
    """A snapshot or a backup of a volume, or an image of a server: ``of_id`` says of which."""

    name: str
    of_id: str


@dataclass(frozen=True, kw_only=True)
class ServerUsage:
    """How long one server was there within a period, as the cloud's own report counts it.

    Attributes:
        project: the Keystone project's id.
        started_at, ended_at: by the cloud's clock, also where that is outside the period; an
            ``ended_at`` of None is a server that is still there.
        seconds: within the period.
    """

    id: str
    name: str
    project: str
    started_at: datetime
    ended_at: datetime | None
    seconds: int


@dataclass(frozen=True, kw_only=True)
class ServerLoad:
    """How busy a server is, as its hypervisor counts it; None is what that does not tell.

    Attributes:
        processors: how many it has.
        cpu_milliseconds: for how long they worked, together, since the hypervisor began to count.
            It begins anew when the server was restarted, moved or resized.
        uptime_seconds: how long it runs; by some hypervisors since it was made.
        memory_share: how much of its memory is in use, between 0 and 1.
    """

    processors: int
    cpu_milliseconds: int | None
    uptime_seconds: int | None
    memory_share: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What passed through something, in bytes, since the cloud began to count it."""

    bytes_in: int
    bytes_out: int
