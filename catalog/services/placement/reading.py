"""Reading what a placement is judged by: answers, evidence, assessments, minimums, permissions.

One statement, whatever the number of projects and places: the order form asks at every stroke.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from catalog.kinds import get_kind
from catalog.models import NoticeOutcome, OfferingVersion, OrderLine, Resource, ResourceState
from catalog.placement import (
    DEFAULT_MINIMUMS,
    RULESET,
    Advice,
    Dependency,
    Link,
    Minimums,
    Supply,
    Workload,
)
from catalog.placement_words import (
    BaseRegister,
    DependencyKind,
    EvidenceKind,
    Hosting,
    Keys,
    Objective,
    PersonalData,
    Rubricering,
    Score,
)
from portal.cloud.models import Cloud
from portal.core.calendar import day_of
from portal.core.rows import ask
from portal.identity.models import Project

_NO_PROJECT: Final = 0  # no primary key
Row = Mapping[str, Any]
Word = TypeVar("Word", bound=StrEnum)


@dataclass(frozen=True)
class Place:
    """Where something can stand: in a cloud, as what one offering makes there, or as anything."""

    cloud_id: int
    offering_id: int | None = None

    @classmethod
    def of(cls, version: OfferingVersion) -> Place:
        return cls(version.cloud_id, version.offering_id)

    @classmethod
    def of_cloud(cls, cloud: Cloud) -> Place:
        return cls(cloud.pk)

    @classmethod
    def of_resource(cls, resource: Resource) -> Place:
        """Of what was found nobody knows by which offering."""
        line: OrderLine | None = resource.order_line
        offering = line.offering_version.offering_id if line else None
        return cls(resource.cloud_project.cloud_id, offering)


def places_of(version: OfferingVersion) -> list[Place]:
    """Where it stands, and where each part does of what is a whole: any may be assessed apart."""
    parts = get_kind(version.offering.kind).made_of(version)
    return list(dict.fromkeys(Place.of(one) for one in (version, *parts)))


def places_by_version(versions: Iterable[OfferingVersion]) -> dict[int, list[Place]]:
    """The same of many, by primary key. What stands beside each other is looked up once a cloud."""
    beside: dict[int, dict[str, OfferingVersion]] = {}
    found = {}
    for version in versions:
        if get_kind(version.offering.kind).is_whole:
            version.neighbours = beside.get(version.cloud_id) or version.neighbours
            beside[version.cloud_id] = version.neighbours
        found[version.pk] = places_of(version)
    return found


def places_of_resource(resource: Resource) -> list[Place]:
    """Where it stands, as what was ordered, and as a part of a whole."""
    line = resource.order_line
    whole = line.assembly if line else None
    return [Place.of_resource(resource), *([Place.of(whole.offering_version)] if whole else [])]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a placement is judged by at one moment, with the rows that it was read from.

    ``supply`` None: nobody assessed the place. ``workload_id`` None: nobody answered the questions.
    ``permission_id``: of a permission in force for exactly these rows and these rules.
    """

    workload: Workload
    supply: Supply | None
    minimums: Minimums
    workload_id: int | None
    supply_id: int | None
    permission_id: int | None


def read_facts(project: Project, places: Collection[Place], *, at: datetime) -> dict[Place, Judged]:
    """What is known of a project in each of these places. One query."""
    found = read_many({project.pk: places}, at=at)
    return {place: found[project.pk, place] for place in places}


def read_places(places: Collection[Place], *, at: datetime) -> dict[Place, Judged]:
    """What is known of each of these places, for data of which nobody said anything. One query."""
    found = read_many({_NO_PROJECT: places}, at=at)
    return {place: found[_NO_PROJECT, place] for place in places}


def read_many(
    wanted: Mapping[int, Collection[Place]], *, at: datetime, as_of: datetime | None = None
) -> dict[tuple[int, Place], Judged]:
    """The same for many projects, by primary key. One query, whatever the number.

    Args:
        at: the day of it decides which permissions are over.
        as_of: what was known at this past moment, instead of what is known now.
    """
    clouds = {place.cloud_id for places in wanted.values() for place in places}
    asked = {
        "projects": list(wanted),
        "clouds": list(clouds),
        "ruleset": RULESET,
        "day": day_of(at),
        "as_of": as_of,
    }
    (row,) = ask(_FACTS_THEN if as_of else _FACTS, asked)
    known = _Known(*(json.loads(found) if found else () for found in row.rest()))
    return {
        (project, place): known.judged(project, place)
        for project, places in wanted.items()
        for place in places
    }


