"""What the rules would say of answers that nobody keeps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from catalog.models import OfferingVersion
from catalog.placement import Advice, Workload, advise
from catalog.placement.archetypes import public_examples
from catalog.services.placement.judging import worst
from catalog.services.placement.profiles import Answers
from catalog.services.placement.reading import Judged, places_by_version, read_facts, read_places
from portal.core.calendar import day_of
from portal.identity.models import Project


@dataclass(frozen=True, kw_only=True)
class Tried:
    """An advice about one place by answers that were only tried, and what is known of the place.

    No permission goes with it: that is for answers that were kept.
    """

    advice: Advice
    judged: Judged

    @property
    def is_admissible(self) -> bool:
        return self.advice.is_admissible(is_permitted=False)


def try_answers(
    answers: Answers,
    versions: Collection[OfferingVersion],
    *,
    project: Project | None,
    at: datetime,
) -> dict[int, Tried]:
    """What the rules would say of each version, by primary key; nothing is kept.

    Of wholes, and in queries, as ``opinions_on``.

    Args:
        project: whose evidence counts; None: there is no evidence.
    """
    places = places_by_version(versions)
    asked = {place for some in places.values() for place in some}
    found = read_facts(project, asked, at=at) if project else read_places(asked, at=at)
    tried = {place: _try(answers, judged, at=at) for place, judged in found.items()}
    return {key: worst(tried[place] for place in some) for key, some in places.items()}


def try_examples(answers: Answers, *, at: datetime) -> dict[str, Advice]:
    """The same of two public clouds that nobody offers, by name; without evidence."""
    day = day_of(at)
    workload = answers.as_workload()
    return {
        name: advise(workload, supply, at=day) for name, supply in public_examples(at=day).items()
    }


def _try(answers: Answers, judged: Judged, *, at: datetime) -> Tried:
    workload = _with_evidence(answers.as_workload(), judged.workload)
    advice = advise(workload, judged.supply, at=day_of(at), minimums=judged.minimums)
    return Tried(advice=advice, judged=judged)


def _with_evidence(workload: Workload, known: Workload) -> Workload:
    return replace(
        workload, evidence=known.evidence, is_instructed_against=known.is_instructed_against
    )
