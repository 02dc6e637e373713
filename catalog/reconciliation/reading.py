"""Our side of the comparison, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from billing.services.metering import metered_now
from catalog.kinds import all_kinds
from catalog.kinds.fees import paid_for
from catalog.models import (
    CHANGING_KINDS,
    MAKING_KINDS,
    OfferingVersion,
    Operation,
    OperationState,
    Resource,
    ResourceState,
)
from catalog.models.resource import CloudIdList
from catalog.reconciliation.comparison import Known, Ours, Place, is_mark_believed
from catalog.services.change_work import unoffered
from portal.cloud.markers import read_marker
from portal.cloud.models import Cloud, CloudProject, CloudProjectPurpose
from portal.cloud.ports import CloudObject, Listing

PAGE: Final = 1000
_COLUMNS: Final = (
    "pk",
    "public_id",
    "kind",
    "name",
    "spec",
    "facts",
    "cloud_ids",
    "project_id",
    "state",
    "is_quiet",
    "version_id",
    "place",
    "is_found",
)


def places_in(cloud: Cloud) -> dict[str, Place]:
    """Our projects in the cloud, by the Keystone project's id."""
    rows = CloudProject.objects.filter(cloud=cloud).exclude(openstack_project_id="")
    return {
        row.openstack_project_id: Place(
            public_id=row.public_id,
            project_id=row.project_id,
            is_managed=row.purpose == CloudProjectPurpose.MANAGED,
        )
        for row in rows.iterator()
    }


def is_settled(since: datetime) -> Q:
    """The resources that nothing was done to since then, by their own rows and their operations."""
    return _is_quiet(since) & ~Q(Exists(_at_work(since).filter(resource=OuterRef("pk"))))


def _is_quiet(since: datetime) -> Q:
    is_running = Q(state=ResourceState.ACTIVE, activated_at__lt=since)
    is_gone = Q(state=ResourceState.RETIRED, retired_at__lt=since)
    return is_running | is_gone


def _at_work(since: datetime) -> QuerySet[Operation]:
    """What runs or ended just now, and what hangs half-way: that waits for a person."""
    hangs = Q(state=OperationState.FAILED, kind__in=CHANGING_KINDS | MAKING_KINDS)
    is_recent = Q(state=OperationState.RUNNING) | Q(finished_at__gte=since)
    return Operation.objects.filter(is_recent | hangs)


