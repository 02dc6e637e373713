"""Our resources beside the things in a cloud: what differs. Pure: no database, no cloud.

Both sides come in pages of any size and order. In between only numbers are kept (which part of
which resource was seen), and what each project has once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from catalog.kinds.parts import Part
from catalog.kinds.steps.cloud_project import SHARED_MARKS
from catalog.models import DifferenceKind
from portal.cloud.markers import read_marker
from portal.cloud.ports import CloudObject, Listing

# Neutron gives every project a security group of this name, and makes it again.
MADE_BY_THE_CLOUD: Final = {(Listing.SECURITY_GROUPS, "default")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One of our projects in the cloud.

    Attributes:
        public_id: of the CloudProject; the marker of what its resources share names it.
        project_id: primary key of the portal's project.
        is_managed: only the portal makes things there.
    """

    public_id: UUID
    project_id: int
    is_managed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """A resource as we know it.

    Attributes:
        place: the Keystone project's id.
        is_settled: nothing is being done to it, nor was a moment ago; else nothing is judged.
        is_there: it should be in the cloud; False once it is retired.
        is_charged: somebody pays for it now.
        is_chargeable: somebody should, while it is there.
        is_found: nobody ordered it, so it carries no mark of ours.
    """

    pk: int
    public_id: UUID
    kind: str
    name: str
    spec: Mapping[str, Any]
    facts: Mapping[str, Any]
    cloud_ids: Mapping[str, str]
    place: str
    project_id: int
    is_settled: bool
    is_there: bool
    is_charged: bool
    is_chargeable: bool
    is_found: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One difference.

    ``resource`` is empty of what nobody ordered: ``thing``. Of that ``part`` is how its mark begins
    where it is a second copy of what a project has once, else empty.
    """

    kind: DifferenceKind
    listing: str
    project_id: int
    resource: int | None = None
    part: str = ""
    field: str = ""
    openstack_id: str = ""
    name: str = ""
    ours: str = ""
    theirs: str = ""
    thing: CloudObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Whatever of ours a page of things may be about.

    Attributes:
        by_marker: resources by public id.
        by_id: resources by the Keystone project and the id in the cloud.
    """

    by_marker: Mapping[UUID, Ours] = field(default_factory=dict)
    by_id: Mapping[tuple[str, str], Ours] = field(default_factory=dict)


class Comparison:
    """One look at a cloud.

    Args:
        parts: what each kind consists of, by the key of the kind.
        places: our projects, by the Keystone project's id.
        since: what the cloud made later is left alone: it may be on its way into our records.
    """

    def __init__(
        self,
        parts: Mapping[str, Sequence[Part]],
        places: Mapping[str, Place],
        since: datetime,
    ) -> None:
        self._parts = parts
        self._places = places
        self._since = since
        self._seen: defaultdict[tuple[Listing, str], set[int]] = defaultdict(set)
        self._shared: dict[str, CloudObject] = {}

    def meet(self, listing: Listing, things: Iterable[CloudObject], known: Known) -> list[Found]:
        """Judge a page of what the cloud has, in a list."""
        return [found for thing in things for found in self._meet(listing, thing, known)]

    def miss(self, ours: Ours, listings: Iterable[Listing]) -> list[Found]:
        """Judge one of our resources, after every page of ``listings`` was met."""
        if not ours.is_settled or not ours.is_there:
            return []
        return [
            _missing(ours, part)
            for part in self._parts.get(ours.kind, ())
            if part.listing in listings
            and part.is_expected(ours)
            and ours.pk not in self._seen[part.listing, part.key]
        ]

    def _meet(self, listing: Listing, thing: CloudObject, known: Known) -> Iterator[Found]:
        marker = read_marker(thing.marker)
        marked = known.by_marker.get(marker[0]) if marker else None
        is_marked = marked is not None and is_mark_believed(thing, marked)
        ours = marked if is_marked else known.by_id.get((thing.project, thing.id))
        part = self._part_of(ours, listing, thing, marker) if ours else None
        if ours and part:
            if ours.is_settled:
                yield from self._judge(ours, part, thing)
        elif self._is_to_be_judged(listing, thing):
            place = self._places[thing.project]
            if _is_shared(listing, place, marker):
                yield from self._meet_shared(listing, thing, place)
            elif ours is None:
                yield _unknown(listing, thing, place)

    def _part_of(
        self, ours: Ours, listing: Listing, thing: CloudObject, marker: tuple[UUID, str] | None
    ) -> Part | None:
        """Which part of the resource it is: as its id says, else as its marker does."""
        here = [part for part in self._parts.get(ours.kind, ()) if part.listing == listing]
        by_id = [part for part in here if ours.cloud_ids.get(part.key) == thing.id]
        said = marker[1] if marker else ""
        by_marker = [part for part in here if part.key.replace("_", "-") == said]
        return next(iter(by_id + by_marker), None)

    def _judge(self, ours: Ours, part: Part, thing: CloudObject) -> Iterator[Found]:
        if not ours.is_there:
            yield _there(DifferenceKind.NOT_CHARGED, ours, part, thing)
            return
        if ours.cloud_ids.get(part.key) != thing.id:
            yield _there(DifferenceKind.DUPLICATE, ours, part, thing)
            return
        self._seen[part.listing, part.key].add(ours.pk)
        yield from _differing(ours, part, thing)
        is_main = part is self._parts[ours.kind][0]
        if is_main and ours.is_chargeable and not ours.is_charged:
            yield _there(DifferenceKind.NOT_CHARGED, ours, part, thing)

    def _is_to_be_judged(self, listing: Listing, thing: CloudObject) -> bool:
        """It stands where only we make things, and not just since a moment."""
        place = self._places.get(thing.project)
        is_new = thing.created_at is not None and thing.created_at >= self._since
        is_ours = place is not None and place.is_managed
        return is_ours and not is_new and (listing, thing.name) not in MADE_BY_THE_CLOUD

    def _meet_shared(self, listing: Listing, thing: CloudObject, place: Place) -> Iterator[Found]:
        """Of several with one mark the engine uses the oldest; each other is one too many."""
        other = self._shared.get(thing.marker, thing)
        oldest, younger = sorted((thing, other), key=lambda each: each.rank)
        self._shared[thing.marker] = oldest
        if younger.id != oldest.id:
            yield replace(_unknown(listing, younger, place), part=SHARED_MARKS[listing])


