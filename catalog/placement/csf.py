"""How sovereign a place is, by the EU Cloud Sovereignty Framework. Pure: answers in, SEAL out.

48 criteria in eight objectives, each with a ladder of three to five answers. An answer has points,
which make the score, and a SEAL (Sovereignty Effectiveness Assurance Level, 0 to 4), which is the
gate: the lowest one counts, never an average. The score only ranks what passes. What was not
answered is a gap: told, and neither zero nor good.

Sources: EU Cloud Sovereignty Framework v1.2.1 (October 2025); implementation guidance with
calculator (1 June 2026). Each has weights of its own, so whoever keeps a score keeps its
``Framework`` too. The numbers were taken over from the calculator by two public tools, and stand in
``eu_csf_2026_06.json``; the words, in ``csf_words``, are paraphrases.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from catalog.placement_words import Objective

HIGHEST_SEAL: Final = 4
# What a perfect objective is worth by the text. The published ladders give up to 1002: points are
# not cut off, so the best answers score a little more than 100.
POINTS_OF_OBJECTIVE: Final = 1000

# Asked of each legal entity in the chain of owners. We keep one answer: that of the worst.
ASKED_PER_ENTITY: Final = frozenset(
    {
        *("SOV-1.1", "SOV-1.2", "SOV-1.4", "SOV-1.5"),
        *("SOV-2.1", "SOV-2.2", "SOV-2.3", "SOV-2.4", "SOV-2.6"),
    }
)


class Framework(StrEnum):
    """The version whose weights a score was made with. Stored with each assessment."""

    V1_2_1 = "csf-1.2.1"
    GUIDANCE_2026_06 = "guidance-2026-06"


@dataclass(frozen=True)
class Rung:
    """One of the answers to a criterion."""

    points: Decimal
    seal: int


@dataclass(frozen=True)
class Criterion:
    """A question of the framework, with its answers from lowest to highest."""

    code: str
    ladder: tuple[Rung, ...]

    @property
    def objective(self) -> Objective:
        return Objective(self.code.partition(".")[0])

    @property
    def can_bind(self) -> bool:
        """False where every answer has the highest SEAL: such a criterion only scores."""
        return self.ladder[0].seal < HIGHEST_SEAL


def _read() -> Mapping[str, Any]:
    """Points as decimals: 83.34 is exactly that."""
    path = Path(__file__).with_name("eu_csf_2026_06.json")
    document: Mapping[str, Any] = json.loads(path.read_text("utf-8"), parse_float=Decimal)
    return document


def _read_criteria(ladders: Mapping[str, list[tuple[Decimal, int]]]) -> Mapping[str, Criterion]:
    return MappingProxyType(
        {
            code: Criterion(code, tuple(Rung(points, seal) for points, seal in ladder))
            for code, ladder in ladders.items()
        }
    )


_DOCUMENT: Final = _read()
CRITERIA: Final = _read_criteria(_DOCUMENT["criteria"])
_BY_OBJECTIVE: Final = {
    objective: tuple(each for each in CRITERIA.values() if each.objective == objective)
    for objective in Objective
}
WEIGHTS: Final[Mapping[Framework, Mapping[Objective, int]]] = MappingProxyType(
    {
        Framework(version): MappingProxyType(
            {Objective(code): weight for code, weight in weights.items()}
        )
        for version, weights in _DOCUMENT["weights"].items()
    }
)


@dataclass(frozen=True)
class Answer:
    """Which rung was chosen, from 0. Until there is evidence with its date it is only claimed."""

    index: int
    is_proven: bool


@dataclass(frozen=True, kw_only=True)
class ObjectiveResult:
    """Of one objective. ``seal`` is None where no criterion of it was answered.

    ``binding``: its criteria that keep the whole at the SEAL it has.
    """

    objective: Objective
    points: Decimal
    seal: int | None
    gaps: tuple[str, ...]
    binding: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """Of a whole place. ``score``: about 0 to 100, not rounded. ``seal``: None without answers.

    With ``gaps`` the SEAL is that of what was answered: it may turn out lower, never higher.
    """

    objectives: tuple[ObjectiveResult, ...]
    seal: int | None
    score: Decimal
    gaps: tuple[str, ...]

    @property
    def binding(self) -> tuple[str, ...]:
        return tuple(code for result in self.objectives for code in result.binding)


def criteria_of(objective: Objective) -> tuple[Criterion, ...]:
    """The criteria of one objective, in the order of the framework."""
    return _BY_OBJECTIVE[objective]


def assess(
    answers: Mapping[str, Answer], framework: Framework, *, only_proven: bool = False
) -> Assessment:
    """Return SEAL and score of a place by its answers.

    Args:
        answers: by code of the criterion, such as ``SOV-1.1``; what is not there is a gap.
        framework: the version whose weights make the score. The SEAL is the same in all.
        only_proven: what is only claimed is a gap too.

    Raises:
        ValueError: the framework has no such criterion or answer.
    """
    chosen = _choose(proven(answers) if only_proven else answers)
    seal = _lowest(chosen.values())
    objectives = tuple(_assess_objective(objective, chosen, seal) for objective in Objective)
    weights = WEIGHTS[framework]
    score = sum((each.points * weights[each.objective] for each in objectives), Decimal(0))
    return Assessment(
        objectives=objectives,
        seal=seal,
        score=score / POINTS_OF_OBJECTIVE,
        gaps=tuple(gap for each in objectives for gap in each.gaps),
    )


def proven(answers: Mapping[str, Answer]) -> dict[str, Answer]:
    """The answers that there is evidence of."""
    return {code: answer for code, answer in answers.items() if answer.is_proven}


def unproven(answers: Mapping[str, Answer]) -> tuple[str, ...]:
    """The criteria that were answered, and only claimed, in the order of the framework."""
    return tuple(code for code in CRITERIA if code in answers and not answers[code].is_proven)


def proven_seals(answers: Mapping[str, Answer]) -> tuple[tuple[Objective, int | None], ...]:
    """By objective, the SEAL that a placement may count on.

    None, so not enough for anything, until each criterion that can bind is proven: the one that
    is not could be the lowest. What cannot bind only scores, and is not waited for.

    Raises:
        ValueError: the framework has no such criterion or answer.
    """
    chosen = _choose(proven(answers))
    return tuple((objective, _proven_seal(objective, chosen)) for objective in Objective)


def _proven_seal(objective: Objective, chosen: Mapping[str, Rung]) -> int | None:
    binding = [criterion.code for criterion in criteria_of(objective) if criterion.can_bind]
    if not chosen.keys() >= set(binding):
        return None
    return _lowest(chosen[code] for code in binding)


def _choose(answers: Mapping[str, Answer]) -> dict[str, Rung]:
    """The chosen rungs by criterion."""
    for code, answer in answers.items():
        if code not in CRITERIA or not 0 <= answer.index < len(CRITERIA[code].ladder):
            raise ValueError(f"the framework has no answer {answer.index} to {code}")
    return {code: CRITERIA[code].ladder[answer.index] for code, answer in answers.items()}


def _lowest(rungs: Iterable[Rung]) -> int | None:
    return min((rung.seal for rung in rungs), default=None)


def _assess_objective(
    objective: Objective, chosen: Mapping[str, Rung], overall: int | None
) -> ObjectiveResult:
    codes = [criterion.code for criterion in criteria_of(objective)]
    answered = {code: chosen[code] for code in codes if code in chosen}
    seal = _lowest(answered.values())
    return ObjectiveResult(
        objective=objective,
        points=sum((rung.points for rung in answered.values()), Decimal(0)),
        seal=seal,
        gaps=tuple(code for code in codes if code not in answered),
        binding=tuple(
            code
            for code, rung in answered.items()
            if rung.seal == overall and rung.seal < HIGHEST_SEAL
        ),
    )
