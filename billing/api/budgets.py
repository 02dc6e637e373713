"""Budgets for programs: where they stand, and setting them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from billing.api.serializers import CentsField, NamedOutput
from billing.models import Budget
from billing.models.budget import REASON_LENGTH, USUAL_ALERTS
from billing.policies import find_cost_node, may_see_costs, visible_cost_nodes
from billing.services.budget_changes import (
    HIGHEST_ALERT,
    MOST_ALERTS,
    BudgetSays,
    end_budget,
    set_budget,
)
from billing.services.budget_years import positions_of
from portal.core.api import Input, MomentField, PublicIdField, TextField, TruthField
from portal.identity.access import reached_nodes
from portal.identity.requests import ApiRequest

FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2999
EXAMPLE: Final = OpenApiExample(
    "Set a budget that refuses more",
    value={
        "node": "5f0f7c9e-3c1b-4d3a-9a55-0a8f5a1f9a01",
        "year": 2027,
        "amount": "120000.00",
        "is_hard_stop": True,
        "reason": "Budget of 2027",
    },
    request_only=True,
)


class BudgetFilters(Input):
    year = serializers.IntegerField(
        required=False, min_value=FIRST_YEAR, max_value=LAST_YEAR, help_text="A business year."
    )
    node = PublicIdField(
        source="node__public_id",
        required=False,
        help_text="The organization or project that the budget is of; not those below it.",
    )


class BudgetInput(Input):
    """What a budget shall be. Whatever is left out becomes what it usually is."""

    node = PublicIdField(help_text="An organization or project whose budgets you set.")
    year = serializers.IntegerField(
        min_value=FIRST_YEAR, max_value=LAST_YEAR, help_text="This business year or the next."
    )
    amount = CentsField(min_value=Decimal(0))
    month_amounts = serializers.ListField(
        child=CentsField(min_value=Decimal(0)),
        required=False,
        allow_null=True,
        default=None,
        max_length=12,
        help_text="From January to December, together the amount. null: in equal parts.",
    )
    alert_percentages = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=HIGHEST_ALERT),
        required=False,
        default=list(USUAL_ALERTS),
        max_length=MOST_ALERTS,
        help_text="At which people are told, of what was used and of what is expected.",
    )
    is_hard_stop = TruthField(
        required=False, default=False, help_text="Orders that do not fit are refused."
    )
    reason = TextField(max_length=REASON_LENGTH)


class BudgetEndInput(Input):
    reason = TextField(max_length=REASON_LENGTH)


class BudgetOutput(serializers.Serializer[Any]):
    """A budget, and where it stands. Below zero ``free`` says by how much it will be passed."""

    id = serializers.UUIDField(source="budget.public_id")
    node = NamedOutput(source="budget.node")
    year = serializers.IntegerField(source="budget.year")
    amount = CentsField(source="budget.amount")
    month_amounts = serializers.ListField(child=CentsField(), source="budget.months")
    alert_percentages = serializers.ListField(
        child=serializers.IntegerField(), source="budget.alert_percentages"
    )
    is_hard_stop = serializers.BooleanField(source="budget.is_hard_stop")
    set_at = MomentField(source="budget.set_at")
    reason = serializers.CharField(source="budget.reason")
    realised = CentsField(source="position.realised")
    committed = CentsField(
        source="position.committed",
        help_text="What runs now, and orders that wait or are being delivered.",
    )
    expected = CentsField(source="position.expected")
    free = CentsField(source="position.free")


class BudgetViewSet(GenericViewSet[Budget]):
    """What each part may spend in a year, for who pays, decides or checks."""

    request: ApiRequest
    queryset = Budget.objects.none()
    filters = BudgetFilters
    ordering = ("-year", "node_name", "pk")
    serializer_class = BudgetOutput
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Budget]:
        budgets = Budget.objects.filter(node__in=visible_cost_nodes(self.request.user))
        return budgets.select_related("node").annotate(node_name=F("node__name"))

    @extend_schema(responses=BudgetOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """The budgets of the parts whose costs you see, and where they stand."""
        if not may_see_costs(request.user):
            raise PermissionDenied
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(
            BudgetOutput(_with_positions(page or []), many=True).data
        )

    @extend_schema(request=BudgetInput, responses={200: BudgetOutput}, examples=[EXAMPLE])
    def create(self, request: ApiRequest) -> Response:
        """Give a part its budget of a year, or change it. Asks for a strong, fresh login."""
        body = BudgetInput(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        node, year = find_cost_node(request.user, asked.pop("node")), asked.pop("year")
        reason = asked.pop("reason")
        budget = set_budget(node, year, BudgetSays(**asked), reason=reason, actor=request.user)
        return Response(BudgetOutput(_with_positions([budget]), many=True).data[0])

    @extend_schema(request=BudgetEndInput, responses={204: None})
    @action(detail=True, methods=["post"])
    def end(self, request: ApiRequest, id: UUID) -> Response:
        """From now on the part has no such budget. Asks for a strong, fresh login."""
        reached = Budget.objects.filter(node__in=reached_nodes(request.user))
        budget = get_object_or_404(reached.select_related("node"), public_id=id)
        body = BudgetEndInput(data=request.data)
        body.is_valid(raise_exception=True)
        reason = body.validated_data["reason"]
        end_budget(budget.node, budget.year, reason=reason, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _with_positions(budgets: Sequence[Budget]) -> list[dict[str, Any]]:
    """Each with where it stands. A constant number of queries for each year."""
    by_year: dict[int, list[Budget]] = {}
    for budget in budgets:
        by_year.setdefault(budget.year, []).append(budget)
    positions = {
        budget.pk: position
        for some in by_year.values()
        for budget, position in zip(some, positions_of(some, at=now()), strict=True)
    }
    return [{"budget": budget, "position": positions[budget.pk]} for budget in budgets]