def read_supplies(
    places: Collection[Place], *, at: datetime
) -> dict[Place, tuple[int | None, Supply | None]]:
    """What was assessed of each place, with the primary key of that. One query."""
    found = read_many({_NO_PROJECT: places}, at=at)
    return {place: (judged.supply_id, judged.supply) for (_none, place), judged in found.items()}


def places_in_use(project_ids: Collection[int]) -> dict[int, set[Place]]:
    """Where each project has something that is not retired, by primary key."""
    living = Resource.objects.filter(project__in=project_ids).exclude(state=ResourceState.RETIRED)
    columns = ("project", "cloud_project__cloud", "order_line__offering_version__offering")
    found: defaultdict[int, set[Place]] = defaultdict(set)
    for project, cloud, offering in living.values_list(*columns).distinct():
        found[project].add(Place(cloud, offering))
    return dict(found)


def as_json(judged: Judged) -> dict[str, Any]:
    """The facts as they are kept with a decision."""
    facts = {
        "workload": asdict(judged.workload),
        "supply": asdict(judged.supply) if judged.supply else None,
    }
    plain: dict[str, Any] = json.loads(json.dumps(facts, default=date.isoformat))
    return plain


def clauses_json(advice: Advice) -> list[dict[str, Any]]:
    """The clauses that apply, as they are kept and as programs read them."""
    return [
        {
            "id": fired.clause,
            "verdict": fired.verdict.value,
            "missing": list(fired.missing),
            "needs": [{"kind": need.kind.value, "is_met": need.is_met} for need in fired.needs],
        }
        for fired in advice.fired
    ]


_STATEMENT: Final = """
    SELECT
        (SELECT jsonb_agg(to_jsonb(profile)) FROM catalog_workloadprofile AS profile
         WHERE project_id = ANY(%(projects)s) AND {answered}),
        (SELECT jsonb_agg(jsonb_build_array(project_id, kind, dated_on, outcome))
         FROM catalog_workloadevidence
         WHERE project_id = ANY(%(projects)s) AND {recorded}),
        (SELECT jsonb_agg(to_jsonb(profile) || jsonb_build_object(
            'owners', (
                SELECT jsonb_agg(to_jsonb(owner) ORDER BY position)
                FROM catalog_supplyowner AS owner WHERE owner.profile_id = profile.id),
            'dependencies', (
                SELECT jsonb_agg(to_jsonb(dependency) ORDER BY id)
                FROM catalog_supplydependency AS dependency
                WHERE dependency.profile_id = profile.id)))
         FROM catalog_supplyprofile AS profile
         WHERE cloud_id = ANY(%(clouds)s) AND state = 'confirmed' AND {decided}),
        (SELECT jsonb_agg(jsonb_build_array(protection_level, objective, seal))
         FROM catalog_sealminimum WHERE state = 'confirmed' AND {decided}),
        (SELECT jsonb_agg(jsonb_build_array(workload_id, supply_id, id))
         FROM catalog_placementpermission
         WHERE project_id = ANY(%(projects)s) AND state = 'confirmed' AND {decided}
           AND ruleset = %(ruleset)s AND valid_until >= %(day)s)
"""
_FACTS: Final = _STATEMENT.format(
    answered="ended_at IS NULL", recorded="withdrawn_at IS NULL", decided="ended_at IS NULL"
)
_NOT_OVER: Final = "(ended_at IS NULL OR ended_at > %(as_of)s)"
_FACTS_THEN: Final = _STATEMENT.format(
    answered=f"answered_at <= %(as_of)s AND {_NOT_OVER}",
    recorded="recorded_at <= %(as_of)s AND (withdrawn_at IS NULL OR withdrawn_at > %(as_of)s)",
    decided=f"decided_at <= %(as_of)s AND {_NOT_OVER}",
)