def is_mark_believed(thing: CloudObject, ours: Ours) -> bool:
    """Whether a thing with the mark of a resource may be a part of it.

    Who has a credential somewhere can write any mark there. So it counts in the resource's own
    project; elsewhere only what we know by its id, for that may have been moved.
    """
    return thing.project == ours.place or thing.id in ours.cloud_ids.values()


def _is_shared(listing: Listing, place: Place, marker: tuple[UUID, str] | None) -> bool:
    """Its mark is that of something that the place has once."""
    begins = SHARED_MARKS.get(listing)
    owner, part = marker or (None, "")
    return begins is not None and owner == place.public_id and part.startswith(begins)


def _differing(ours: Ours, part: Part, thing: CloudObject) -> Iterator[Found]:
    """Each fact that is other, beginning with where it stands and by what it is known again."""
    if thing.project != ours.place:
        yield _differs(ours, part, thing, "project", ours.place, thing.project)
    marker = read_marker(thing.marker)
    said = (ours.public_id, part.key.replace("_", "-"))
    if part.is_marked and not ours.is_found and marker != said:
        yield _differs(ours, part, thing, "marker", "", thing.marker)
    for fact in part.compared:
        mine, theirs = fact.ours(ours), fact.cloud(thing)
        if mine is not None and theirs is not None and mine != theirs:
            yield _differs(ours, part, thing, fact.key, mine, theirs)


def _differs(
    ours: Ours, part: Part, thing: CloudObject, field: str, mine: str, theirs: str
) -> Found:
    return Found(
        kind=DifferenceKind.DIFFERS,
        listing=part.listing,
        project_id=ours.project_id,
        resource=ours.pk,
        part=part.key,
        field=field,
        openstack_id=thing.id,
        name=thing.name,
        ours=mine,
        theirs=theirs,
    )


def _there(kind: DifferenceKind, ours: Ours, part: Part, thing: CloudObject) -> Found:
    return Found(
        kind=kind,
        listing=part.listing,
        project_id=ours.project_id,
        resource=ours.pk,
        part=part.key,
        openstack_id=thing.id,
        name=thing.name,
        ours=ours.cloud_ids.get(part.key, ""),
        theirs=thing.status,
    )


def _missing(ours: Ours, part: Part) -> Found:
    kind = DifferenceKind.CHARGED_BUT_ABSENT if ours.is_charged else DifferenceKind.MISSING
    return Found(
        kind=kind,
        listing=part.listing,
        project_id=ours.project_id,
        resource=ours.pk,
        part=part.key,
        openstack_id=ours.cloud_ids.get(part.key, ""),
        name=ours.name,
    )


def _unknown(listing: Listing, thing: CloudObject, place: Place) -> Found:
    return Found(
        kind=DifferenceKind.UNKNOWN,
        listing=listing,
        project_id=place.project_id,
        openstack_id=thing.id,
        name=thing.name,
        theirs=thing.status,
        thing=thing,
    )
