"""Marking as solved: an operator did by hand what an operation could not.

Where that moves money (a resource begins or ends to cost it, quota comes free) another operator
confirms it. What was done to a resource that stays as it is needs one.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from catalog.errors import (
    NothingToCharge,
    OwnSolution,
    ReasonRequired,
    SolutionSettled,
    SolutionWaits,
    SolverMayNot,
)
from catalog.kinds import get_kind
from catalog.models import (
    MAKING_KINDS,
    Operation,
    OperationKind,
    OperationState,
    Resource,
    Solution,
    SolutionState,
    StepState,
)
from catalog.models.solution import REASON_LENGTH
from catalog.services.completion import bring_about
from catalog.services.operations import (
    check_still_placed,
    end_operation,
    lock_operation,
    restore,
)
from portal.audit.services import record, record_refusal
from portal.core.errors import DomainError, InvalidInput, NotAllowed
from portal.core.states import IllegalTransition
from portal.core.text import clean_text
from portal.identity.access import has_role
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import Person, Role
from portal.identity.sensitive import sensitive
from portal.identity.services.roles import refuse_emergency_access

_NOT_FOR_THE_ACTOR = (OwnSolution, NotAllowed)


@sensitive("operation.solve")
def solve_operation(public_id: UUID, *, actor: Person, reason: str) -> Solution:
    """Say that an operation that hangs was solved by hand.

    A delivery: it stands there and works. A removal: it is gone. An action: it was done.

    Returns:
        The solution: confirmed at once where no money moves, else waiting for another operator.

    Raises:
        NotAllowed: the actor is no operator there; of what moves money, nor emergency access.
        IllegalTransition: the operation is not waiting for a person.
        ReasonRequired, InvalidInput: about the reason.
        SolutionWaits: somebody said so already.
        PlacementRefused: what was made may not stand there any more.
        NothingToCharge: the portal would not know what was delivered.
    """
    reason = _clean_reason(reason)
    if not reason:
        raise ReasonRequired(field="reason")
    try:
        return _solve(public_id, actor, reason)
    except NotAllowed as refusal:
        _record_refusal(public_id, actor, refusal)
        raise


@transaction.atomic(durable=True)
def _solve(public_id: UUID, actor: Person, reason: str) -> Solution:
    operation = _lock_stuck(public_id, actor)
    if moves_money(operation):
        refuse_emergency_access(actor)
    if operation.solutions.filter(state=SolutionState.PROPOSED).exists():
        raise SolutionWaits()
    check_still_placed(operation)
    _cloud_ids(operation)
    solution = Solution.objects.create(
        operation=operation,
        moves_money=moves_money(operation),
        reason=reason,
        proposed_by=actor,
        proposed_at=now(),
    )
    if solution.moves_money:
        _record("operation.solution_proposed", solution, actor)
    else:
        _settle(solution, SolutionState.CONFIRMED, by=None)
        _bring_about(solution, actor)
    return solution


@sensitive("operation.confirm_solution")
def confirm_solution(public_id: UUID, *, actor: Person) -> Solution:
    """Confirm what another operator said: from now on it holds, with what it costs.

    Raises:
        OwnSolution, NotAllowed, SameHuman: somebody else must decide.
        SolutionSettled: somebody was first, or the operation went on in another way.
        SolverMayNot: who said so could not say it now.
        PlacementRefused, NothingToCharge: as in ``solve_operation``.
    """
    try:
        return _confirm(public_id, actor)
    except _NOT_FOR_THE_ACTOR as refusal:
        _record_refusal(_operation_of(public_id), actor, refusal)
        raise


@transaction.atomic(durable=True)
def _confirm(public_id: UUID, actor: Person) -> Solution:
    solution = _lock_for_decision(public_id, actor)
    if not _is_operator(solution.proposed_by, solution.operation):
        raise SolverMayNot(name=solution.proposed_by.name)
    check_still_placed(solution.operation)
    _settle(solution, SolutionState.CONFIRMED, by=actor)
    _bring_about(solution, actor)
    return solution


def refuse_solution(public_id: UUID, *, actor: Person, reason: str) -> Solution:
    """Say that it is not solved, with a reason that who said so reads.

    Raises:
        ReasonRequired, InvalidInput: about the reason.
        OwnSolution, NotAllowed, SolutionSettled: as in ``confirm_solution``.
    """
    reason = _clean_reason(reason)
    if not reason:
        raise ReasonRequired(field="reason")
    try:
        return _refuse(public_id, actor, reason)
    except _NOT_FOR_THE_ACTOR as refusal:
        _record_refusal(_operation_of(public_id), actor, refusal)
        raise


@transaction.atomic(durable=True)
def _refuse(public_id: UUID, actor: Person, reason: str) -> Solution:
    solution = _lock_for_decision(public_id, actor)
    solution.decision_reason = reason
    _settle(solution, SolutionState.REFUSED, by=actor)
    _record("operation.solution_refused", solution, actor)
    return solution


@transaction.atomic(durable=True)
def withdraw_solution(public_id: UUID, *, actor: Person) -> Solution:
    """Take back what one said oneself, as long as nobody decided.

    Raises:
        NotAllowed: somebody else said it.
        SolutionSettled: somebody was first.
    """
    solution = _lock_solution(public_id)
    if solution.proposed_by_id != actor.pk:
        raise NotAllowed()
    _check_waits(solution)
    solution.state = SolutionState.WITHDRAWN
    solution.save(update_fields=["state"])
    _record("operation.solution_withdrawn", solution, actor)
    return solution


def moves_money(operation: Operation) -> bool:
    """False of an action, or of access that ends: the resource costs and holds what it did."""
    return operation.kind not in {OperationKind.ACT, OperationKind.WITHDRAW}


def _is_operator(person: Person, operation: Operation) -> bool:
    return has_role(person, operation.resource.project, Role.OPERATOR)


def _lock_stuck(public_id: UUID, actor: Person) -> Operation:
    operation = lock_operation(public_id)
    if not _is_operator(actor, operation):
        raise NotAllowed()
    if operation.state != OperationState.FAILED:
        raise IllegalTransition(state=operation.get_state_display())
    return operation


def _lock_solution(public_id: UUID) -> Solution:
    """Lock order, resource and operation, and then the solution."""
    operation = lock_operation(_operation_of(public_id))
    solution = (
        Solution.objects.select_for_update(of=("self",))
        .select_related("proposed_by")
        .get(public_id=public_id)
    )
    solution.operation = operation
    return solution


def _lock_for_decision(public_id: UUID, actor: Person) -> Solution:
    solution = _lock_solution(public_id)
    if solution.proposed_by_id == actor.pk:
        raise OwnSolution()
    refuse_emergency_access(actor)
    check_other_humans([solution.proposed_by_id], [actor.pk])
    if not _is_operator(actor, solution.operation):
        raise NotAllowed()
    _check_waits(solution)
    return solution


def _check_waits(solution: Solution) -> None:
    if solution.state != SolutionState.PROPOSED:
        raise SolutionSettled(state=solution.get_state_display())


def _settle(solution: Solution, state: SolutionState, *, by: Person | None) -> None:
    solution.state, solution.decided_by, solution.decided_at = state, by, now()
    solution.save(update_fields=["state", "decided_by", "decided_at", "decision_reason"])


def _bring_about(solution: Solution, actor: Person) -> None:
    """End the operation as if it had come to its last step."""
    operation = solution.operation
    cloud_ids = _cloud_ids(operation)
    operation.steps.exclude(state=StepState.DONE).update(
        state=StepState.CANCELED, leased_until=None
    )
    end_operation(operation, OperationState.SOLVED)
    restore(operation)
    resource = Resource.objects.select_related(
        "order_line__order", "cloud_project__cloud", "project", "claim"
    ).get(pk=operation.resource_id)
    resource.cloud_ids = cloud_ids
    resource.save(update_fields=["cloud_ids"])
    bring_about(operation, resource)
    _record("operation.solved", solution, actor)


def _cloud_ids(operation: Operation) -> dict[str, str]:
    """What of the resource the cloud has, as far as the portal knows.

    Raises:
        NothingToCharge: of what is delivered or made again, when the thing itself is not among it.
    """
    resource = operation.resource
    if operation.kind not in MAKING_KINDS:
        return dict(resource.cloud_ids)
    made = dict(operation.steps.exclude(external_id="").values_list("name", "external_id"))
    plan = get_kind(resource.kind).plans[OperationKind.PROVISION]
    is_made_by_a_step = any(step.name == resource.kind for step in plan.steps)
    if is_made_by_a_step and resource.kind not in made:
        raise NothingToCharge(name=resource.name)
    return {**resource.cloud_ids, **made}


def _clean_reason(reason: str) -> str:
    try:
        return clean_text(reason, max_length=REASON_LENGTH, multiline=True)
    except ValueError as error:
        raise InvalidInput({"reason": [str(error)]}) from error


def _operation_of(solution_public_id: UUID) -> UUID:
    operations = Operation.objects.filter(solutions__public_id=solution_public_id)
    return operations.values_list("public_id", flat=True).get()


def _record(event: str, solution: Solution, actor: Person) -> None:
    operation = solution.operation
    record(
        event,
        operation,
        actor=actor,
        node_id=operation.resource.project_id,
        data={"solution": str(solution.public_id), "proposed_by": solution.proposed_by_id},
    )


def _record_refusal(operation_id: UUID, actor: Person, refusal: DomainError) -> None:
    operation = Operation.objects.select_related("resource").get(public_id=operation_id)
    record_refusal(
        "operation.solving_refused",
        operation,
        actor=actor,
        node_id=operation.resource.project_id,
        code=refusal.code,
    )
