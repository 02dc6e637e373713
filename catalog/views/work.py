"""For operators and auditors: what runs, what waits, what needs a person; and one operation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from catalog.kinds import get_kind
from catalog.models import (
    Operation,
    OperationState,
    Solution,
    SolutionState,
    Step,
    StepState,
)
from catalog.policies import (
    may_oversee,
    may_repair,
    may_solve,
    operations_to_repair,
    overseen_operations,
    overseen_work,
    visible_operations,
)
from catalog.provisioning.plans import get_definition
from catalog.services.cancellation import is_cancelable
from catalog.services.operations import repeatable_positions
from catalog.services.solutions import moves_money
from catalog.services.waiting import waited_for
from catalog.services.workload import Group, count_groups, in_group, open_work
from catalog.views.history import history_of
from catalog.views.progress import Progress, StepLine, progress_of
from catalog.views.wording import OPERATION_TONES, place_in_words
from portal.core.errors import DomainError
from portal.core.formats import clock, moment
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 25


@dataclass(frozen=True)
class WorkRow:
    """An operation in the list, with the step at which it is (None: all are done)."""

    operation: Operation
    progress: Progress
    icon: str
    tone: str
    state: str
    line: StepLine | None
    since: datetime
    may_resume: bool

    @property
    def where(self) -> str:
        """At which step it is, e.g. "3 of 7: Server"."""
        if self.line is None:
            return ""
        counts = {"number": self.line.step.position, "total": len(self.progress.lines)}
        return _("{number} of {total}: {step}").format(**counts, step=self.line.name)

    @property
    def detail(self) -> str:
        """What it waits for, where it waits."""
        if self.line is None or self.line.step.state != StepState.TODO:
            return self.line.detail if self.line else ""
        return self.line.detail or _("It waits for its turn.")


@dataclass(frozen=True)
class WorkStep:
    """A step as an operator reads it: ``detail`` says how it goes, in plain sentences."""

    line: StepLine
    detail: str


@require_safe
def work_list(request: PersonRequest) -> HttpResponse:
    """One of the three groups, the oldest trouble first. The page polls its own address."""
    if not overseen_work(request.user).exists():
        raise PermissionDenied
    asked = request.GET.get("group", "")
    group = Group(asked) if asked in Group else Group.STUCK
    work = open_work(overseen_operations(request.user))
    counts = count_groups(work)
    operations = in_group(work, group).select_related("resource__project__parent")
    waiting = Solution.objects.filter(state=SolutionState.PROPOSED)
    operations = operations.prefetch_related("steps", Prefetch("solutions", waiting))
    page = Paginator(operations, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": _rows(request, list(page)),
        "group": group,
        "groups": [(item, item.label, counts[item]) for item in Group],
        "total": sum(counts.values()),
    }
    return render(request, "catalog/operations/list.html", context)


@require_safe
def work_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One operation with all its steps, and what this person may do about it.

    Who does not oversee it finds it with its resource, and comes here from a login in between.
    """
    operation = _find(request, public_id)
    if not may_oversee(request.user, operation.resource):
        return redirect("catalog:resource", public_id=operation.resource.public_id)
    return render_operation(request, operation)


def get_overseen(request: PersonRequest, public_id: UUID) -> Operation:
    """An operation as its page needs it.

    Raises:
        Http404: there is none that the person reaches.
        PermissionDenied: they are neither operator nor auditor there.
    """
    operation = _find(request, public_id)
    if not may_oversee(request.user, operation.resource):
        raise PermissionDenied
    return operation


def _find(request: PersonRequest, public_id: UUID) -> Operation:
    operations = (
        visible_operations(request.user)
        .select_related(
            "resource__project__parent",
            "resource__cloud_project__cloud",
            "resource__order_line__order",
            "requested_by",
        )
        .prefetch_related(
            "steps",
            Prefetch(
                "solutions",
                Solution.objects.select_related("proposed_by", "decided_by").order_by("-pk"),
            ),
        )
    )
    return get_object_or_404(operations, public_id=public_id)


