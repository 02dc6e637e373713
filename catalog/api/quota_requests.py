"""Requests for a higher limit, for programs: asking, reading, deciding."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from catalog.api.serializers import NodeOutput, Output, PersonOutput
from catalog.models import LIMIT_REASON_LENGTH, Metric, QuotaRequest
from catalog.quota_policies import (
    nodes_to_ask_for,
    nodes_to_limit,
    visible_requests,
    with_before_to_read,
)
from catalog.services.quota_requests import (
    Asked,
    ask_quota,
    grant_request,
    refuse_request,
    take_back_request,
)
from portal.core.api import AmountField, DayField, Input, MomentField, PublicIdField, TextField
from portal.core.errors import NotAllowed
from portal.identity.access import reached_nodes
from portal.identity.models import Node
from portal.identity.models.proposed import DECISION_LENGTH, DecisionState
from portal.identity.requests import ApiRequest

DECISIONS: Final = [
    (state.value, state.label) for state in (DecisionState.CONFIRMED, DecisionState.REFUSED)
]
REQUEST_EXAMPLE: Final = OpenApiExample(
    "More disk until the summer",
    value={
        "node": "5f0f7c9e-3c1b-4d3a-9a55-0a8f5a1f9a01",
        "metric": "volume_gib",
        "amount": "2500",
        "end_date": "2027-06-30",
        "reason": "The archive moves here first.",
    },
    request_only=True,
)


class QuotaRequestOutput(Output):
    """What was asked, and what came of it.

    ``before`` is the lowest limit in the period that was asked, at that moment; null of a part on
    which you have no role.
    """

    id = serializers.UUIDField(source="public_id")
    state = serializers.ChoiceField(choices=DecisionState.choices)
    node = NodeOutput()
    metric = serializers.ChoiceField(choices=Metric.choices)
    before = AmountField(source="before_to_read", allow_null=True)
    amount = AmountField()
    valid_until = MomentField(allow_null=True)
    reason = serializers.CharField()
    proposed_by = PersonOutput()
    proposed_at = MomentField()
    decided_by = PersonOutput(allow_null=True)
    decided_at = MomentField(allow_null=True)
    decision_reason = serializers.CharField()


class QuotaRequestFilters(Input):
    node = PublicIdField(source="node__public_id", required=False)
    metric = serializers.ChoiceField(choices=Metric.choices, required=False)
    state = serializers.ChoiceField(choices=DecisionState.choices, required=False)


class QuotaRequestInput(Input):
    """For which part, of what, and how much its limit must become."""

    node = PublicIdField(help_text="An organization or a project.")
    metric = serializers.ChoiceField(choices=Metric.choices)
    amount = AmountField(help_text="In all, so with what is in use already.")
    end_date = DayField(
        required=False,
        allow_null=True,
        default=None,
        help_text="The last day on which it is needed; null is for good.",
    )
    reason = TextField(max_length=LIMIT_REASON_LENGTH)

    def validate_node(self, public_id: UUID) -> Node:
        """Return the part of the tree.

        Raises:
            NotAllowed: the person sees it, but may not ask for it.
        """
        person = self.context["request"].user
        node = nodes_to_ask_for(person).filter(public_id=public_id).first()
        if node:
            return node
        if reached_nodes(person).filter(public_id=public_id).exists():
            raise NotAllowed()
        raise serializers.ValidationError(_("You have none with this id."), code="does_not_exist")

    def validate_metric(self, name: str) -> Metric:
        return Metric(name)


class QuotaDecisionInput(Input):
    """What the level above thinks of it. A no needs a reason, which the requester reads."""

    decision = serializers.ChoiceField(choices=DECISIONS)
    reason = TextField(required=False, allow_blank=True, default="", max_length=DECISION_LENGTH)


class QuotaRequestViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[QuotaRequest]):
    """The requests for a higher limit that you made, decide on or audit; newest first."""

    request: ApiRequest
    queryset = QuotaRequest.objects.none()
    filters = QuotaRequestFilters
    ordering = ("-proposed_at", "-pk")
    serializer_class = QuotaRequestOutput
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[QuotaRequest]:
        visible = with_before_to_read(visible_requests(self.request.user), self.request.user)
        return visible.select_related("node", "proposed_by", "decided_by")

    @extend_schema(
        request=QuotaRequestInput,
        responses={201: QuotaRequestOutput, 200: QuotaRequestOutput},
        examples=[REQUEST_EXAMPLE],
    )
    def create(self, request: ApiRequest) -> Response:
        """Ask for a higher limit. 200: you asked exactly this already, and it waits."""
        body = QuotaRequestInput(data=request.data, context=self.get_serializer_context())
        body.is_valid(raise_exception=True)
        made, is_new = ask_quota(Asked(**body.validated_data), actor=request.user)
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(self._shown(made), status=code)

    @extend_schema(request=QuotaDecisionInput, responses=QuotaRequestOutput)
    @action(detail=True, methods=["post"])
    def decision(self, request: ApiRequest, id: UUID) -> Response:
        """Grant it, so that the limit holds at once, or refuse.

        Asks for a strong and fresh login.
        """
        asked = self.get_object()
        governs = nodes_to_limit(request.user).filter(pk=asked.node_id).exists()
        if not governs and asked.node.ended_at is None:
            raise NotAllowed()
        body = QuotaDecisionInput(data=request.data)
        body.is_valid(raise_exception=True)
        if body.validated_data["decision"] == DecisionState.CONFIRMED:
            return Response(self._shown(grant_request(asked.public_id, actor=request.user)))
        reason = body.validated_data["reason"]
        refused = refuse_request(asked.public_id, actor=request.user, reason=reason)
        return Response(self._shown(refused))

    @extend_schema(request=None, responses=QuotaRequestOutput)
    @action(detail=True, methods=["post"])
    def withdrawal(self, request: ApiRequest, id: UUID) -> Response:
        """Take back what you asked yourself."""
        asked = self.get_object()
        return Response(self._shown(take_back_request(asked.public_id, actor=request.user)))

    def _shown(self, asked: QuotaRequest) -> Any:
        return QuotaRequestOutput(self.get_queryset().get(pk=asked.pk)).data