class _Known:
    """The answer to ``_FACTS``, by what it is about; each row is understood once."""

    def __init__(
        self,
        profiles: Sequence[Row],
        evidence: Sequence[Sequence[Any]],
        supplies: Sequence[Row],
        minimums: Sequence[Sequence[Any]],
        permissions: Sequence[Sequence[Any]],
    ) -> None:
        recorded: defaultdict[int, list[Sequence[Any]]] = defaultdict(list)
        for project, *what in evidence:
            recorded[project].append(what)
        self._evidence = recorded
        self._profiles = {row["project_id"]: row for row in profiles}
        self._workloads: dict[int, Workload] = {}
        self._supplies = {
            Place(row["cloud_id"], row["offering_id"]): (row["id"], _supply(row))
            for row in supplies
        }
        self._minimums = minimums_of(minimums)
        self._permissions = {
            (workload, supply): permission for workload, supply, permission in permissions
        }

    def judged(self, project: int, place: Place) -> Judged:
        if project not in self._workloads:
            row = self._profiles.get(project, {})
            self._workloads[project] = _workload(row, self._evidence[project])
        own = self._supplies.get(place) or self._supplies.get(Place(place.cloud_id))
        supply_id, supply = own or (None, None)
        workload_id = self._profiles.get(project, {}).get("id")
        return Judged(
            workload=self._workloads[project],
            supply=supply,
            minimums=self._minimums,
            workload_id=workload_id,
            supply_id=supply_id,
            permission_id=self._permissions.get((workload_id, supply_id)),
        )


def _workload(row: Row, evidence: Sequence[Sequence[Any]]) -> Workload:
    latest: dict[EvidenceKind, date] = {}
    for kind, dated_on, _ in evidence:
        day, word = date.fromisoformat(dated_on), EvidenceKind(kind)
        latest[word] = max(day, latest.get(word, day))
    return Workload(
        is_core_task=row.get("is_core_task"),
        personal_data=_word(PersonalData, row.get("personal_data")),
        has_special_data=row.get("has_special_data"),
        availability=_word(Score, row.get("availability")),
        integrity=_word(Score, row.get("integrity")),
        confidentiality=_word(Score, row.get("confidentiality")),
        rubricering=_word(Rubricering, row.get("rubricering")),
        base_register=_word(BaseRegister, row.get("base_register")),
        is_workplace=row.get("is_workplace"),
        is_vital=row.get("is_vital"),
        review_on=_day(row.get("review_on")),
        evidence=tuple(sorted(latest.items())),
        is_instructed_against=any(
            outcome == NoticeOutcome.INSTRUCTION_AGAINST for _, _, outcome in evidence
        ),
    )


def _supply(row: Row) -> Supply:
    seals = row["seals"]
    return Supply(
        hosting=_word(Hosting, row["hosting"]),
        chain=tuple(
            Link(
                name=owner["name"],
                jurisdiction=owner["jurisdiction"],
                is_operator=owner["is_operator"],
            )
            for owner in row["owners"] or ()
        ),
        locations=tuple(row["locations"]),
        keys=_word(Keys, row["keys"]),
        is_encrypted_at_rest=row["is_encrypted_at_rest"],
        is_encrypted_in_transit=row["is_encrypted_in_transit"],
        highest_protection_level=row["highest_protection_level"],
        highest_rubricering=_word(Rubricering, row["highest_rubricering"]),
        admits_personal_data=row["admits_personal_data"],
        admits_special_data=row["admits_special_data"],
        seals=tuple((objective, seals.get(objective)) for objective in Objective),
        valid_until=_day(row["valid_until"]),
        dependencies=_dependencies(row),
    )


def _dependencies(row: Row) -> tuple[Dependency, ...] | None:
    if not row["lists_dependencies"]:
        return None
    return tuple(
        Dependency(
            key=found["key"],
            name=found["name"],
            kind=DependencyKind(found["kind"]),
            supplier=found["supplier"],
            jurisdiction=found["jurisdiction"],
            is_critical=found["is_critical"],
            needs=tuple(found["needs"]),
        )
        for found in row["dependencies"] or ()
    )


def minimums_of(rows: Sequence[Sequence[Any]]) -> Minimums:
    """Those that are set, in the place of the default: of an objective, else of its level."""
    own = {(level, objective): seal for level, objective, seal in rows}
    return {
        (level, objective): own.get((level, objective), own.get((level, ""), default))
        for (level, objective), default in DEFAULT_MINIMUMS.items()
    }


def _word(words: type[Word], value: str | None) -> Word | None:
    return words(value) if value else None


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None
