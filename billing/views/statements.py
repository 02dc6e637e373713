"""The pages about one statement: what it says, its document, and giving back of a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.bookings import bookings_of
from billing.dispute_wording import disputes_in_words, with_what_words_need
from billing.documents.wording import period_of, quantity_of, vat_note
from billing.einvoice.document import write_invoice
from billing.einvoice.invoice import may_be_invoiced
from billing.forms import CreditForm, name_of_month
from billing.ledger.journal import answer_journal
from billing.models import Credit, Dispute, Statement, StatementLine
from billing.policies import (
    may_close,
    may_dispute,
    may_see_costs,
    visible_lines,
    visible_statements,
)
from billing.services.credits import (
    CREDITABLE,
    confirm_credit,
    left_to_credit,
    propose_credit,
    take_back_credit,
)
from portal.core.errors import DomainError
from portal.core.sheets import answer_file
from portal.identity.requests import PersonRequest

ROWS_PER_PAGE: Final = 100


@require_safe
def statement_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Number, parties, what to book, lines and total; both of those in pages."""
    statement = _find(request, public_id)
    lines = _lines(statement)
    bookings = Paginator(bookings_of(lines.iterator(chunk_size=2000)), ROWS_PER_PAGE)
    page = Paginator(lines, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "statement": statement,
        "bookings": bookings.get_page(request.GET.get("bookings")),
        "month_name": name_of_month(statement.month.period),
        "period": period_of(statement),
        "vat_note": vat_note(statement),
        "page": page,
        "lines": [(line, quantity_of(line)) for line in page],
        "credits": Credit.objects.filter(
            line__statement=statement, settled_on=None, taken_back_at=None
        ).select_related("line", "proposed_by", "confirmed_by"),
        "may_credit": may_close(request.user),
        "may_dispute": may_dispute(request.user, statement),
        "disputes": disputes_in_words(
            with_what_words_need(Dispute.objects.filter(line__statement=statement))
        ),
        "may_invoice": may_be_invoiced(statement),
    }
    return render(request, "billing/statements/detail.html", context)


@require_safe
def statement_pdf(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """The document as it was made, byte for byte; or back to the statement while there is none."""
    statement = _find(request, public_id)
    if not statement.document_sha256:
        messages.info(request, _("The PDF is still being made. Look again in a minute."))
        return redirect("billing:statement", public_id=public_id)
    return HttpResponse(
        bytes(statement.document),
        content_type="application/pdf",
        headers={"Content-Disposition": _attachment(statement, "pdf")},
    )


@require_safe
def statement_sheet(request: PersonRequest, public_id: UUID, form: str) -> HttpResponseBase:
    """Its lines, for a spreadsheet."""
    statement = _find(request, public_id)
    return answer_file(_rows(statement), form, f"{_('statement')}-{statement.number}")


@require_safe
def statement_journal(request: PersonRequest, public_id: UUID, form: str) -> HttpResponseBase:
    """What it comes to, for the ledger."""
    statement = _find(request, public_id)
    return answer_journal(Statement.objects.filter(pk=statement.pk), form, statement.number)


@require_safe
def statement_invoice(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """An e-invoice of it, for who is taxed; or back to the statement, with why there is none."""
    statement = _find(request, public_id)
    try:
        document = write_invoice(statement)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("billing:statement", public_id=public_id)
    return HttpResponse(
        document,
        content_type="application/xml; charset=utf-8",
        headers={"Content-Disposition": _attachment(statement, "xml")},
    )


@require_http_methods(["GET", "HEAD", "POST"])
def credit_new(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Propose to give back part of a line."""
    lines = visible_lines(request.user).filter(kind__in=CREDITABLE)
    line = get_object_or_404(
        lines.select_related("statement__month", "used_in"), public_id=public_id
    )
    if not may_close(request.user):
        raise PermissionDenied
    form = CreditForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            propose_credit(public_id, actor=request.user, **form.cleaned_data)
        except DomainError as error:
            form.show(error)
        else:
            messages.success(
                request, _("Proposed. It is given when a second person closes the next month.")
            )
            return redirect("billing:statement", public_id=line.statement.public_id)
    context = {"line": line, "form": form, "left": left_to_credit(line)}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "billing/statements/credit.html", context, status=status)


@require_POST
def credit_confirm(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Agree with a proposal of a colleague."""
    done = _("Confirmed. Who proposed it may now close the month.")
    return _decide(request, public_id, confirm_credit, done)


@require_POST
def credit_take_back(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Take a proposal back."""
    done = _("Taken back. Nothing is given back of this line.")
    return _decide(request, public_id, take_back_credit, done)


def _decide(
    request: PersonRequest, public_id: UUID, service: Callable[..., Credit], done: str
) -> HttpResponse:
    """Do it, and go back to the statement with what came of it."""
    credits = Credit.objects.filter(line__statement__in=visible_statements(request.user))
    credit = get_object_or_404(credits.select_related("line__statement"), public_id=public_id)
    if not may_close(request.user):
        raise PermissionDenied
    try:
        service(public_id, actor=request.user)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done)
    return redirect("billing:statement", public_id=credit.line.statement.public_id)


def _find(request: PersonRequest, public_id: UUID) -> Statement:
    if not may_see_costs(request.user):
        raise PermissionDenied
    statements = visible_statements(request.user).select_related("month", "organization")
    return get_object_or_404(statements.defer("document"), public_id=public_id)


def _lines(statement: Statement) -> QuerySet[StatementLine]:
    lines = statement.lines.select_related("used_in", "sku", "corrects__statement", "split_key")
    return lines.defer("corrects__statement__document").order_by("position")


def _attachment(statement: Statement, ending: str) -> str:
    return f'attachment; filename="{_("statement")}-{statement.number}.{ending}"'


def _rows(statement: Statement) -> Iterator[Sequence[str | Decimal]]:
    """What they are called, and then the lines."""
    yield (
        *(_("Statement"), _("Line"), _("Kind"), _("Month"), _("Project"), _("Service")),
        *(_("Cost centre"), _("Cost object"), _("Commitment number")),
        *(_("Unit"), _("Price"), _("From quantity"), _("Quantity"), _("Amount"), _("Note")),
    )
    for line in _lines(statement).iterator(chunk_size=2000):
        yield (
            *(statement.number, Decimal(line.position), line.get_kind_display()),
            *(line.used_in.key, line.project_name, line.service),
            *(line.cost_center or "", line.cost_object or "", line.commitment_number or ""),
            *(
                line.get_unit_display(),
                line.unit_price,
                line.from_quantity,
                line.quantity,
                line.amount,
                line.note,
            ),
        )
