"""How long a server of the fake cloud was there, and how busy it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from portal.cloud.fake.memory import Memory, Thing, asked
from portal.cloud.ports import CloudMissing, ServerLoad, ServerUsage


class FakeLoads(Memory):
    @asked
    def server_load(self, server_id: str) -> ServerLoad:
        server = self.things.get(server_id)
        if server is None or server.kind != "server":
            raise self.refusal(CloudMissing, 404, f"server {server_id} could not be found")
        if server.status != "ACTIVE":
            raise self.busy(f"server {server_id} is {server.status}")
        return self.loads.get(server_id, _IDLE)

    def work_on(self, server_id: str, load: ServerLoad) -> None:
        """A test's plan: from now on the cloud tells this of the server."""
        self.loads[server_id] = load


_IDLE = ServerLoad(processors=1, cpu_milliseconds=0, uptime_seconds=0, memory_share=None)


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
