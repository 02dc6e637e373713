"""DNS zones and their records. The marker is Designate's description; the name is unique."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from openstack.connection import Connection

from portal.cloud.openstack.connections import OnCloud
from portal.cloud.openstack.reading import carrying, made, moment, ours
from portal.cloud.ports import DNS_TYPES, CloudObject, DnsRecord, ZoneSpec


class Zones(OnCloud):
    """The DNS part of the port."""

    def find_zones(self, project: str, marker: str) -> list[CloudObject]:
        with self._asking("dns", "find zone", project) as cloud:
            found = cloud.dns.zones(description=marker)
            return carrying(marker, map(read_zone, _own(found, project)))

    def create_zone(self, project: str, spec: ZoneSpec, marker: str) -> CloudObject:
        with self._asking("dns", "create zone", project) as cloud:
            zone = cloud.dns.create_zone(
                name=spec.name, email=spec.email, ttl=spec.ttl_seconds, description=marker
            )
        return made(read_zone(zone), "create zone")

    def delete_zone(self, project: str, zone_id: str) -> None:
        with self._asking("dns", "delete zone", project) as cloud:
            cloud.dns.delete_zone(zone_id, ignore_missing=False)

    def list_zones(self, project: str) -> list[CloudObject]:
        with self._asking("dns", "list zones", project) as cloud:
            return [read_zone(item) for item in _own(cloud.dns.zones(), project)]

    def list_records(self, project: str, zone_id: str) -> list[DnsRecord]:
        with self._asking("dns", "list records", project) as cloud:
            return [
                DnsRecord(name=name, type=kind, values=item.records)
                for (name, kind), item in _record_sets(cloud, zone_id).items()
            ]

    def set_records(self, project: str, zone_id: str, records: Sequence[DnsRecord]) -> None:
        """What goes is deleted last, so that a refusal before it takes nothing off the net.

        Only where a CNAME comes or goes first: its name may have nothing else.
        """
        wanted = {(record.name, record.type): list(record.values) for record in records}
        with self._asking("dns", "set records", project) as cloud:
            there = _record_sets(cloud, zone_id)
            gone = there.keys() - wanted.keys()
            in_the_way = {(name, kind) for name, kind in gone if name in _aliases(there, wanted)}
            for key in in_the_way:
                cloud.dns.delete_recordset(there[key])
            for (name, kind), values in wanted.items():
                found = there.get((name, kind))
                if found is None:
                    cloud.dns.create_recordset(zone_id, name=name, type=kind, records=values)
                elif set(found.records) != set(values):
                    cloud.dns.update_recordset(found, records=values)
            for key in gone - in_the_way:
                cloud.dns.delete_recordset(there[key])


def _record_sets(cloud: Connection, zone_id: str) -> dict[tuple[str, str], Any]:
    """Designate's record sets of our types by name and type, but those that it is deleting."""
    return {
        (item.name, item.type): item
        for item in cloud.dns.recordsets(zone_id)
        if item.type in DNS_TYPES and item.action != "DELETE"
    }


def _aliases(*records: Iterable[tuple[str, str]]) -> set[str]:
    """The names that have a CNAME in any of them."""
    return {name for name, kind in chain(*records) if kind == "CNAME"}


def _own(zones: Iterable[Any], project: str) -> Iterator[Any]:
    """Without those that another project shares with this one: Designate lists them as well."""
    return (zone for zone in zones if zone.project_id == project)


def read_zone(item: Any) -> CloudObject:
    """A zone that waits is told by what it waits for: PENDING_CREATE, PENDING_DELETE."""
    status = item.status or ""
    if status == "PENDING":
        status = f"PENDING_{item.action}"
    return CloudObject(
        id=item.id,
        name=item.name or "",
        status=status,
        created_at=moment(item.created_at),
        marker=ours(item.description),
    )
