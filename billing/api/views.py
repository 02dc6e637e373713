"""Costs for programs."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from billing.api.pages import ChargeList, ChargePages
from billing.api.renderers import CsvRenderer, ParquetRenderer, XlsxRenderer
from billing.api.serializers import ChargeListFilters, ChargeOutput, FocusFilters
from billing.cost_sheets import TwoMonths, cost_rows
from billing.focus.files import MEDIA_TYPES, Form, focus_file
from billing.focus.metadata import describe_month
from billing.focus.parquet import PARQUET_TYPE
from billing.focus.writer import CSV_TYPE
from billing.forms import month_key
from billing.models import UsageSpan
from billing.overview import month_before
from billing.services.charge_lists import ChargeFilter
from billing.services.figures import Figures
from portal.core.sheets import XLSX_TYPE, answer_file
from portal.identity.requests import ApiRequest


class ChargeViewSet(GenericViewSet[UsageSpan]):
    """What was charged in one month, by usage and time: the lines that every total adds up."""

    request: ApiRequest
    queryset = UsageSpan.objects.none()  # for the description only
    filters = ChargeListFilters
    pagination_class = ChargePages
    serializer_class = ChargeOutput

    @extend_schema(responses=ChargeOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """The charges of a month, for who pays, decides or checks. Six decimals, without VAT."""
        everything: Any = ChargeList.of(request.user)  # takes the place of a queryset
        page = self.paginate_queryset(self.filter_queryset(everything))
        return self.get_paginated_response(ChargeOutput(page, many=True).data)


class CostViewSet(GenericViewSet[UsageSpan]):
    """What one month cost, as the file of the page of costs."""

    request: ApiRequest
    queryset = UsageSpan.objects.none()  # for the description only
    filters = ChargeListFilters
    pagination_class = None

    @extend_schema(filters=True, responses={(200, XLSX_TYPE): OpenApiTypes.BINARY})
    @action(detail=False, renderer_classes=[XlsxRenderer])
    def services(self, request: ApiRequest) -> HttpResponseBase:
        """A row for each service of each project: used, expected, and used in the month before.

        XLSX, in the language of Accept-Language, for who pays, decides or checks.
        """
        everything: Any = ChargeList.of(request.user)  # takes the place of a queryset
        asked = cast(ChargeList, self.filter_queryset(everything))
        wanted = ChargeFilter(kind=asked.kind, cost_center=asked.cost_center, tag=asked.tag)
        months = [asked.month, month_before(asked.month)]
        found, earlier = Figures(wanted).months(asked.node_ids(), months, at=asked.as_of)
        rows = cost_rows(TwoMonths(found=found, earlier=earlier))
        is_over = asked.reached_until == asked.month.end
        name = f"costs-{month_key(asked.month)}{'' if is_over else '-incomplete'}"
        return answer_file(rows, request.accepted_renderer.format, name)


class FocusViewSet(GenericViewSet[UsageSpan]):
    """The costs of one month in FOCUS 1.2 (https://focus.finops.org)."""

    request: ApiRequest
    queryset = UsageSpan.objects.none()  # for the description only
    filters = FocusFilters
    pagination_class = None

    @extend_schema(
        filters=True,
        responses={(200, CSV_TYPE): OpenApiTypes.STR, (200, PARQUET_TYPE): OpenApiTypes.BINARY},
    )
    @action(detail=False, renderer_classes=[CsvRenderer, ParquetRenderer])
    def charges(self, request: ApiRequest) -> StreamingHttpResponse:
        """A row for each charge, and one for each line that was rounded to cents.

        CSV, or Parquet for who asks for that in Accept.
        """
        asked = self._asked()
        form = Form(request.accepted_renderer.format)
        rows = focus_file(
            asked.node_ids(),
            form,
            month=asked.month,
            as_of=asked.reached_until,
            tag=asked.tag,
        )
        return StreamingHttpResponse(rows, content_type=MEDIA_TYPES[form])

    @extend_schema(filters=True, responses=OpenApiTypes.OBJECT)
    @action(detail=False)
    def metadata(self, request: ApiRequest) -> Response:
        """What the columns are, whether the month is over, and what was used without a price."""
        asked = self._asked()
        return Response(
            describe_month(asked.node_ids(), month=asked.month, as_of=asked.reached_until)
        )

    def _asked(self) -> ChargeList:
        everything: Any = ChargeList.of(self.request.user)  # takes the place of a queryset
        asked: Any = self.filter_queryset(everything)
        return cast(ChargeList, asked)
