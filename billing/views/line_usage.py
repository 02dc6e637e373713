"""One line of a statement: the use behind it, or the line that it puts right."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from billing.documents.wording import quantity_of
from billing.forms import name_of_month
from billing.models import LineKind, StatementLine, StatementLineSource
from billing.origins import Origin, find_origins
from billing.policies import (
    may_see_costs,
    visible_lines,
    visible_prices,
    visible_split_keys,
)
from billing.services.line_usage import usage_of, used_of
from portal.core.calendar import day_of
from portal.core.sheets import LARGEST_SHEET, answer_file, moment_cell
from portal.identity.models import Person
from portal.identity.requests import PersonRequest

ROWS_PER_PAGE: Final = 100
_RELATED: Final = (
    *("statement__month", "used_in", "sku", "split_key"),
    *("corrects__statement", "corrects__used_in"),
)
_DOCUMENTS: Final = ("statement__document", "corrects__statement__document")


@dataclass(frozen=True, kw_only=True)
class UsageRow:
    """A piece of use. ``origin`` None: the person does not reach the resource, and reads its name.

    ``used``: of the quantity of the line, in the unit of its price.
    """

    piece: StatementLineSource
    used: Decimal
    origin: Origin | None


@require_safe
def line_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """What a line adds up, piece by piece; and what was put right of it later."""
    line = _find(request, public_id)
    page = Paginator(usage_of(line), ROWS_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "line": line,
        "month_name": name_of_month(line.statement.month.period),
        "quantity": quantity_of(line),
        "is_use": line.kind == LineKind.USAGE,
        "page": page,
        "rows": _rows(list(page), line, request.user),
        "price_url": _price_address(line, request.user),
        "key_url": _key_address(line, request.user),
        "later": visible_lines(request.user)
        .filter(corrects=line)
        .select_related("statement", "used_in")
        .defer("statement__document")
        .order_by("statement__year", "statement__sequence", "position"),
    }
    return render(request, "billing/statements/line.html", context)


@require_safe
def line_sheet(request: PersonRequest, public_id: UUID, form: str) -> HttpResponseBase:
    """All of its pieces of use, for a spreadsheet; of more than Excel opens only as CSV."""
    line = _find(request, public_id)
    if form == "xlsx" and line.sources.count() >= LARGEST_SHEET:
        messages.error(request, _("This has more rows than Excel can open. Download it as CSV."))
        return redirect("billing:statement-line", public_id=public_id)
    name = f"{_('statement')}-{line.statement.number}-{line.position}"
    return answer_file(_sheet(line), form, name)


def _find(request: PersonRequest, public_id: UUID) -> StatementLine:
    if not may_see_costs(request.user):
        raise PermissionDenied
    lines = visible_lines(request.user).select_related(*_RELATED).defer(*_DOCUMENTS)
    return get_object_or_404(lines, public_id=public_id)


def _rows(
    pieces: Collection[StatementLineSource], line: StatementLine, person: Person
) -> list[UsageRow]:
    """With where they came from, as far as the person reaches that."""
    origins = find_origins(person, {piece.span.resource.public_id for piece in pieces})
    return [
        UsageRow(
            piece=piece,
            used=used_of(piece, line),
            origin=origins.get(piece.span.resource.public_id),
        )
        for piece in pieces
    ]


def _price_address(line: StatementLine, person: Person) -> str:
    """All prices of the SKU; empty where the person does not see this one among them."""
    if line.price_id is None or not visible_prices(person).filter(pk=line.price_id).exists():
        return ""
    return reverse("billing:tariff-history", args=[line.sku.code])


def _key_address(line: StatementLine, person: Person) -> str:
    """How costs were shared, in the month of the use."""
    if line.split_key is None or not visible_split_keys(person).contains(line.split_key):
        return ""
    address = reverse("billing:split-key", args=[line.split_key.public_id])
    return f"{address}?month={line.used_in.key}"


def _sheet(line: StatementLine) -> Iterator[Sequence[str | Decimal]]:
    """What the columns are called, and then every piece."""
    yield (
        *(_("Statement"), _("Line"), _("Project"), _("Service"), _("Resource")),
        *(_("From"), _("Until"), _("Seconds"), _("Quantity"), _("Used")),
        *(_("Unit"), _("Price"), _("From quantity"), _("Amount in euros")),
        *(_("Number of the resource"), _("Not used; due until")),
    )
    for piece in usage_of(line).iterator(chunk_size=2000):
        span = piece.span
        yield (
            *(line.statement.number, Decimal(line.position), line.project_name, line.service),
            span.resource.name,
            *(moment_cell(piece.started_at), moment_cell(piece.ended_at)),
            *(Decimal(piece.seconds), span.quantity, used_of(piece, line)),
            *(line.get_unit_display(), line.unit_price, line.from_quantity, piece.amount),
            str(span.resource.public_id),
            day_of(span.term.ends_at).isoformat() if span.is_unused and span.term else "",
        )
