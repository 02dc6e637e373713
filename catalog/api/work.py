"""The engine's work for programs of operators: what runs, waits or hangs, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from catalog.api import inputs
from catalog.api import serializers as outputs
from catalog.models import Operation, Solution, SolutionState
from catalog.policies import (
    may_oversee,
    may_repair,
    may_solve,
    overseen_operations,
    overseen_work,
    visible_operations,
)
from catalog.services.operations import abandon_operation, resume_operation, retry_operation
from catalog.services.solutions import (
    confirm_solution,
    refuse_solution,
    solve_operation,
    withdraw_solution,
)
from catalog.services.trials import end_trial
from catalog.services.undoing import cancel_operation, compensate_operation
from catalog.services.workload import by_age, open_work
from portal.core.errors import NotAllowed
from portal.identity.requests import ApiRequest


class OperationViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Operation]):
    """Unfinished work where you are operator or auditor, the oldest trouble first."""

    request: ApiRequest
    queryset = Operation.objects.none()
    filters = inputs.OperationFilters
    ordering = ("since", "pk")
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Operation]:
        """Who is operator or auditor nowhere has no list.

        Raises:
            PermissionDenied: that is so.
        """
        if self.action != "list":
            return _with_everything(visible_operations(self.request.user))
        if not overseen_work(self.request.user).exists():
            raise PermissionDenied
        work = open_work(overseen_operations(self.request.user))
        return work.select_related("resource__project").prefetch_related("steps")

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return outputs.WorkOutput if self.action == "list" else outputs.WorkDetailOutput

    def get_object(self) -> Operation:
        """One operation.

        Raises:
            NotAllowed: it is seen, but only operators and auditors read what the cloud said.
        """
        operation = super().get_object()
        if self.action == "retrieve" and not may_oversee(self.request.user, operation.resource):
            raise NotAllowed()
        return operation

    @extend_schema(request=inputs.ResumptionInput, responses={202: outputs.OperationOutput})
    @action(detail=True, methods=["post"])
    def resumption(self, request: ApiRequest, id: UUID) -> Response:
        """Have the failed step tried again, or an operator's choice of an earlier one first."""
        operation = self._repairable()
        body = inputs.ResumptionInput(data=request.data)
        body.is_valid(raise_exception=True)
        position = body.validated_data["position"]
        if position is None:
            return _accepted(resume_operation(operation.public_id, actor=request.user))
        if not may_solve(request.user, operation.resource):
            raise NotAllowed()
        return _accepted(
            retry_operation(operation.public_id, position=position, actor=request.user)
        )

    @extend_schema(request=None, responses={202: outputs.OperationOutput})
    @action(detail=True, methods=["post"])
    def compensation(self, request: ApiRequest, id: UUID) -> Response:
        """Undo a delivery that failed. The answer is the operation that does it."""
        return self._repair(compensate_operation)

    @extend_schema(request=None, responses={202: outputs.OperationOutput})
    @action(detail=True, methods=["post"])
    def abandonment(self, request: ApiRequest, id: UUID) -> Response:
        """Leave an action that failed for what it is."""
        return self._repair(abandon_operation)

    @extend_schema(request=None, responses={202: outputs.OperationOutput})
    @action(detail=True, methods=["post"])
    def cancellation(self, request: ApiRequest, id: UUID) -> Response:
        """Stop a delivery, which is then undone, or an action, once no step is being done."""
        return self._repair(cancel_operation)

    @extend_schema(request=None, responses={202: outputs.OperationOutput})
    @action(detail=True, methods=["post"])
    def confirmation(self, request: ApiRequest, id: UUID) -> Response:
        """Confirm that what was changed works, where that is on trial; else it goes on later."""
        return self._repair(end_trial)

    @extend_schema(request=inputs.SolutionInput, responses={201: outputs.SolutionOutput})
    @action(detail=True, methods=["post"])
    def solutions(self, request: ApiRequest, id: UUID) -> Response:
        """Say that it was solved by hand. Where that moves money another operator confirms it."""
        operation = self.get_object()
        if not may_solve(request.user, operation.resource):
            raise NotAllowed()
        body = inputs.SolutionInput(data=request.data)
        body.is_valid(raise_exception=True)
        solution = solve_operation(operation.public_id, actor=request.user, **body.validated_data)
        return Response(_shown(solution), status=status.HTTP_201_CREATED)

    @extend_schema(request=inputs.SolutionDecisionInput, responses=outputs.SolutionOutput)
    @action(
        detail=True,
        methods=["post"],
        url_path="solutions/<uuid:solution>/decision",
        url_name="solution-decision",
    )
    def solution_decision(self, request: ApiRequest, id: UUID, solution: UUID) -> Response:
        """Confirm or refuse what another operator said. Asks for a strong and fresh login."""
        self._check_solution(solution)
        body = inputs.SolutionDecisionInput(data=request.data)
        body.is_valid(raise_exception=True)
        if body.validated_data["decision"] == SolutionState.CONFIRMED:
            return Response(_shown(confirm_solution(solution, actor=request.user)))
        reason = body.validated_data["reason"]
        return Response(_shown(refuse_solution(solution, actor=request.user, reason=reason)))

    @extend_schema(request=None, responses=outputs.SolutionOutput)
    @action(
        detail=True,
        methods=["post"],
        url_path="solutions/<uuid:solution>/withdrawal",
        url_name="solution-withdrawal",
    )
    def solution_withdrawal(self, request: ApiRequest, id: UUID, solution: UUID) -> Response:
        """Take back what you said yourself."""
        self._check_solution(solution)
        return Response(_shown(withdraw_solution(solution, actor=request.user)))

    def _repair(self, service: Callable[..., Operation]) -> Response:
        operation = self._repairable()
        return _accepted(service(operation.public_id, actor=self.request.user))

    def _repairable(self) -> Operation:
        operation = self.get_object()
        if not may_repair(self.request.user, operation.resource):
            raise NotAllowed()
        return operation

    def _check_solution(self, public_id: UUID) -> None:
        """It belongs to this operation, of which the person is operator."""
        operation = self.get_object()
        if not may_solve(self.request.user, operation.resource):
            raise NotAllowed()
        get_object_or_404(Solution, operation=operation, public_id=public_id)


def _with_everything(operations: QuerySet[Operation]) -> QuerySet[Operation]:
    solutions = Solution.objects.select_related("proposed_by", "decided_by").order_by("-pk")
    return (
        by_age(operations)
        .select_related("resource__project")
        .prefetch_related("steps", Prefetch("solutions", solutions))
    )


def _accepted(operation: Operation) -> Response:
    """The operation as it stands in the database now."""
    stored = Operation.objects.prefetch_related("steps").get(pk=operation.pk)
    return Response(outputs.OperationOutput(stored).data, status=status.HTTP_202_ACCEPTED)


def _shown(solution: Solution) -> Any:
    stored = Solution.objects.select_related("proposed_by", "decided_by").get(pk=solution.pk)
    return outputs.SolutionOutput(stored).data
