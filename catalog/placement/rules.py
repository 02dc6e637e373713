"""The advice on a placement: which data may stand in which place, and by which clauses.

Rule set RBCLOUD-2026: the government-wide cloud policy of 3 July 2026 (Kamerstuk 26643, nr. 1541),
with what the assessment of a place says. The strictest clause that applies decides, and all that
apply are told. **What is not known counts as prohibited**, for as far as it matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from catalog.placement.clauses import CLAUSES, Clause, Wanted
from catalog.placement.supply import DEFAULT_MINIMUMS, Minimums, Supply, SupplyTerms
from catalog.placement.workload import Workload, WorkloadTerms
from catalog.placement_words import (
    FACT_WORDS,
    Advised,
    EvidenceKind,
    Objective,
    label_of,
    severity,
)

RULESET: Final = "RBCLOUD-2026/1"

_CLAUSES_BY_ID: Final[Mapping[str, Clause]] = {clause.id: clause for clause in CLAUSES}


@dataclass(frozen=True, kw_only=True)
class Need:
    """Evidence that a clause asks. ``lapsed_on``: the last day on which it was new enough."""

    kind: EvidenceKind
    is_met: bool
    lapsed_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class Fired:
    """A clause that applies, or may apply: then ``missing`` names the facts that would settle it.

    ``about``: names of facts or objectives that its text speaks of.
    """

    clause: str
    verdict: Advised
    missing: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    about: tuple[str, ...] = ()

    @property
    def is_information(self) -> bool:
        """Whether it only tells something, for or against nothing."""
        return self.verdict == Advised.ALLOWED


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What the rules say of one placement. ``fired``: worst first, then as the rules stand."""

    ruleset: str
    verdict: Advised
    fired: tuple[Fired, ...]

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """The facts that are not known and matter; sorted, each once."""
        return tuple(sorted({name for fired in self.fired for name in fired.missing}))

    @cached_property
    def unmet(self) -> tuple[EvidenceKind, ...]:
        """The evidence that still lacks; in the order of the clauses, each once."""
        needs = (need for fired in self.fired for need in fired.needs)
        return tuple(dict.fromkeys(need.kind for need in needs if not need.is_met))

    @property
    def may_be_permitted(self) -> bool:
        """Whether it waits for the decision of the data owner only."""
        return self.verdict == Advised.CONDITIONAL and not self.unmet

    @property
    def is_undecided(self) -> bool:
        """Whether nothing but missing facts stands against it: nobody can tell yet."""
        prohibiting = [fired for fired in self.fired if fired.verdict == Advised.PROHIBITED]
        return bool(prohibiting) and all(fired.missing for fired in prohibiting)

    def is_admissible(self, *, is_permitted: bool) -> bool:
        """Whether the data may stand there; ``is_permitted``: by its owner, for these facts."""
        if self.verdict == Advised.CONDITIONAL:
            return is_permitted and self.may_be_permitted
        return severity(self.verdict) <= severity(Advised.DISCOURAGED)


def advise(
    workload: Workload,
    supply: Supply | None,
    *,
    at: date,
    minimums: Minimums = DEFAULT_MINIMUMS,
) -> Advice:
    """Return the advice by the facts as they are known on the day ``at``.

    Args:
        supply: None: nobody assessed the place.
        minimums: of every TBB and every objective, which SEAL is enough.
    """
    terms = SupplyTerms(supply or Supply(), at=at, minimums=minimums)
    return _advise(WorkloadTerms(workload, at=at), terms)


def advise_all(
    workloads: Iterable[Workload],
    supplies: Sequence[Supply],
    *,
    at: date,
    minimums: Minimums = DEFAULT_MINIMUMS,
) -> Iterator[tuple[Workload, tuple[Advice, ...]]]:
    """Yield each workload with the advices on all the supplies, in their order.

    The same as ``advise`` of each pair. Equal workloads are judged once, and so are equal supplies.
    """
    terms = {
        supply: SupplyTerms(supply, at=at, minimums=minimums) for supply in dict.fromkeys(supplies)
    }
    known: dict[Workload, tuple[Advice, ...]] = {}
    for workload in workloads:
        if workload not in known:
            asked = WorkloadTerms(workload, at=at)
            advices = {supply: _advise(asked, of_supply) for supply, of_supply in terms.items()}
            known[workload] = tuple(advices[supply] for supply in supplies)
        yield workload, known[workload]


def text_of(fired: Fired) -> str:
    """The clause in words, in the language of now, with what is missing."""
    about = ", ".join(_words(name) for name in fired.about)
    text = str(_CLAUSES_BY_ID[fired.clause].text).format(about=about)
    if not fired.missing:
        return text
    facts = "; ".join(_words(name) for name in fired.missing)
    return f"{text} " + _("Not known yet: {facts}.").format(facts=facts)


def source_of(clause: str) -> str | Promise:
    """Where the clause comes from, as “Rijksbreed cloudbeleid 2026, § 5.2”."""
    return _CLAUSES_BY_ID[clause].source


def _words(name: str) -> str:
    return str(FACT_WORDS[name] if name in FACT_WORDS else label_of(Objective(name)))


def _advise(workload: WorkloadTerms, supply: SupplyTerms) -> Advice:
    found = [fired for clause in CLAUSES if (fired := _apply(clause, workload, supply)) is not None]
    found.sort(key=lambda fired: -severity(fired.verdict))
    return Advice(ruleset=RULESET, verdict=found[0].verdict, fired=tuple(found))


def _apply(clause: Clause, workload: WorkloadTerms, supply: SupplyTerms) -> Fired | None:
    is_so = clause.condition(workload, supply)
    informs = clause.verdict == Advised.ALLOWED
    if is_so.truth is False or (is_so.truth is None and informs):
        return None
    about = clause.about(workload, supply) if clause.about else ()
    if is_so.truth is None:
        missing = tuple(sorted(is_so.missing))
        return Fired(clause=clause.id, verdict=Advised.PROHIBITED, missing=missing, about=about)
    needs = tuple(_weigh(wanted, workload) for wanted in clause.needs)
    return Fired(clause=clause.id, verdict=clause.verdict, needs=needs, about=about)


def _weigh(wanted: Wanted, workload: WorkloadTerms) -> Need:
    dates = dict(workload.workload.evidence)
    found = [day for kind in (wanted.kind, wanted.instead) if kind and (day := dates.get(kind))]
    if not found:
        return Need(kind=wanted.kind, is_met=False)
    if wanted.within_days is None:
        return Need(kind=wanted.kind, is_met=True)
    last_day = max(found) + timedelta(days=wanted.within_days)
    is_met = workload.at <= last_day
    return Need(kind=wanted.kind, is_met=is_met, lapsed_on=None if is_met else last_day)