def render_operation(
    request: PersonRequest,
    operation: Operation,
    *,
    error: DomainError | None = None,
    reason: str = "",
) -> HttpResponse:
    """The page of one operation, with what was refused on top."""
    progress = progress_of(operation, waits_for=[item.name for item in waited_for(operation)])
    solution = next(iter(operation.solutions.all()), None)
    tone, state = _state_in_words(operation, solution)
    context = _choices(request, operation, progress, solution) | {
        "operation": operation,
        "resource": operation.resource,
        "kind": get_kind(operation.resource.kind),
        "place": place_in_words(operation.resource.cloud_project.cloud),
        "progress": progress,
        "steps": [WorkStep(line, _detail(line)) for line in progress.lines],
        "tone": tone,
        "state": state,
        "solution": solution,
        "history": history_of([operation.public_id]),
        "error": error,
        "reason": reason,
    }
    return render(
        request,
        "catalog/operations/detail.html",
        context,
        status=error.http_status if error else 200,
    )


def _choices(
    request: PersonRequest, operation: Operation, progress: Progress, solution: Solution | None
) -> dict[str, Any]:
    """What this person may do about it now."""
    is_stuck = operation.state == OperationState.FAILED
    waits = solution is not None and solution.state == SolutionState.PROPOSED
    is_operator = may_solve(request.user, operation.resource)
    is_own = waits and solution is not None and solution.proposed_by_id == request.user.pk
    earlier = repeatable_positions(operation)[:-1] if is_operator else []
    return {
        "may_repair": is_stuck and may_repair(request.user, operation.resource),
        "earlier": [line for line in progress.lines if line.step.position in earlier],
        "may_cancel": not is_stuck
        and is_cancelable(operation)
        and operation.cancel_requested_at is None
        and may_repair(request.user, operation.resource),
        "may_solve": is_stuck and is_operator and not waits,
        "may_confirm": waits and is_operator and not is_own,
        "may_withdraw": is_own,
        "moves_money": moves_money(operation),
    }


def _rows(request: PersonRequest, operations: list[Operation]) -> list[WorkRow]:
    repairable = operations_to_repair(request.user).filter(pk__in=[item.pk for item in operations])
    resumable = set(repairable.values_list("pk", flat=True))
    return [_row(operation, may_resume=operation.pk in resumable) for operation in operations]


def _row(operation: Operation, *, may_resume: bool) -> WorkRow:
    progress = progress_of(operation)
    undone = (line for line in progress.lines if line.step.state != StepState.DONE)
    tone, state = _state_in_words(operation, next(iter(operation.solutions.all()), None))
    line = next(undone, None)
    if tone == "active" and line and line.step.state != StepState.RUNNING:
        tone, state = "neutral", str(Group.WAITING.label)
    return WorkRow(
        operation=operation,
        progress=progress,
        icon=get_kind(operation.resource.kind).icon,
        tone=tone,
        state=state,
        line=line,
        since=operation.since,  # type: ignore[attr-defined]  # from open_work
        may_resume=may_resume,
    )


def _state_in_words(operation: Operation, solution: Solution | None) -> tuple[str, str]:
    if solution and solution.state == SolutionState.PROPOSED:
        return "warning", _("To be confirmed")
    if operation.state == OperationState.RUNNING and operation.cancel_requested_at:
        return "neutral", _("Being stopped")
    return OPERATION_TONES[operation.state], str(OperationState(operation.state).label)


def _detail(line: StepLine) -> str:
    """What it waits for, how often it was tried, and what it made."""
    step = line.step
    sentences = [line.detail]
    if step.attempts:
        tried = ngettext("{count} attempt.", "{count} attempts.", step.attempts)
        sentences.append(tried.format(count=step.attempts))
    if step.started_at and step.state not in {StepState.DONE, StepState.CANCELED}:
        sentences.append(_("The first: {time}.").format(time=moment(step.started_at)))
    if step.remakes:
        remade = ngettext("Made anew {count} time.", "Made anew {count} times.", step.remakes)
        sentences.append(remade.format(count=step.remakes))
    sentences.append(_deadline(step))
    if step.external_id:
        sentences.append(_("Id in the cloud: {id}.").format(id=step.external_id))
    return " ".join(filter(None, sentences))


def _deadline(step: Step) -> str:
    """Until when the cloud may be busy with it; "" when it does not wait for the cloud."""
    if step.state != StepState.AWAITING:
        return ""
    until = step.due_at + get_definition(step).timeout
    return _("If it is not ready by {time}, a person must look.").format(time=clock(until))
