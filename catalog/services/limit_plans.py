"""Several limits at once: what they would do, and doing exactly that.

A plan is looked at before it is carried out. In between it is with the person, sealed, together
with what stands for what they saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from django.core import signing
from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.models import Metric, Quota
from catalog.quota_errors import PlanUnreadable
from catalog.quota_policies import nodes_to_limit
from catalog.services.governing import change_limits, find_amount_problem
from catalog.services.limit_periods import LimitPeriod
from catalog.services.limits import NewLimit, Step, find_misfit, try_limits
from portal.identity.models import Node, Person

MOST_LINES: Final = 2_000
SIGNER: Final = signing.Signer(salt="limit plan")
METRICS: Final = list(Metric)


@dataclass(frozen=True, kw_only=True)
class PlanLine:
    """One limit of a plan; ``amount`` None is unlimited.

    Attributes:
        valid_from: None is the moment at which it is set.
        number: of the line in the file or list that it comes from, from 1.
    """

    node: Node
    metric: Metric
    amount: Decimal | None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    number: int = 0

    def at(self, moment: datetime) -> NewLimit:
        """The limit, set at that moment: it never holds before it was set."""
        return NewLimit(
            node=self.node,
            metric=self.metric,
            amount=self.amount,
            valid_from=max(self.valid_from or moment, moment),
            valid_until=self.valid_until,
        )


@dataclass(frozen=True)
class Effect:
    """What a line does, or why it cannot be. ``step`` is None where nothing could be tried."""

    line: PlanLine
    step: Step | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def is_new(self) -> bool:
        return self.step is not None and self.step.is_new

    @property
    def is_over(self) -> bool:
        """More is claimed than its limit will be: nothing can be ordered there."""
        return self.step is not None and self.step.is_over

    @property
    def undone(self) -> list[LimitPeriod]:
        """What would follow in its period, and no longer does."""
        return self.step.undone if self.step else []

    @property
    def before(self) -> Decimal | None:
        """The limit at the beginning of its period; of an effect with a ``step``."""
        return self.step.change.before if self.step else None

    @property
    def claimed(self) -> Decimal:
        """What is claimed now."""
        return self.step.change.quota.claimed if self.step else Decimal(0)

    @property
    def free(self) -> Decimal | None:
        """What is left of the new limit; None is unlimited."""
        return None if self.line.amount is None else self.line.amount - self.claimed


@dataclass(frozen=True)
class Preview:
    """What a plan would do now. ``seen`` goes along when it is carried out."""

    effects: list[Effect]
    seen: str

    @property
    def lines_to_set(self) -> list[PlanLine]:
        """Those that change something."""
        return [effect.line for effect in self.effects if effect.is_new]

    @property
    def has_problems(self) -> bool:
        return any(effect.problems for effect in self.effects)


def preview_limits(lines: Sequence[PlanLine], *, actor: Person) -> Preview:
    """What each line would do now, with everything that is wrong. Nothing is changed."""
    moment = now()
    wrong = _find_wrong(lines, moment, actor)
    sound = [number for number in range(len(lines)) if not wrong[number]]
    trial = try_limits([lines[number].at(moment) for number in sound])
    effects = [Effect(line, problems=wrong[number]) for number, line in enumerate(lines)]
    for position, number in enumerate(sound):
        problems = trial.problems.get(position, [])
        effects[number] = Effect(lines[number], trial.steps[position], problems)
    return Preview(effects, trial.seen)


def apply_plan(lines: Sequence[PlanLine], *, seen: str, reason: str, actor: Person) -> list[Quota]:
    """Set these limits, all or none, if what was seen is still there.

    Raises:
        as ``governing.change_limits``.
    """
    moment = now()
    return change_limits([line.at(moment) for line in lines], reason=reason, actor=actor, seen=seen)


def seal_plan(preview: Preview, *, actor: Person) -> str:
    """The plan as text that only this person can hand in, and nobody can alter."""
    lines = [_packed(line) for line in preview.lines_to_set]
    return SIGNER.sign_object([actor.pk, preview.seen, lines], compress=True)


def open_plan(text: str, *, actor: Person) -> tuple[list[PlanLine], str]:
    """The lines, and what was seen.

    Raises:
        PlanUnreadable: it was altered, it is somebody else's, or a part is gone.
    """
    try:
        owner, seen, packed = SIGNER.unsign_object(text)
    except signing.BadSignature as error:
        raise PlanUnreadable() from error
    nodes = Node.objects.in_bulk({pk for pk, *_rest in packed})
    if owner != actor.pk or any(pk not in nodes for pk, *_rest in packed):
        raise PlanUnreadable()
    return [_unpacked(nodes[pk], *rest) for pk, *rest in packed], seen


def _find_wrong(lines: Sequence[PlanLine], moment: datetime, actor: Person) -> dict[int, list[str]]:
    """What is wrong with each line by itself, by its place."""
    allowed = set(
        nodes_to_limit(actor)
        .filter(pk__in={line.node.pk for line in lines})
        .values_list("pk", flat=True)
    )
    found: dict[int, list[str]] = {}
    earlier: dict[tuple[int, str], list[tuple[PlanLine, NewLimit]]] = {}
    for place, line in enumerate(lines):
        new = line.at(moment)
        rivals = earlier.setdefault(new.key, [])
        said = next((other for other, limit in rivals if _meet(limit, new)), None)
        problems = [
            _("You do not set the limits of “{node}”.").format(node=line.node.name)
            if line.node.pk not in allowed
            else "",
            find_amount_problem(line.metric, line.amount),
            find_misfit(new),
            _("Line {number} is about this already.").format(number=said.number) if said else "",
        ]
        found[place] = [problem for problem in problems if problem]
        rivals.append((line, new))
    return found


def _meet(one: NewLimit, other: NewLimit) -> bool:
    """Do their periods share a moment?"""
    begins_before = one.valid_until is None or other.valid_from < one.valid_until
    return begins_before and (other.valid_until is None or one.valid_from < other.valid_until)


def _packed(line: PlanLine) -> list[Any]:
    return [
        line.node.pk,
        METRICS.index(line.metric),
        None if line.amount is None else format(line.amount.normalize(), "f"),
        _seconds(line.valid_from),
        _seconds(line.valid_until),
        line.number,
    ]


def _unpacked(
    node: Node, metric: int, amount: str | None, start: float | None, end: float | None, number: int
) -> PlanLine:
    return PlanLine(
        node=node,
        metric=METRICS[metric],
        amount=None if amount is None else Decimal(amount),
        valid_from=_moment(start),
        valid_until=_moment(end),
        number=number,
    )


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
