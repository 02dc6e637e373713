"""How long a server of the fake cloud was there, as its report of use counts it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from portal.cloud.fake.memory import Thing
from portal.cloud.ports import ServerUsage


def usage_of(server: Thing) -> ServerUsage | None:
    """Of one that runs or is stopped; None of one that never ran."""
    launched_at = server.details.get("launched_at")
    if launched_at is None:
        return None
    return ServerUsage(
        id=server.id,
        name=server.name,
        project=server.project,
        started_at=datetime.fromisoformat(launched_at),
        ended_at=None,
        seconds=0,
    )


def within(usage: ServerUsage, start: datetime, end: datetime) -> ServerUsage | None:
    """With what of it falls in the period; None where nothing can."""
    if usage.started_at >= end or (usage.ended_at and usage.ended_at <= start):
        return None
    used = min(usage.ended_at or end, end) - max(usage.started_at, start)
    return replace(usage, seconds=round(used.total_seconds()))
