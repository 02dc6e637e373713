"""What keeps a SEAL down, and what would raise it: of an objective, and of all a workload uses.

A workload is as sovereign as the least sovereign place that it uses. Everything here reads the
answers it is given: pass ``csf.proven(answers)`` to hear about what is proven.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from catalog.placement.csf import CRITERIA, HIGHEST_SEAL, Answer, Framework, assess, criteria_of
from catalog.placement_words import Objective

# What a government-wide sovereign service is to reach (Notitie Verkenning Overheidsbrede Soevereine
# Clouddiensten, 11 June 2026), and what anybody can reach now: the European Commission says that
# chips and other hardware keep everybody from SEAL-4.
TARGET_SEAL: Final = HIGHEST_SEAL
BEST_ATTAINABLE_SEAL: Final = 3

# SEAL and gaps do not depend on the weights.
_ANY_WEIGHTS: Final = Framework.GUIDANCE_2026_06

Place = TypeVar("Place", bound=Hashable)


@dataclass(frozen=True)
class Raise:
    """The next better answer to a criterion: the lowest one that has a higher SEAL."""

    criterion: str
    to_index: int
    to_seal: int


@dataclass(frozen=True, kw_only=True)
class Outlook(Generic[Place]):
    """How sovereign a workload is by the places it uses, and what would make it more so.

    ``seal`` is None where it uses nothing, or a place that nobody assessed: ``unassessed``.
    ``raises``: by place what binds there, and what would lift that. Only all of them together
    raise the SEAL, to ``raised_to``; both are empty where nothing binds. ``gaps``: by place.
    """

    seal: int | None
    unassessed: tuple[Place, ...]
    raises: Mapping[Place, tuple[Raise, ...]]
    raised_to: int | None
    gaps: Mapping[Place, tuple[str, ...]]

    @property
    def is_best_attainable(self) -> bool:
        return self.seal is not None and self.seal >= BEST_ATTAINABLE_SEAL


def what_raises(answers: Mapping[str, Answer], objective: Objective) -> list[Raise]:
    """Return what would raise the SEAL of one objective; all of it is needed.

    Empty where nothing was answered, or the SEAL is the highest already. A gap is no raise: its
    answer can only lower the SEAL.

    Raises:
        ValueError: the framework has no such criterion or answer.
    """
    codes = {criterion.code for criterion in criteria_of(objective)}
    own = {code: answer for code, answer in answers.items() if code in codes}
    return _raise_each(own, assess(own, _ANY_WEIGHTS).binding)


def look_ahead(places: Mapping[Place, Mapping[str, Answer]]) -> Outlook[Place]:
    """Return how sovereign a workload is that uses these places, and what would raise that.

    Raises:
        ValueError: the framework has no such criterion or answer.
    """
    found = {place: assess(answers, _ANY_WEIGHTS) for place, answers in places.items()}
    seals = {place: each.seal for place, each in found.items()}
    seal = _lowest(seals.values())
    raises = {
        place: tuple(_raise_each(places[place], each.binding))
        for place, each in found.items()
        if each.binding and each.seal == seal
    }
    return Outlook(
        seal=seal,
        unassessed=tuple(place for place, of_place in seals.items() if of_place is None),
        raises=raises,
        raised_to=_raised(places, raises) if raises else None,
        gaps={place: each.gaps for place, each in found.items() if each.gaps},
    )


def with_raises(answers: Mapping[str, Answer], raises: Collection[Raise]) -> dict[str, Answer]:
    """The answers as they would be once these were raised, and that was proven."""
    return {**answers, **{each.criterion: Answer(each.to_index, is_proven=True) for each in raises}}


def _raise_each(answers: Mapping[str, Answer], codes: Collection[str]) -> list[Raise]:
    return [_next(code, answers[code].index) for code in codes]


def _next(code: str, index: int) -> Raise:
    """Every ladder ends at the highest SEAL, so what binds can be raised."""
    ladder = CRITERIA[code].ladder
    higher = next(n for n in range(index, len(ladder)) if ladder[n].seal > ladder[index].seal)
    return Raise(code, higher, ladder[higher].seal)


def _raised(
    places: Mapping[Place, Mapping[str, Answer]], raises: Mapping[Place, tuple[Raise, ...]]
) -> int | None:
    raised = (with_raises(answers, raises.get(place, ())) for place, answers in places.items())
    return _lowest([assess(answers, _ANY_WEIGHTS).seal for answers in raised])


def _lowest(seals: Collection[int | None]) -> int | None:
    """None, so unknown, where one of them is, and where there are none."""
    known = [seal for seal in seals if seal is not None]
    return min(known) if known and len(known) == len(seals) else None
