"""Load balancers, DNS zones and containers of the fake cloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from portal.cloud.fake.memory import Memory, Thing, asked
from portal.cloud.ports import (
    CloudObject,
    CloudRefused,
    CloudTaken,
    ContainerSpec,
    DnsRecord,
    LoadBalancerSpec,
    Traffic,
    ZoneSpec,
)

LONGEST_DNS_NAME: Final = 255  # characters; Designate's setting, as installed


class FakeLoadBalancers(Memory):
    @asked
    def find_load_balancers(self, project: str, marker: str) -> list[CloudObject]:
        return self.found("load_balancer", project, marker)

    @asked
    def create_load_balancer(
        self, project: str, spec: LoadBalancerSpec, marker: str
    ) -> CloudObject:
        self.get("network", project, spec.network_id)
        balancer = self.add(
            "load_balancer",
            project,
            spec.name,
            marker,
            address="10.20.4.5",
            members=list(spec.members),
            bytes_in=0,
            bytes_out=0,
        )
        return self._settling(balancer, "PENDING_CREATE")

    @asked
    def delete_load_balancer(self, project: str, load_balancer_id: str) -> None:
        balancer = self.get("load_balancer", project, load_balancer_id)
        if balancer.status.startswith("PENDING"):
            raise self.busy(f"load balancer {load_balancer_id} is immutable")
        balancer.status = "PENDING_DELETE"
        self.settle_later(balancer, lambda: self._forget(balancer))

    @asked
    def list_load_balancers(self, project: str) -> list[CloudObject]:
        return self.polled(self.of("load_balancer", project))

    @asked
    def load_balancer_traffic(self, project: str, load_balancer_id: str) -> Traffic:
        told = self.get("load_balancer", project, load_balancer_id).details
        return Traffic(bytes_in=told["bytes_in"], bytes_out=told["bytes_out"])

    def let_traffic_pass(self, load_balancer_id: str, *, bytes_in: int, bytes_out: int) -> None:
        """A test's plan: from now on the cloud counts so much more."""
        told = self.things[load_balancer_id].details
        told["bytes_in"] += bytes_in
        told["bytes_out"] += bytes_out

    def fail_over(self, load_balancer_id: str) -> None:
        """A test's plan: another machine carries the traffic, and counts from nothing."""
        self.things[load_balancer_id].details.update(bytes_in=0, bytes_out=0)

    @asked
    def list_members(self, project: str, load_balancer_id: str) -> list[tuple[str, int]]:
        return list(self.get("load_balancer", project, load_balancer_id).details["members"])

    @asked
    def set_members(
        self, project: str, load_balancer_id: str, members: Sequence[tuple[str, int]]
    ) -> None:
        balancer = self.get("load_balancer", project, load_balancer_id)
        if set(balancer.details["members"]) == set(members):
            return
        if balancer.status != "ACTIVE":
            raise self.busy(f"load balancer {load_balancer_id} is immutable")
        balancer.details["members"] = list(members)
        self._settling(balancer, "PENDING_UPDATE")

    def _settling(self, thing: Thing, meanwhile: str) -> CloudObject:
        thing.status = meanwhile

        def settle() -> None:
            thing.status = "ACTIVE"

        self.settle_later(thing, settle)
        return thing.facts()

    def _forget(self, thing: Thing) -> None:
        self.things.pop(thing.id, None)


