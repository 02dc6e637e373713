"""Judging a placement by what is known now, refusing what is not admissible, and keeping why."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.models import OfferingVersion, PlacementDecision, PlacementVerdict, Resource
from catalog.placement import Advice, advise, text_of
from catalog.placement_errors import PlacementRefused
from catalog.placement_words import severity
from catalog.services.placement.reading import (
    Judged,
    Place,
    as_json,
    clauses_json,
    places_by_version,
    places_of_resource,
    read_facts,
)
from portal.cloud.models import Cloud
from portal.core.calendar import day_of
from portal.identity.models import Project


class Found(Protocol):
    """What was found out about a place: an ``Opinion``, or a ``Tried``."""

    @property
    def advice(self) -> Advice: ...
    @property
    def judged(self) -> Judged: ...
    @property
    def is_admissible(self) -> bool: ...


AFound = TypeVar("AFound", bound=Found)


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """An advice about one place, and whether the data owner permitted it as it is."""

    place: Place
    advice: Advice
    is_permitted: bool
    judged: Judged

    @property
    def is_admissible(self) -> bool:
        return self.advice.is_admissible(is_permitted=self.is_permitted)

    @property
    def is_answered(self) -> bool:
        """Whether anybody answered the questions about the project."""
        return self.judged.workload_id is not None

    @property
    def refusals(self) -> list[str]:
        """Why not, in words; empty when it may."""
        return [] if self.is_admissible else self.texts

    @property
    def texts(self) -> list[str]:
        """Why not, or what to mind, in words, the worst first; without what only informs."""
        if not self.is_answered:
            return [_("Nobody answered the questions about this project yet.")]
        return [text_of(fired) for fired in self.advice.fired if not fired.is_information]


def opinions_on(
    project: Project, versions: Collection[OfferingVersion], *, at: datetime | None = None
) -> dict[int, Opinion]:
    """What the rules say of each version for the data of the project, by primary key.

    Of a whole: of that place of its own or of a part that decides. One query, and for each cloud
    with wholes what is offered there.
    """
    places = places_by_version(versions)
    asked = {place for some in places.values() for place in some}
    found = _opinions(project, asked, at=at or now())
    return {key: worst(found[place] for place in some) for key, some in places.items()}


def opinion_on_place(project: Project, place: Place) -> Opinion:
    """The same of a place, of which nothing need be on offer any more."""
    return _opinions(project, [place], at=now())[place]


def opinions_at(project: Project, places: Iterable[Place]) -> list[Opinion]:
    """The same of several, each once. One query."""
    return list(_opinions(project, list(dict.fromkeys(places)), at=now()).values())


def worst(found: Iterable[AFound]) -> AFound:
    """The one that decides about what is ordered together."""
    return max(found, key=lambda one: (not one.is_admissible, severity(one.advice.verdict)))


def check_placement(project: Project, place: Place) -> None:
    """Refuse what may not stand there by the facts and the rules of this moment.

    Raises:
        PlacementRefused: as named.
    """
    _check(opinion_on_place(project, place))


def check_goes_on(resource: Resource) -> None:
    """Refuse to go on making what may not stand any more where it would.

    Raises:
        PlacementRefused: as named.
    """
    for opinion in opinions_at(resource.project, places_of_resource(resource)):
        _check(opinion)


def decide_placement(
    project: Project, version: OfferingVersion, *wholes: OfferingVersion
) -> PlacementDecision:
    """Write down that the project's data may stand there, with the facts and the clauses.

    Call with the tree locked, at least shared: what makes facts stricter takes it alone.

    Args:
        wholes: what it is ordered, or was, as a part of: it may not stand there as that either.

    Raises:
        PlacementRefused: it may not; nothing is written.
    """
    found = opinions_at(project, [Place.of(one) for one in (version, *wholes)])
    for opinion in found:
        _check(opinion)
    return _write(project, found[0], PlacementVerdict.ALLOWED)


def note_found(project: Project, cloud: Cloud) -> PlacementDecision:
    """Write down that something of the project stands in the cloud, which nobody decided.

    ``clauses`` keep why it might not have been allowed, by the facts of this moment.
    """
    opinion = opinion_on_place(project, Place.of_cloud(cloud))
    return _write(project, opinion, PlacementVerdict.FOUND_IN_CLOUD)


def _opinions(project: Project, places: Collection[Place], *, at: datetime) -> dict[Place, Opinion]:
    return {
        place: Opinion(
            place=place,
            advice=advise(judged.workload, judged.supply, at=day_of(at), minimums=judged.minimums),
            is_permitted=judged.permission_id is not None,
            judged=judged,
        )
        for place, judged in read_facts(project, places, at=at).items()
    }


def _check(opinion: Opinion) -> None:
    if not opinion.is_admissible:
        raise PlacementRefused(
            reasons=" ".join(opinion.texts),
            verdict=opinion.advice.verdict,
            clauses=clauses_json(opinion.advice),
        )


def _write(project: Project, opinion: Opinion, verdict: PlacementVerdict) -> PlacementDecision:
    judged, advice = opinion.judged, opinion.advice
    return PlacementDecision.objects.create(
        project=project,
        cloud_id=opinion.place.cloud_id,
        offering_id=opinion.place.offering_id,
        workload_id=judged.workload_id,
        supply_id=judged.supply_id,
        permission_id=judged.permission_id,
        verdict=verdict,
        ruleset=advice.ruleset,
        facts=as_json(judged),
        advised=advice.verdict,
        clauses=clauses_json(advice),
        decided_at=now(),
    )
