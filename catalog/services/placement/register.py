"""The register of known use (gekend gebruik): which projects have something, and where.

It begins with the projects that have something; what is known of them is added to that. So a
project without answers, without an owner, or in a place that nobody assessed is in it too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet

from catalog.models import (
    PlacementConcern,
    PlacementPermission,
    Resource,
    ResourceState,
    WorkloadProfile,
)
from catalog.placement import Workload, advise
from catalog.placement_policies import register_projects, register_workplace
from catalog.services.placement.judging import Opinion
from catalog.services.placement.reading import Judged, Place, read_many
from portal.audit.services import record
from portal.core.calendar import Period, day_of
from portal.core.models import is_in_force
from portal.identity.facts import data_owners
from portal.identity.models import Node, Person, Project, ProjectOwner

AT_A_TIME: Final = 500  # projects


@dataclass(frozen=True, kw_only=True)
class UsedPlace:
    """Where a project has something: a cloud, as far as one assessment speaks of it.

    Attributes:
        offerings: codes of what was ordered there, sorted.
        resources: how many; ``found`` of those were ordered by nobody.
        since: when the first of them came.
        opinion: what the rules say of it by what is known now.
        permitted_until: last day of the data owner's permission, where one is in force.
        due_on: until when the owner has to settle that it may not stand there any more.
    """

    cloud: str
    offerings: tuple[str, ...]
    resources: int
    found: int
    since: datetime
    opinion: Opinion
    permitted_until: date | None
    due_on: date | None


@dataclass(frozen=True, kw_only=True)
class KnownUse:
    """A project that has something, and all that is known of it. None: nobody said.

    ``path``: names from the top of the tree to the project. ``places``: empty only when the last
    thing went away while this was read.
    """

    project: Project
    path: tuple[str, ...]
    workload: Workload
    profile: WorkloadProfile | None
    data_owner: Person | None
    project_owner: Person | None
    places: tuple[UsedPlace, ...]

    @property
    def is_admissible(self) -> bool:
        return all(place.opinion.is_admissible for place in self.places)


@dataclass(frozen=True, kw_only=True)
class RegisterQuestion:
    """Whose register, and of when.

    Attributes:
        at: the present moment.
        node: only this part and what stands below it.
        period: what stood there at any moment of it, judged by what was known at its end, with the
            rules of now; None: what stands there now.
        words: part of the name of a project, or of the organization above it.
    """

    person: Person
    at: datetime
    node: Node | None = None
    period: Period | None = None
    words: str = ""

    @property
    def as_of(self) -> datetime | None:
        """The last moment of a period that is over, whose facts count; None: those of now."""
        if self.period is None or self.period.end > self.at:
            return None
        return self.period.end - timedelta(microseconds=1)

    def projects(self) -> QuerySet[Project]:
        """Those that have something; what waits on its owner first, and then by name."""
        found = register_projects(self.person).filter(Exists(self._resources("project")))
        if self.node:
            found = found.filter(Q(pk=self.node.pk) | Q(ancestor_ids__contains=[self.node.pk]))
        if self.words:
            found = found.filter(
                Q(name__icontains=self.words) | Q(parent__name__icontains=self.words)
            )
        return found.annotate(has_concern=Exists(_concerns(self.as_of))).order_by(
            "-has_concern", "parent__name", "name", "pk"
        )

    def uses(self) -> Iterator[KnownUse]:
        """All of it. The number of queries for each chunk of projects is always the same.

        Which projects is settled now; they are read while the answer is sent.
        """
        keys = list(self.projects().values_list("pk", flat=True))
        chunks = (keys[start : start + AT_A_TIME] for start in range(0, len(keys), AT_A_TIME))
        return (use for chunk in chunks for use in self.read(chunk))

    def read(self, project_ids: Sequence[int]) -> list[KnownUse]:
        """What is known of these projects, in their order. Eleven queries at most."""
        projects = Project.objects.select_related("parent").in_bulk(project_ids)
        stands = _stands(self._resources().filter(project__in=project_ids))
        found = _Found(projects, stands, at=self.at, as_of=self.as_of)
        return [found.use(projects[key]) for key in project_ids]

    def totals(self) -> dict[str, int]:
        """How many projects, and of how many something is to be done. One query."""
        answered = _profiles(self.as_of).filter(project=OuterRef("pk"))
        found = self._resources("project").filter(found_as__isnull=False)
        return self.projects().aggregate(
            projects=Count("pk"),
            unanswered=Count("pk", filter=~Exists(answered)),
            with_found=Count("pk", filter=Exists(found)),
            with_concern=Count("pk", filter=Exists(_concerns(self.as_of))),
        )

    def _resources(self, of: str = "") -> QuerySet[Resource]:
        """What stands, or stood, there; ``of``: of the project that a query is about."""
        if self.period is None:
            found = Resource.objects.exclude(state=ResourceState.RETIRED)
        else:
            lasted = Q(retired_at=None) | Q(retired_at__gte=self.period.start)
            found = Resource.objects.filter(lasted, created_at__lt=self.period.end)
        return found.filter(**{of: OuterRef("pk")}) if of else found


@transaction.atomic(durable=True)
def note_register_export(
    person: Person, *, form: str, node: Node | None = None, year: int | None = None
) -> None:
    """Write down that somebody took a copy of the register, and of what part."""
    record(
        "placement.register_exported",
        person,
        actor=person,
        node_id=node.pk if node else register_workplace(person),
        data={"format": form, "year": year},
    )


# What stands somewhere: cloud and its name, code of the offering, how many, how many found, since.
_Stand = tuple[Place, str, str | None, int, int, datetime]


def _concerns(as_of: datetime | None) -> QuerySet[PlacementConcern]:
    """Those of the project that a query is about, which were open then; None: are open now."""
    concerns = PlacementConcern.objects.filter(project=OuterRef("pk"))
    return concerns.filter(_was_open(as_of))


def _was_open(as_of: datetime | None) -> Q:
    if as_of is None:
        return Q(settled_at=None)
    return is_in_force(as_of, start="first_seen_at", end="settled_at")


def _profiles(as_of: datetime | None) -> QuerySet[WorkloadProfile]:
    """The answers that were in force then; None: are in force now."""
    if as_of is None:
        return WorkloadProfile.objects.filter(ended_at=None)
    return WorkloadProfile.objects.filter(is_in_force(as_of, start="answered_at", end="ended_at"))


def _stands(resources: QuerySet[Resource]) -> dict[int, list[_Stand]]:
    """By project and place. One query."""
    offering = "order_line__offering_version__offering"
    columns = ("project", "cloud_project__cloud", offering, "cloud_project__cloud__name")
    counted = (
        resources.order_by()
        .values_list(*columns, f"{offering}__code")
        .annotate(Count("pk"), Count("found_as"), Min("created_at"))
    )
    found: defaultdict[int, list[_Stand]] = defaultdict(list)
    for project, cloud, offering_id, *told in counted:
        found[project].append((Place(cloud, offering_id), *told))
    return found


class _Found:
    """What is known of some projects and the places where they stand, each read once."""

    def __init__(
        self,
        projects: Mapping[int, Project],
        stands: Mapping[int, list[_Stand]],
        *,
        at: datetime,
        as_of: datetime | None,
    ) -> None:
        wanted = {key: {stand[0] for stand in stands.get(key, ())} for key in projects}
        # A project without places is asked for in none: its answers are then read with a cloud
        # that there is not.
        asked = {key: places or {_NOWHERE} for key, places in wanted.items()}
        moment = as_of or at
        self._day = day_of(moment)
        self._stands = stands
        self._judged = read_many(asked, at=moment, as_of=as_of)
        self._names = _names(projects.values())
        profiles = _profiles(as_of).filter(project__in=projects)
        self._profiles = {profile.project_id: profile for profile in profiles}
        self._data_owners = data_owners(projects, at=moment)
        owners = ProjectOwner.objects.filter(is_in_force(moment), project__in=projects)
        self._owners = {row.project_id: row.owner for row in owners.select_related("owner")}
        self._permitted = _permitted(self._judged.values())
        self._due = _due(projects, as_of)

    def use(self, project: Project) -> KnownUse:
        key = project.pk
        by_assessment: defaultdict[tuple[int, int | None], list[_Stand]] = defaultdict(list)
        for stand in self._stands.get(key, ()):
            judged = self._judged[key, stand[0]]
            by_assessment[stand[0].cloud_id, judged.supply_id].append(stand)
        places = [self._place(key, stands) for stands in by_assessment.values()]
        some = next(judged for (owner, _), judged in self._judged.items() if owner == key)
        return KnownUse(
            project=project,
            path=tuple(self._names[node] for node in project.lineage_ids),
            workload=some.workload,
            profile=self._profiles.get(key),
            data_owner=self._data_owners.get(key),
            project_owner=self._owners.get(key),
            places=tuple(sorted(places, key=lambda place: (place.cloud, place.offerings))),
        )

    def _place(self, key: int, stands: Sequence[_Stand]) -> UsedPlace:
        """What one assessment speaks of is judged alike."""
        place = stands[0][0]
        judged = self._judged[key, place]
        due = [day for stand in stands if (day := self._due.get((key, stand[0])))]
        return UsedPlace(
            cloud=stands[0][1],
            offerings=tuple(sorted({code for _, _, code, *_ in stands if code})),
            resources=sum(stand[3] for stand in stands),
            found=sum(stand[4] for stand in stands),
            since=min(stand[5] for stand in stands),
            opinion=self._opinion(place, judged),
            permitted_until=self._permitted.get(judged.permission_id or 0),
            due_on=min(due, default=None),
        )

    def _opinion(self, place: Place, judged: Judged) -> Opinion:
        advice = advise(judged.workload, judged.supply, at=self._day, minimums=judged.minimums)
        return Opinion(
            place=place,
            advice=advice,
            is_permitted=judged.permission_id is not None,
            judged=judged,
        )


_NOWHERE: Final = Place(0)


def _names(projects: Iterable[Project]) -> dict[int, str]:
    """Of the projects and all that stands above them. One query."""
    lineage = {key for project in projects for key in project.lineage_ids}
    return dict(Node.objects.filter(pk__in=lineage).values_list("pk", "name"))


def _permitted(judged: Iterable[Judged]) -> dict[int, date]:
    """The last day of each permission. One query."""
    keys = {one.permission_id for one in judged if one.permission_id}
    return dict(PlacementPermission.objects.filter(pk__in=keys).values_list("pk", "valid_until"))


def _due(projects: Collection[int], as_of: datetime | None) -> dict[tuple[int, Place], date]:
    """Until when what may not stand there any more is to be settled. One query."""
    concerns = PlacementConcern.objects.filter(_was_open(as_of), project__in=projects)
    columns = ("project", "cloud", "offering", "due_on")
    return {
        (project, Place(cloud, offering)): due
        for project, cloud, offering, due in concerns.values_list(*columns)
    }
