"""Asking the clouds what they count, place by place, whatever is away or goes wrong in another."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q, QuerySet

from billing.meters import Measure
from billing.models import MeasuredUse, SampleProblem
from billing.services.measuring import take_sample
from portal.cloud import get_cloud
from portal.cloud.models import Cloud, CloudProject, CloudProjectPurpose
from portal.cloud.ports import Cloud as Gateway
from portal.cloud.ports import CloudError, CloudMissing, CloudUnavailable
from portal.core.calendar import whole_second
from portal.core.faults import each_by_itself

logger = logging.getLogger(__name__)

EVERY: Final = timedelta(hours=1)
MOST_AT_ONCE: Final = 2000  # what is left waits for the next round, a few minutes later


@dataclass(frozen=True)
class _Place:
    """What is measured of one sort in one project of one cloud."""

    cloud: Cloud
    project_id: int
    measure: str
    uses: Sequence[MeasuredUse]

    def __str__(self) -> str:
        return f"{self.measure} of project {self.project_id} in {self.cloud.key}"


@dataclass
class Round:
    """One round of questions at the moment ``at``: what a cloud does not answer waits."""

    at: datetime
    away: set[tuple[int, str]] = field(default_factory=set)

    def ask(self, place: _Place) -> int:
        """Ask for what is measured in a place; nobody asks a cloud that is away.

        What stands there is claimed all the same. Else it would wait longest of all, and the next
        round would have no room for what other clouds count.

        Returns:
            The number of samples that came of it.
        """
        claimed = self._claim(place)
        counts, problems = self._answers(place, claimed)
        taken = 0
        for use in claimed:
            if use.pk in counts:
                taken += take_sample(use.pk, measured_at=self.at, value=counts[use.pk])
            else:
                _note(use, self.at, problems.get(use.pk, SampleProblem.GONE))
        return taken

    def _claim(self, place: _Place) -> list[MeasuredUse]:
        """Those that nobody else took meanwhile.

        Of the one table: PostgreSQL looks again at a row that it waited for, but not at a join.
        """
        return [
            use
            for use in place.uses
            if MeasuredUse.objects.filter(pk=use.pk, tried_at=use.tried_at, ended_at=None).update(
                tried_at=self.at
            )
        ]

    def _answers(
        self, place: _Place, uses: Sequence[MeasuredUse]
    ) -> tuple[Mapping[int, int], Mapping[int, SampleProblem]]:
        """Bytes, and what went wrong, by primary key; what is in neither is not there."""
        counts: dict[int, int] = {}
        problems: dict[int, SampleProblem] = {}
        if (place.cloud.pk, place.measure) in self.away:
            return counts, dict.fromkeys((use.pk for use in uses), SampleProblem.AWAY)
        cloud_project = _cloud_project(place)
        if not cloud_project or not uses:
            return counts, problems
        gateway = get_cloud(place.cloud.key)
        for asked in _questions(place, uses):
            try:
                counts |= _counted(gateway, cloud_project, place.measure, asked)
            except CloudMissing:
                continue
            except CloudUnavailable as error:
                logger.warning("%s: %s", place, error)
                self.away.add((place.cloud.pk, place.measure))
                left = [use.pk for use in uses if use.pk not in counts | problems]
                return counts, problems | dict.fromkeys(left, SampleProblem.AWAY)
            except CloudError as error:
                logger.warning("%s: %s", place, error)
                problems |= dict.fromkeys((use.pk for use in asked), SampleProblem.REFUSED)
        return counts, problems


def take_samples(*, at: datetime) -> int:
    """Ask for what was not asked for in the last hour, what waits longest first.

    May be broken off anywhere: what was not asked for yet is asked for next time.

    Returns:
        The number of samples that came of it.
    """
    moment = whole_second(at)
    return each_by_itself(Round(moment).ask, _due_places(moment))


def count_once_more(public_id: UUID, *, at: datetime) -> None:
    """Ask what passed by a resource that is about to be removed: no cloud tells that afterwards.

    Whatever was asked within the hour. Where the cloud does not answer, what passed since the last
    sample is nobody's; and nothing that goes wrong here keeps it from being removed.
    """
    passing = _asked_for().filter(resource__public_id=public_id, measure=Measure.TRAFFIC)
    places = _places(passing.select_related("resource__cloud"))
    with suppress(ExceptionGroup):  # what went wrong is in the log
        each_by_itself(Round(whole_second(at)).ask, places)


def due(at: datetime) -> QuerySet[MeasuredUse]:
    """What is to be asked for at ``at``; also what was asked for by a clock that was fast."""
    waits = Q(tried_at=None) | Q(tried_at__lte=at - EVERY) | Q(tried_at__gt=at)
    return _asked_for().filter(waits)


def _asked_for() -> QuerySet[MeasuredUse]:
    return MeasuredUse.objects.filter(ended_at=None, resource__cloud__key__in=settings.CLOUDS)


def _due_places(at: datetime) -> list[_Place]:
    uses = due(at).select_related("resource__cloud")
    return _places(uses.order_by(F("tried_at").asc(nulls_first=True), "pk")[:MOST_AT_ONCE])


def _places(uses: Iterable[MeasuredUse]) -> list[_Place]:
    def key(use: MeasuredUse) -> tuple[int, int, str]:
        return (use.resource.cloud_id, use.resource.project_id, use.measure)

    places = [(list(group), place) for place, group in groupby(sorted(uses, key=key), key=key)]
    return [
        _Place(group[0].resource.cloud, project_id, measure, group)
        for group, (_cloud, project_id, measure) in places
    ]


def _cloud_project(place: _Place) -> str:
    """The project in the cloud; "" when there is none yet, or no more."""
    managed = CloudProject.objects.filter(
        project=place.project_id, cloud=place.cloud, purpose=CloudProjectPurpose.MANAGED
    )
    return managed.values_list("openstack_project_id", flat=True).first() or ""


def _questions(place: _Place, uses: Sequence[MeasuredUse]) -> list[Sequence[MeasuredUse]]:
    """All containers are counted by one question, each load balancer by its own."""
    return [uses] if place.measure == Measure.STORED else [[use] for use in uses]


def _counted(
    gateway: Gateway, cloud_project: str, measure: str, uses: Sequence[MeasuredUse]
) -> dict[int, int]:
    if measure == Measure.STORED:
        told = gateway.container_bytes(cloud_project)
        known = {use.pk: use.resource.openstack_id for use in uses}
        return {pk: told[name] for pk, name in known.items() if name in told}
    (use,) = uses
    passed = gateway.load_balancer_traffic(cloud_project, use.resource.openstack_id)
    return {use.pk: passed.bytes_in + passed.bytes_out}


def _note(use: MeasuredUse, at: datetime, problem: SampleProblem) -> None:
    MeasuredUse.objects.filter(pk=use.pk, tried_at=at).update(problem=problem)
