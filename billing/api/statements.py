"""Statements for programs, with the files that finance takes from them."""

from __future__ import annotations

from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from billing.api.renderers import CsvRenderer, PdfRenderer, XlsxRenderer, XmlRenderer
from billing.api.serializers import (
    LineUsageOutput,
    StatementDetailOutput,
    StatementFilters,
    StatementOutput,
)
from billing.einvoice.document import write_invoice
from billing.errors import DocumentNotReady
from billing.ledger.journal import answer_journal
from billing.models import Statement, StatementLine
from billing.policies import may_see_costs, visible_lines, visible_statements
from billing.services.line_usage import usage_of, used_of
from portal.core.api import CursorPages, Input
from portal.core.sheets import CSV_TYPE, XLSX_TYPE
from portal.identity.requests import ApiRequest

_LINES: Final = Prefetch(
    "lines",
    queryset=StatementLine.objects.select_related("used_in", "sku", "corrects").order_by(
        "position"
    ),
)
_PDF: Final = {(200, "application/pdf"): OpenApiTypes.BINARY}
_JOURNAL: Final = {(200, CSV_TYPE): OpenApiTypes.STR, (200, XLSX_TYPE): OpenApiTypes.BINARY}
_XML: Final = {(200, "application/xml"): OpenApiTypes.STR}


class StatementViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Statement]):
    """Statements of closed months, for who pays, decides or checks; the newest first."""

    request: ApiRequest
    queryset = Statement.objects.none()
    filters = StatementFilters
    ordering = ("-issued_at", "-pk")
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Statement]:
        if not may_see_costs(self.request.user):
            raise PermissionDenied
        found = visible_statements(self.request.user).defer("document")
        found = found.select_related("month", "organization")
        return found.prefetch_related(_LINES) if self.action == "retrieve" else found

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return StatementDetailOutput if self.action == "retrieve" else StatementOutput

    @extend_schema(responses=_PDF)
    @action(detail=True, renderer_classes=[PdfRenderer])
    def document(self, request: ApiRequest, id: Any) -> HttpResponse:
        """The PDF, as it was made; ``document_not_ready`` while a worker is still at it."""
        statement = self.get_object()
        if not statement.document_sha256:
            raise DocumentNotReady()
        return HttpResponse(bytes(statement.document), content_type="application/pdf")

    @extend_schema(responses=_XML)
    @action(detail=True, renderer_classes=[XmlRenderer])
    def invoice(self, request: ApiRequest, id: Any) -> HttpResponse:
        """The e-invoice (UBL, NLCIUS), for who is taxed."""
        return HttpResponse(
            write_invoice(self.get_object()), content_type="application/xml; charset=utf-8"
        )

    @extend_schema(responses=_JOURNAL)
    @action(detail=True, renderer_classes=[CsvRenderer, XlsxRenderer])
    def journal(self, request: ApiRequest, id: Any) -> HttpResponseBase:
        """What it comes to as journal lines, as the ledger wants them: in Dutch.

        CSV, or XLSX for who asks for that in Accept.
        """
        statement = self.get_object()
        form = request.accepted_renderer.format
        return answer_journal(Statement.objects.filter(pk=statement.pk), form, statement.number)

    @extend_schema(operation_id="statements_journals_retrieve", filters=True, responses=_JOURNAL)
    @action(
        detail=False,
        url_path="journal",
        pagination_class=None,
        renderer_classes=[CsvRenderer, XlsxRenderer],
    )
    def journals(self, request: ApiRequest) -> HttpResponseBase:
        """The journal lines of all statements that you see, or of those of one month.

        CSV, or XLSX for who asks for that in Accept.
        """
        statements = self.filter_queryset(self.get_queryset())
        form = request.accepted_renderer.format
        return answer_journal(statements, form, request.query_params.get("month", "alle"))


class StatementLineViewSet(GenericViewSet[StatementLine]):
    """What is behind the lines of statements, for who pays, decides or checks."""

    request: ApiRequest
    queryset = StatementLine.objects.none()
    filters = Input
    pagination_class = CursorPages
    ordering = ("span_id", "started_at", "pk")
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[StatementLine]:
        if not may_see_costs(self.request.user):
            raise PermissionDenied
        return visible_lines(self.request.user).select_related("used_in")

    @extend_schema(operation_id="statement_lines_usage_list", responses=LineUsageOutput(many=True))
    @action(detail=True)
    def usage(self, request: ApiRequest, id: Any) -> Response:
        """The pieces of use that a line adds up; none of what puts right, gives back or shares."""
        line = self.get_object()
        pieces: Any = usage_of(line)  # pages of another model than that of the view
        page: Any = self.paginate_queryset(pieces)
        rows = [{"piece": piece, "used": used_of(piece, line)} for piece in page]
        return self.get_paginated_response(LineUsageOutput(rows, many=True).data)
