"""What is known of the data of a project, and which interest (TBB) goes with it.

The way from scores to TBB is that of the TBB tool v1.0 (6 June 2026): the highest of the three
decides. It is one way: from a TBB no marking (rubricering) follows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from catalog.placement.known import YES, Known, any_of, known
from catalog.placement_words import (
    LOWEST_INTEREST,
    BaseRegister,
    EvidenceKind,
    PersonalData,
    Rubricering,
    Score,
)


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What people said of the data of one project. None: nobody said.

    ``evidence``: the latest date of each kind there is, sorted. ``is_instructed_against``: CISO
    Rijk gave an instruction against this use.
    """

    is_core_task: bool | None = None
    personal_data: PersonalData | None = None
    has_special_data: bool | None = None
    availability: Score | None = None
    integrity: Score | None = None
    confidentiality: Score | None = None
    rubricering: Rubricering | None = None
    base_register: BaseRegister | None = None
    is_workplace: bool | None = None
    is_vital: bool | None = None
    review_on: date | None = None
    evidence: tuple[tuple[EvidenceKind, date], ...] = ()
    is_instructed_against: bool = False

    @property
    def scores(self) -> tuple[tuple[str, Score | None], ...]:
        """Each with the name of its fact."""
        return (
            ("workload.availability", self.availability),
            ("workload.integrity", self.integrity),
            ("workload.confidentiality", self.confidentiality),
        )


def effective_tbb(workload: Workload) -> int | None:
    """The interest to protect: 1, the highest, to 4. None while a score or the marking is unknown.

    A marking makes it no lower an interest than its floor, and never decides more than that.
    """
    levels = [score.level for _, score in workload.scores if score is not None]
    if len(levels) < len(workload.scores) or workload.rubricering is None:
        return None
    return min(*levels, workload.rubricering.floor)


def tbb_at_most(workload: Workload, level: int) -> Known:
    """Whether the interest is as high as ``level`` or higher: the TBB is that number or less."""
    if level >= LOWEST_INTEREST:
        return YES
    marking = workload.rubricering
    by_score = (
        known(None if score is None else score.level <= level, name)
        for name, score in workload.scores
    )
    by_marking = known(None if marking is None else marking.floor <= level, "workload.rubricering")
    return any_of(*by_score, by_marking)


def is_material(workload: Workload) -> Known:
    """Whether the use is material (materieel), § 4.1 of the cloud policy."""
    return known(workload.is_core_task, "workload.is_core_task") | _is_one_of(
        workload.personal_data, {PersonalData.LARGE_SCALE}, "workload.personal_data"
    )


class WorkloadTerms:
    """What the clauses ask of a workload at one day, each found out once."""

    def __init__(self, workload: Workload, *, at: date) -> None:
        self.workload = workload
        self.at = at

    @cached_property
    def tbb_at_most(self) -> tuple[Known, ...]:
        """By TBB; 0 stands for none that high."""
        levels = range(LOWEST_INTEREST + 1)
        return tuple(tbb_at_most(self.workload, level) for level in levels)

    @cached_property
    def material(self) -> Known:
        return is_material(self.workload)

    @cached_property
    def personal(self) -> Known:
        some = {PersonalData.SOME, PersonalData.LARGE_SCALE}
        return _is_one_of(self.workload.personal_data, some, "workload.personal_data")

    @cached_property
    def large_scale(self) -> Known:
        much = {PersonalData.LARGE_SCALE}
        return _is_one_of(self.workload.personal_data, much, "workload.personal_data")

    @cached_property
    def special(self) -> Known:
        return self.personal & known(self.workload.has_special_data, "workload.has_special_data")

    @cached_property
    def marked_from(self) -> tuple[Known, ...]:
        """By rank of a marking: whether this one is as high."""
        marking = self.workload.rubricering
        return tuple(
            known(None if marking is None else marking.rank >= lowest.rank, "workload.rubricering")
            for lowest in Rubricering
        )

    @cached_property
    def register(self) -> Known:
        either = {BaseRegister.COPY, BaseRegister.SOURCE}
        return _is_one_of(self.workload.base_register, either, "workload.base_register")

    @cached_property
    def register_source(self) -> Known:
        source = {BaseRegister.SOURCE}
        return _is_one_of(self.workload.base_register, source, "workload.base_register")

    @cached_property
    def workplace(self) -> Known:
        return known(self.workload.is_workplace, "workload.is_workplace")

    @cached_property
    def vital(self) -> Known:
        return known(self.workload.is_vital, "workload.is_vital")

    @cached_property
    def instructed_against(self) -> Known:
        return Known(self.workload.is_instructed_against)

    @cached_property
    def overdue(self) -> Known:
        day = self.workload.review_on
        return known(None if day is None else day < self.at, "workload.review_on")


def _is_one_of(value: object | None, words: Collection[object], name: str) -> Known:
    return known(None if value is None else value in words, name)
