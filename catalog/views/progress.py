"""How far an operation is, as people read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.kinds import get_kind
from catalog.kinds.base import ACT_PREFIX
from catalog.models import (
    OPEN_OPERATION_STATES,
    Operation,
    OperationKind,
    OperationState,
    Step,
    StepState,
)
from catalog.provisioning.plans import get_definition
from catalog.services.cancellation import is_cancelable
from portal.core.formats import clock, seconds

QUICK_FOR = timedelta(minutes=2)
# When what an operation brings about was read just before it ended: else the page would stop there.
LOOK_AGAIN_SECONDS = 2


@dataclass(frozen=True)
class StepLine:
    """One line of the list; ``state`` is done, now, wait, fail or todo."""

    step: Step
    state: str
    name: str
    detail: str
    when: str


@dataclass(frozen=True)
class Progress:
    """An operation with its steps in words. ``poll_seconds`` 0: nothing moves any more."""

    operation: Operation
    lines: list[StepLine]
    poll_seconds: int
    waits_for: str = ""

    @property
    def title(self) -> str:
        """What is being done, e.g. "Deliver"; of an action its own name."""
        kind_key, _dot, plan = self.operation.plan.partition(".")
        action = get_kind(kind_key).actions.get(plan.removeprefix(ACT_PREFIX))
        return str(action.label) if action else self.operation.get_kind_display()

    @property
    def is_cancelable(self) -> bool:
        """True while it runs and nobody had it stopped."""
        operation = self.operation
        return (
            operation.state == OperationState.RUNNING
            and operation.cancel_requested_at is None
            and is_cancelable(operation)
        )

    @property
    def is_of_a_whole(self) -> bool:
        """True of the delivery of a part: given up, it takes all that was ordered with it along."""
        line = self.operation.resource.order_line
        is_delivery = self.operation.kind == OperationKind.PROVISION
        return is_delivery and line is not None and line.assembly_id is not None

    @property
    def done(self) -> int:
        return sum(line.state == "done" for line in self.lines)

    @property
    def states(self) -> list[str]:
        return [line.state for line in self.lines]

    @property
    def summary(self) -> str:
        """In one sentence, for the head of the card and for people who cannot see the list."""
        counts = {"done": self.done, "total": len(self.lines)}
        if self.operation.state == OperationState.FAILED:
            return _("{done} of {total} steps done, 1 failed").format(**counts)
        return _("{done} of {total} steps done").format(**counts)


def progress_of(operation: Operation, *, waits_for: Sequence[str] = ()) -> Progress:
    """Read the operation's steps; needs ``steps`` (prefetched where several are shown).

    Args:
        waits_for: names of what must run, or be gone, before it may begin.
    """
    steps = list(operation.steps.all())
    current = next((step for step in steps if step.state != StepState.DONE), None)
    if current and (current.goes_ahead or _has_begun(steps)):
        waits_for = ()
    return Progress(
        operation=operation,
        lines=[
            _line(operation, step, waits_for if step is current else (), is_current=step is current)
            for step in steps
        ],
        poll_seconds=_poll_seconds(operation),
        waits_for=", ".join(waits_for),
    )


def _has_begun(steps: Sequence[Step]) -> bool:
    """Whether it did more than what goes ahead: from then on it waits for nothing else."""
    return any(step.started_at and not step.goes_ahead for step in steps)


def latest_operation(operations: list[Operation]) -> Operation | None:
    """The operation that tells how things stand now: access is withdrawn beside it."""

    def weight(operation: Operation) -> tuple[bool, bool, int]:
        is_open = operation.state in OPEN_OPERATION_STATES
        is_beside = operation.kind == OperationKind.WITHDRAW
        return is_open and not is_beside, is_open or not is_beside, operation.pk

    return max(operations, key=weight, default=None)


def _poll_seconds(operation: Operation) -> int:
    """Look often at first, seldom later, and not at all when nothing will change by itself."""
    if operation.state != OperationState.RUNNING:
        return 0
    return 2 if now() - operation.started_at < QUICK_FOR else 15


def _line(
    operation: Operation, step: Step, waits_for: Sequence[str], *, is_current: bool
) -> StepLine:
    state, detail, when = _state_in_words(operation, step, is_current)
    if waits_for and step.state == StepState.TODO and operation.state == OperationState.RUNNING:
        state, when = "wait", ""
        detail = _("It waits for {names}.").format(names=", ".join(waits_for))
    return StepLine(step, state, str(_label(operation, step)), detail, when)


def _label(operation: Operation, step: Step) -> object:
    step.operation = operation  # the plan is found through it, without another query
    return get_definition(step).label


def _state_in_words(operation: Operation, step: Step, is_current: bool) -> tuple[str, str, str]:
    if step.state == StepState.DONE:
        return "done", "", _finished(step)
    if step.state == StepState.FAILED:
        return "fail", "", clock(step.finished_at) if step.finished_at else ""
    if not is_current or operation.state != OperationState.RUNNING:
        return "todo", "", ""
    since = _("since {time}").format(time=clock(step.started_at)) if step.started_at else ""
    if step.state == StepState.AWAITING:
        return "now", _("The cloud is working on it."), since
    if step.started_at and not step.failures and step.due_at > now():
        return "wait", _paused_in_words(step.due_at), clock(step.due_at)
    if step.failures and step.due_at > now():
        return "wait", _retry_in_words(step.due_at), clock(step.due_at)
    return "now", "", since


def _finished(step: Step) -> str:
    if step.finished_at is None or step.started_at is None:
        return ""
    return f"{clock(step.finished_at)}, {seconds(step.finished_at - step.started_at)}"


def _paused_in_words(due_at: datetime) -> str:
    return _("We go on at {time}.").format(time=clock(due_at))


def _retry_in_words(due_at: datetime) -> str:
    return _("The cloud does not answer yet. We try again at {time}.").format(time=clock(due_at))