class FakeZones(FakeLoadBalancers):
    @asked
    def find_zones(self, project: str, marker: str) -> list[CloudObject]:
        return self.found("zone", project, marker)

    @asked
    def create_zone(self, project: str, spec: ZoneSpec, marker: str) -> CloudObject:
        if any(thing.kind == "zone" and thing.name == spec.name for thing in self.things.values()):
            raise self.refusal(CloudRefused, 409, "Duplicate Zone")
        zone = self.add("zone", project, spec.name, marker, records=[])
        return self._settling(zone, "PENDING_CREATE")

    @asked
    def delete_zone(self, project: str, zone_id: str) -> None:
        zone = self.get("zone", project, zone_id)
        zone.status = "PENDING_DELETE"
        self.settle_later(zone, lambda: self._forget(zone))

    @asked
    def list_zones(self, project: str) -> list[CloudObject]:
        return self.polled(self.of("zone", project))

    @asked
    def list_records(self, project: str, zone_id: str) -> list[DnsRecord]:
        return list(self.get("zone", project, zone_id).details["records"])

    @asked
    def set_records(self, project: str, zone_id: str, records: Sequence[DnsRecord]) -> None:
        """As Designate does it: up to a record that cannot stand there, and what goes last.

        Only what stands where a CNAME comes, or a CNAME that makes room, goes first.
        """
        zone = self.get("zone", project, zone_id)
        there = {(record.name, record.type): record for record in zone.details["records"]}
        wanted = {(record.name, record.type): record for record in records}
        if _values(there) == _values(wanted):
            return
        self._settling(zone, "PENDING_UPDATE")
        aliases = {name for name, kind in (*there, *wanted) if kind == "CNAME"}
        left = {key: there[key] for key in there if key in wanted or key[0] not in aliases}
        for (name, kind), record in wanted.items():
            zone.details["records"] = list(left.values())
            if len(name) > LONGEST_DNS_NAME:
                raise self.refusal(CloudRefused, 400, "Name too long")
            beside = {other for of, other in left if of == name and other != kind}
            if beside and "CNAME" in {kind, *beside}:
                raise self.refusal(CloudRefused, 400, "CNAME recordsets may not share names")
            left[name, kind] = record
        zone.details["records"] = [left[key] for key in wanted]


def _values(records: Mapping[tuple[str, str], DnsRecord]) -> dict[tuple[str, str], set[str]]:
    return {key: set(record.values) for key, record in records.items()}


class FakeContainers(FakeZones):
    @asked
    def find_containers(self, project: str, name: str, marker: str) -> list[CloudObject]:
        return [self._container(thing) for thing in self._carrying(project, name, marker)]

    @asked
    def create_container(self, project: str, spec: ContainerSpec, marker: str) -> CloudObject:
        there = self._carrying(project, spec.name, marker)
        thing = (
            there[0]
            if there
            else self.add("container", project, spec.name, marker, objects=0, used_gib=0, bytes=0)
        )
        thing.details["quota_gib"] = spec.quota_gib
        return self._container(thing)

    @asked
    def container_bytes(self, project: str) -> dict[str, int]:
        return {thing.name: thing.details["bytes"] for thing in self.of("container", project)}

    def store(self, project: str, name: str, size_bytes: int) -> None:
        """A test's plan: from now on the container holds so many bytes."""
        details = self._named(project, name).details
        details["bytes"] = size_bytes
        details["used_gib"] = -(-size_bytes // 1024**3)

    @asked
    def set_container_quota(self, project: str, name: str, quota_gib: int) -> None:
        self._named(project, name).details["quota_gib"] = quota_gib

    @asked
    def open_container(self, project: str, name: str, *, of_project: str, user: str) -> None:
        self._named(project, name).details["open_to"] = f"{of_project}:{user}"

    @asked
    def fetch_storage_url(self, project: str) -> str:
        return f"https://objects.example.nl/v1/AUTH_{project}"

    @asked
    def empty_container(self, project: str, name: str, *, at_most: int) -> bool:
        container = self._named(project, name)
        container.details["objects"] = max(0, container.details["objects"] - at_most)
        return bool(container.details["objects"] == 0)

    @asked
    def delete_container(self, project: str, name: str) -> None:
        container = self._named(project, name)
        if container.details["objects"]:
            raise self.busy(f"container {name} is not empty")
        self._forget(container)

    def _container(self, thing: Thing) -> CloudObject:
        details = {name: thing.details[name] for name in ("quota_gib", "used_gib")}
        return CloudObject(
            id=thing.name, name=thing.name, status="ACTIVE", marker=thing.marker, details=details
        )

    def _carrying(self, project: str, name: str, marker: str) -> list[Thing]:
        there = [thing for thing in self.of("container", project) if thing.name == name]
        if there and there[0].marker != marker:
            raise CloudTaken(f"another container is called {name!r}")
        return there

    def _named(self, project: str, name: str) -> Thing:
        there = [thing for thing in self.of("container", project) if thing.name == name]
        return there[0] if there else self.get("container", project, name)
