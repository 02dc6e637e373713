"""Disputes about lines of statements, for programs: as on the pages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ErrorDetail
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from billing.api.serializers import CentsField, NamedOutput
from billing.models import DISPUTE_LENGTH, Dispute
from billing.policies import may_close, may_see_costs, visible_disputes, visible_lines
from billing.services.credits import CREDITABLE
from billing.services.disputes import (
    grant_dispute,
    raise_dispute,
    refuse_dispute,
    take_back_dispute,
)
from portal.core.api import Input, MomentField, PublicIdField, TextField
from portal.identity.models.proposed import DECISION_LENGTH, DecisionState
from portal.identity.requests import ApiRequest

_ANSWERS = [
    (state.value, state.label) for state in (DecisionState.CONFIRMED, DecisionState.REFUSED)
]


class DisputeFilters(Input):
    state = serializers.ChoiceField(choices=DecisionState.choices, required=False)
    statement = PublicIdField(source="line__statement__public_id", required=False)


class DisputeInput(Input):
    """Which line of a statement is not right, and why."""

    line = PublicIdField(help_text="As a statement says it in `lines`.")
    reason = TextField(max_length=DISPUTE_LENGTH, help_text="Finance of the platform reads this.")


class DisputeDecisionInput(Input):
    """The answer. Confirmed proposes to give `amount` back, which a second person confirms."""

    decision = serializers.ChoiceField(choices=_ANSWERS)
    answer = TextField(max_length=DECISION_LENGTH, help_text="Whoever pays reads this.")
    amount = CentsField(
        required=False, min_value=Decimal(0), help_text="Only, and always, with confirmed."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        is_granted = attrs["decision"] == DecisionState.CONFIRMED
        if is_granted and "amount" not in attrs:
            raise serializers.ValidationError(
                {"amount": self.fields["amount"].error_messages["required"]}, code="required"
            )
        if not is_granted and "amount" in attrs:
            message = _("Give an amount only where you give something back.")
            raise serializers.ValidationError({"amount": ErrorDetail(message, code="invalid")})
        return attrs


class DisputedLineOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="public_id")
    position = serializers.IntegerField()
    amount = CentsField()


class DisputedStatementOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="public_id")
    number = serializers.CharField()
    organization = NamedOutput()


class DisputeOutput(serializers.ModelSerializer[Dispute]):
    """What whoever pays doesn't agree with, and the answer of finance of the platform."""

    id = serializers.UUIDField(source="public_id")
    state = serializers.ChoiceField(
        choices=DecisionState.choices, help_text="confirmed: something is given back."
    )
    statement = DisputedStatementOutput(source="line.statement")
    line = DisputedLineOutput()
    proposed_by = NamedOutput()
    proposed_at = MomentField()
    decided_by = NamedOutput(allow_null=True)
    decided_at = MomentField(allow_null=True)
    answer = serializers.CharField(source="decision_reason")
    given_back = CentsField(source="credit.amount", allow_null=True, default=None)

    class Meta:
        model = Dispute
        fields = (
            *("id", "state", "statement", "line", "reason", "proposed_by", "proposed_at"),
            *("decided_by", "decided_at", "answer", "given_back"),
        )


class DisputeViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Dispute]):
    """Disputes about the statements that you see; the newest first."""

    request: ApiRequest
    queryset = Dispute.objects.none()
    filters = DisputeFilters
    ordering = ("-proposed_at", "-pk")
    serializer_class = DisputeOutput
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Dispute]:
        if self.action in {"list", "retrieve"} and not may_see_costs(self.request.user):
            raise PermissionDenied
        return visible_disputes(self.request.user).select_related(
            "line__statement__organization", "proposed_by", "decided_by", "credit"
        )

    @extend_schema(request=DisputeInput, responses={201: DisputeOutput})
    def create(self, request: ApiRequest) -> Response:
        """Say that a line of a statement is not right; finance of whoever pays it may.

        A line is disputed once at a time: a repetition hears `line_disputed`.
        """
        body = DisputeInput(data=request.data)
        body.is_valid(raise_exception=True)
        lines = visible_lines(request.user).filter(kind__in=CREDITABLE)
        line = get_object_or_404(lines, public_id=body.validated_data["line"])
        dispute = raise_dispute(
            line.public_id, reason=body.validated_data["reason"], actor=request.user
        )
        return self._answer(dispute, status.HTTP_201_CREATED)

    @extend_schema(request=DisputeDecisionInput, responses={200: DisputeOutput})
    @action(detail=True, methods=["post"])
    def decision(self, request: ApiRequest, id: UUID) -> Response:
        """Give something back, or nothing; finance of the platform may, of what others raised."""
        dispute = self.get_object()
        if not may_close(request.user):
            raise PermissionDenied
        body = DisputeDecisionInput(data=request.data)
        body.is_valid(raise_exception=True)
        answer, amount = body.validated_data["answer"], body.validated_data.get("amount")
        who = request.user
        if amount is None:
            return self._answer(refuse_dispute(dispute.public_id, answer=answer, actor=who))
        granted = grant_dispute(dispute.public_id, amount=amount, answer=answer, actor=who)
        return self._answer(granted)

    @extend_schema(request=None, responses={200: DisputeOutput})
    @action(detail=True, methods=["post"])
    def withdrawal(self, request: ApiRequest, id: UUID) -> Response:
        """Agree with the line after all; finance of whoever pays it may."""
        dispute = self.get_object()
        return self._answer(take_back_dispute(dispute.public_id, actor=request.user))

    def _answer(self, dispute: Dispute, code: int = status.HTTP_200_OK) -> Response:
        found = self.get_queryset().get(pk=dispute.pk)
        return Response(DisputeOutput(found).data, status=code)
