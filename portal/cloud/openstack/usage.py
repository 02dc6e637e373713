"""What servers used in a period, and how busy they are, as Nova itself counts it.

The period is os-simple-tenant-usage; how busy they are is what Nova calls diagnostics:
https://docs.openstack.org/api-ref/compute/#show-server-diagnostics (since microversion 2.48).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from openstack.exceptions import raise_from_response

from portal.cloud.openstack.listings import Listings, has_next
from portal.cloud.openstack.reading import moment
from portal.cloud.ports import LARGEST_PAGE, ServerLoad, ServerUsage, UsagePage

_PATH: Final = "/os-simple-tenant-usage"
_KEY: Final = "tenant_usages"
_SECONDS_AN_HOUR: Final = 3600
_NANOSECONDS_A_MILLISECOND: Final = 10**6
_SHARE: Final = Decimal("0.0001")


class Usage(Listings):
    """The part of the port about what is used."""

    def server_usage_page(
        self, start: datetime, end: datetime, *, after: str = "", limit: int = LARGEST_PAGE
    ) -> UsagePage:
        asked = {"detailed": "1", "start": _naive(start), "end": _naive(end), "limit": str(limit)}
        with self._asking("compute", "report usage") as cloud:
            # Without the SDK's own iterator, which asks for the next page by itself.
            answer = cloud.compute.get(_PATH, params=asked | ({"marker": after} if after else {}))
            raise_from_response(answer)
            body = answer.json()
        rows = [row for project in body[_KEY] for row in project["server_usages"]]
        last = rows[-1]["instance_id"] if rows and has_next(_KEY, body) else ""
        return UsagePage(usages=[usage for row in rows if (usage := _read(row))], after=last)

    def server_load(self, server_id: str) -> ServerLoad:
        with self._asking("compute", "read load") as cloud:
            answer = cloud.compute.get(f"/servers/{server_id}/diagnostics")
            raise_from_response(answer)
            told = answer.json()
        return _read_load(told)


def _read_load(told: Mapping[str, Any]) -> ServerLoad:
    """Any figure may be null: Nova passes on what the hypervisor knows."""
    times = [one["time"] for one in told["cpu_details"]]
    is_counted = bool(times) and None not in times
    return ServerLoad(
        processors=len(times) or told["num_cpus"] or 0,
        cpu_milliseconds=sum(times) // _NANOSECONDS_A_MILLISECOND if is_counted else None,
        uptime_seconds=told["uptime"],
        memory_share=_memory_share(told["memory_details"] or {}),
    )


def _memory_share(told: Mapping[str, int | None]) -> Decimal | None:
    """How much of its memory a server uses at most; None where these are no figures of its use.

    Of libvirt both are what the server was given, in whole units that are GiB and not MiB
    (``nova.virt.libvirt.driver``): they are equal unless a balloon took some back, and 0 where it
    has less than one. A server that runs uses some, and never all to the last byte.

    They are rounded down: 1 of 4 may be 1.9. So one more is taken, which of MiB is next to nothing.
    """
    used, maximum = told.get("used"), told.get("maximum")
    if not used or not maximum or not 0 < used < maximum - 1:
        return None
    return (Decimal(used + 1) / maximum).quantize(_SHARE)


def _naive(at: datetime) -> str:
    """Nova takes a time in UTC, and none that says so."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _read(row: Mapping[str, Any]) -> ServerUsage | None:
    """One server; None is one that never ran."""
    started_at = moment(row["started_at"])
    if started_at is None:
        return None
    return ServerUsage(
        id=row["instance_id"],
        name=row["name"],
        project=row["tenant_id"],
        started_at=started_at,
        ended_at=moment(row["ended_at"]),
        seconds=round(row["hours"] * _SECONDS_AN_HOUR),
    )
