"""What the rules say of places, as pages show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from catalog.models import OfferingVersion
from catalog.placement import Advice
from catalog.placement_words import label_of
from catalog.services.placement import Found
from catalog.views.placement.wording import TONES, Finding, findings_of
from catalog.views.wording import place_in_words


@dataclass(frozen=True, kw_only=True)
class PlaceAdvice:
    """What the rules say of one place. ``offerings``: names of what is offered there."""

    name: str
    offerings: list[str]
    advice: Advice
    is_admissible: bool

    @property
    def findings(self) -> list[Finding]:
        """All clauses that apply, the worst first."""
        return findings_of(self.advice)

    @property
    def label(self) -> str:
        """The verdict in a word or two."""
        if self.advice.is_undecided:
            return _("Cannot be told yet")
        return str(label_of(self.advice.verdict))

    @property
    def tone(self) -> str:
        """Of a badge with that label."""
        return "neutral" if self.advice.is_undecided else TONES[self.advice.verdict]


def advices_by_place(
    versions: Iterable[OfferingVersion], found: Mapping[int, Found]
) -> list[PlaceAdvice]:
    """One of each place that was assessed as one; where data may stand comes first, then by name.

    Args:
        found: by primary key of each version.
    """
    together: dict[tuple[int, int | None], list[OfferingVersion]] = {}
    for version in versions:
        key = version.cloud_id, found[version.pk].judged.supply_id
        together.setdefault(key, []).append(version)
    advices = [
        PlaceAdvice(
            name=place_in_words(some[0].cloud),
            offerings=sorted(version.name for version in some),
            advice=found[some[0].pk].advice,
            is_admissible=found[some[0].pk].is_admissible,
        )
        for some in together.values()
    ]
    return sorted(advices, key=lambda advice: (not advice.is_admissible, advice.name))