class Records:
    """Our resources in one cloud, as they are when they are read."""

    def __init__(self, cloud: Cloud, since: datetime) -> None:
        self._cloud = cloud
        self._since = since
        self._version = cache(_find_version)
        self._unoffered = cache(lambda kind: unoffered(kind, cloud))

    def about(self, things: Sequence[CloudObject]) -> Known:
        """Whatever the things may be about; the questions do not grow with their number."""
        owners = [marker[0] for thing in things if (marker := read_marker(thing.marker))]
        marked = {ours.public_id: ours for ours in self._read(Q(public_id__in=owners))}
        unmarked = [thing.id for thing in things if not _is_marked_by(thing, marked)]
        return Known(by_marker=marked, by_id=self._by_id(unmarked) if unmarked else {})

    def places_with(self, listing: Listing) -> list[str]:
        """The Keystone projects in which we have, or are making, something of this list."""
        kinds = [
            kind.key for kind in all_kinds() if any(part.listing == listing for part in kind.parts)
        ]
        living = Resource.objects.filter(cloud_project__cloud=self._cloud, kind__in=kinds)
        places = living.exclude(state=ResourceState.RETIRED).exclude(
            cloud_project__openstack_project_id=""
        )
        return sorted(set(places.values_list("cloud_project__openstack_project_id", flat=True)))

    def take_turns(self, places: Sequence[str], most: int, at: datetime) -> list[str]:
        """Those of the Keystone projects whose limits were asked longest ago; it is their turn."""
        rows = CloudProject.objects.filter(cloud=self._cloud, openstack_project_id__in=places)
        turn = dict(
            rows.order_by(F("limits_asked_at").asc(nulls_first=True), "pk").values_list(
                "pk", "openstack_project_id"
            )[:most]
        )
        CloudProject.objects.filter(pk__in=turn).update(limits_asked_at=at)
        return list(turn.values())

    def pages(self) -> Iterator[list[Ours]]:
        """Every resource that should be there, in pages by primary key."""
        last = 0
        while page := self._page(last):
            yield page
            last = page[-1].pk

    def _page(self, last: int) -> list[Ours]:
        rows = self._rows(Q(pk__gt=last, state=ResourceState.ACTIVE)).order_by("pk")
        return self._ours(rows[:PAGE])

    def _by_id(self, ids: Sequence[str]) -> dict[tuple[str, str], Ours]:
        """Also by the name, where the list tells no marker: what is being made has no id yet.

        What was found in the cloud has one, and a name in the portal that may be another.
        """
        named = Q(name__in=ids, kind__in=_kinds_without_marker(), found_as=None)
        found = self._read(named & ~Q(state=ResourceState.RETIRED))
        found += self._read(Q(ids__has_any_keys=list(ids)))
        return {(ours.place, known): ours for ours in found for known in _known_as(ours)}

    def _read(self, which: Q) -> list[Ours]:
        return self._ours(self._rows(which))

    def _rows(self, which: Q) -> QuerySet[Resource, dict[str, Any]]:
        resources = Resource.objects.filter(cloud_project__cloud=self._cloud)
        rows: QuerySet[Resource, dict[str, Any]] = (
            resources.alias(ids=CloudIdList())
            .filter(which)
            .annotate(
                is_quiet=_is_quiet(self._since),
                version_id=F("order_line__offering_version"),
                place=F("cloud_project__openstack_project_id"),
                is_found=Q(found_as__isnull=False),
            )
            .values(*_COLUMNS)
        )
        return rows

    def _ours(self, found: Iterable[dict[str, Any]]) -> list[Ours]:
        """With what other tables say of these rows: asked by their keys, whatever there is more."""
        rows = list(found)
        paid = metered_now([row["public_id"] for row in rows])
        at_work = _at_work(self._since).filter(resource__in=[row["pk"] for row in rows])
        busy = set(at_work.values_list("resource", flat=True))
        return [
            self._one(row, is_busy=row["pk"] in busy, is_charged=row["public_id"] in paid)
            for row in rows
        ]

    def _one(self, row: dict[str, Any], *, is_busy: bool, is_charged: bool) -> Ours:
        version_id = row.pop("version_id")
        return Ours(
            is_settled=row.pop("is_quiet") and not is_busy,
            is_there=row.pop("state") != ResourceState.RETIRED,
            is_charged=is_charged,
            is_chargeable=is_charged or self._is_charged_for(row, version_id),
            **row,
        )

    def _is_charged_for(self, row: dict[str, Any], version_id: int | None) -> bool:
        """Whether such a thing costs money: most kinds that nobody pays for never do."""
        version = self._unoffered(row["kind"]) if row["is_found"] else self._version(version_id)
        return version is not None and bool(paid_for(version, row["spec"]))


def _known_as(ours: Ours) -> list[str]:
    return [*([] if ours.is_found else [ours.name]), *ours.cloud_ids.values()]


def _kinds_without_marker() -> list[str]:
    return [kind.key for kind in all_kinds() if any(not part.is_marked for part in kind.parts)]


def _is_marked_by(thing: CloudObject, marked: dict[UUID, Ours]) -> bool:
    marker = read_marker(thing.marker)
    ours = marked.get(marker[0]) if marker else None
    return ours is not None and is_mark_believed(thing, ours)


def _find_version(pk: int | None) -> OfferingVersion | None:
    return None if pk is None else OfferingVersion.objects.filter(pk=pk).first()
