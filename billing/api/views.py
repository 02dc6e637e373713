"""Costs for programs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from billing.api.pages import ChargeList, ChargePages
from billing.api.serializers import ChargeFilters, ChargeOutput
from billing.models import UsageSpan
from portal.identity.requests import ApiRequest


class ChargeViewSet(GenericViewSet[UsageSpan]):
    """What was charged in one month, by usage and time: the lines that every total adds up."""

    request: ApiRequest
    queryset = UsageSpan.objects.none()  # for the description only
    filters = ChargeFilters
    pagination_class = ChargePages
    serializer_class = ChargeOutput

    @extend_schema(responses=ChargeOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """The charges of a month, for who pays, decides or checks. Six decimals, without VAT."""
        everything: Any = ChargeList.of(request.user)  # takes the place of a queryset
        page = self.paginate_queryset(self.filter_queryset(everything))
        return self.get_paginated_response(ChargeOutput(page, many=True).data)
