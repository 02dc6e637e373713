"""What the portal asks of a cloud about DNS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from portal.cloud.ports.objects import CloudObject
from portal.cloud.ports.specs import DnsRecord, ZoneSpec


class ZonePort(Protocol):
    """A part of ``portal.cloud.ports.Cloud``, and promises what that does."""

    def find_zones(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_zone(self, project: str, spec: ZoneSpec, marker: str) -> CloudObject:
        """Make the zone.

        Raises:
            CloudRefused: somebody has a zone of that name.
        """
        ...

    def delete_zone(self, project: str, zone_id: str) -> None: ...

    def list_zones(self, project: str) -> list[CloudObject]: ...

    def list_records(self, project: str, zone_id: str) -> list[DnsRecord]:
        """Its records of ``DNS_TYPES``, without those that are on their way out."""
        ...

    def set_records(self, project: str, zone_id: str, records: Sequence[DnsRecord]) -> None:
        """Make these its records of ``DNS_TYPES``, and no others; safe to repeat.

        Where something changes, the zone is PENDING_UPDATE until its name servers know.

        Raises:
            CloudRefused: a record cannot stand there; what came before it is done by then.
        """
        ...
