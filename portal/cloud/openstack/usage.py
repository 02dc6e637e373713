"""What servers used in a period, as Nova itself counts it (os-simple-tenant-usage)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from openstack.exceptions import raise_from_response

from portal.cloud.openstack.listings import Listings, has_next
from portal.cloud.openstack.reading import moment
from portal.cloud.ports import LARGEST_PAGE, ServerUsage, UsagePage

_PATH: Final = "/os-simple-tenant-usage"
_KEY: Final = "tenant_usages"
_SECONDS_AN_HOUR: Final = 3600


class Usage(Listings):
    """The report of use of the port."""

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
