"""How sovereign a project is: as sovereign as the least sovereign place that it uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, Prefetch

from catalog.models import OfferingVersion, Resource, ResourceState, SupplyProfile
from catalog.placement.csf import proven
from catalog.placement.raising import Outlook, look_ahead
from catalog.placement_words import Objective
from catalog.services.placement.reading import Place
from catalog.services.placement.supplies import answers_of, lowest_of, seals_of
from portal.cloud.models import Cloud
from portal.identity.models import Project
from portal.identity.models.proposed import DecisionState


@dataclass(frozen=True, kw_only=True)
class Used:
    """A place where a project has something, as far as one assessment is about it.

    ``profile`` None: nobody assessed it. ``resources``: how many are not retired there.
    ``seals``: proven by objective, None: not.
    """

    place: Place
    cloud: Cloud
    profile: SupplyProfile | None
    resources: int
    seals: Mapping[Objective, int | None]
    seal: int | None


@dataclass(frozen=True, kw_only=True)
class WorkloadSovereignty:
    """``seals`` and ``seal``: the lowest of all places, None as long as one is not proven.

    ``outlook``: what binds and what would raise it, by the answers that are proven.
    """

    uses: list[Used]
    seals: Mapping[Objective, int | None]
    seal: int | None
    outlook: Outlook[Place]


def sovereignty_of(project: Project) -> WorkloadSovereignty:
    """Of all that is not retired in a project. Four queries and those of the parts."""
    uses = _uses(project)
    seals = {
        objective: lowest_of({each.place: each.seals[objective] for each in uses})
        for objective in Objective
    }
    return WorkloadSovereignty(
        uses=uses,
        seals=seals,
        seal=lowest_of(seals),
        outlook=look_ahead(
            {each.place: proven(answers_of(each.profile)) if each.profile else {} for each in uses}
        ),
    )


def _uses(project: Project) -> list[Used]:
    """By name of the cloud. What has an assessment of its own stands apart."""
    standing = _standing(project)
    clouds = {cloud.pk: cloud for cloud in Cloud.objects.filter(pk__in=_clouds(standing))}
    profiles = _profiles(clouds)
    counts: Counter[Place] = Counter()
    for place, count in standing.items():
        counts[place if place in profiles else Place(place.cloud_id)] += count
    return sorted(
        (
            _used(place, clouds[place.cloud_id], profiles.get(place), count)
            for place, count in counts.items()
        ),
        key=lambda used: (used.cloud.name, used.place.offering_id or 0),
    )


def _used(place: Place, cloud: Cloud, profile: SupplyProfile | None, count: int) -> Used:
    seals: Mapping[Objective, int | None] = (
        seals_of(profile) if profile else dict.fromkeys(Objective)
    )
    return Used(
        place=place,
        cloud=cloud,
        profile=profile,
        resources=count,
        seals=seals,
        seal=lowest_of(seals),
    )


def _standing(project: Project) -> dict[Place, int]:
    living = Resource.objects.filter(project=project).exclude(state=ResourceState.RETIRED)
    columns = ("cloud_project__cloud", "order_line__offering_version__offering")
    found = living.order_by().values_list(*columns).annotate(count=Count("pk"))
    return {Place(cloud, offering): count for cloud, offering, count in found}


def _clouds(standing: Mapping[Place, int]) -> set[int]:
    return {place.cloud_id for place in standing}


def _profiles(clouds: Mapping[int, Cloud]) -> dict[Place, SupplyProfile]:
    """What is in force there, of each cloud and of each offering that has its own."""
    in_force = SupplyProfile.objects.filter(
        cloud__in=clouds, state=DecisionState.CONFIRMED, ended_at=None
    )
    versions = Prefetch("offering__versions", OfferingVersion.objects.order_by("-number"))
    whole = in_force.select_related("cloud", "offering").prefetch_related(
        "owners", "dependencies", "answers", versions
    )
    return {Place(each.cloud_id, each.offering_id): each for each in whole}
