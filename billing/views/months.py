"""The pages about months: which are closed, and closing the next one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet, Sum
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from billing.forms import CloseForm, month_key, name_of_month, read_month
from billing.ledger.journal import answer_journal
from billing.models import BillingMonth, MonthState, Statement
from billing.month_sheets import closing_rows, month_rows, statement_rows
from billing.policies import may_close, may_see_costs, visible_cost_nodes, visible_statements
from billing.services.closing import (
    begin_closing,
    close_month,
    next_month,
    prepare_closing,
    take_back_closing,
)
from portal.core.calendar import Period, day_of
from portal.core.errors import DomainError
from portal.core.sheets import answer_file
from portal.identity.models import Node, Person
from portal.identity.requests import PersonRequest

STATEMENTS_PER_PAGE: Final = 50
_NOTHING: Final = {"count": 0, "total": Decimal(0)}


@dataclass(frozen=True, kw_only=True)
class Payer:
    """What one organization would pay."""

    organization: Node
    total: Decimal


@require_safe
def month_list(request: PersonRequest) -> HttpResponse:
    """Closed months with what they came to, of what the person sees; and the next one."""
    _check_reads(request)
    closer = may_close(request.user)
    following = next_month() if closer else None
    context = {
        "may_close": closer,
        "following": following,
        "following_key": month_key(following) if following else "",
        "following_row": _row_of(following) if following else None,
        "is_over": bool(following and following.end <= now()),
        "months": _closed_months(request.user),
    }
    return render(request, "billing/months/list.html", context)


@require_safe
def month_list_sheet(request: PersonRequest, form: str) -> HttpResponseBase:
    """The closed months as a file."""
    _check_reads(request)
    return answer_file(month_rows(_closed_months(request.user)), form, "months")


@require_safe
def month_detail(request: PersonRequest, key: str) -> HttpResponse:
    """The statements of a closed month; or, for who may close it, what closing it comes to."""
    _check_reads(request)
    return _page(request, _read(key))


@require_safe
def month_sheet(request: PersonRequest, key: str, form: str) -> HttpResponseBase:
    """The statements of the month as a file; or what they would be, for who may close it."""
    _check_reads(request)
    month = _read(key)
    row = _row_of(month)
    if row and row.state == MonthState.CLOSED:
        rows = statement_rows(_statements(request.user, row), key)
    elif may_close(request.user) and month == next_month() and month.end <= now():
        rows = closing_rows(prepare_closing(month))
    else:
        raise Http404
    return answer_file(rows, form, f"statements-{key}")


@require_safe
def month_journal(request: PersonRequest, key: str, form: str) -> HttpResponseBase:
    """What the statements of a closed month come to, for the ledger: all that the person sees."""
    _check_reads(request)
    statements = visible_statements(request.user).filter(
        month__first_day=day_of(_read(key).start), month__state=MonthState.CLOSED
    )
    if not statements.exists():
        raise Http404
    return answer_journal(statements, form, key)


@require_POST
def month_begin(request: PersonRequest, key: str) -> HttpResponse:
    """Begin to close it."""
    month = _read_to_close(request, key)
    done = _("Begun. A second person of finance closes this month.")
    return _do(request, month, lambda: begin_closing(month, actor=request.user), done)


@require_POST
def month_take_back(request: PersonRequest, key: str) -> HttpResponse:
    """Open it again."""
    month = _read_to_close(request, key)
    done = _("Taken back. The month is open again.")
    return _do(request, month, lambda: take_back_closing(month, actor=request.user), done)


@require_POST
def month_close(request: PersonRequest, key: str) -> HttpResponse:
    """Close it, as the second person."""
    month = _read_to_close(request, key)
    form = CloseForm(request.POST)
    if not form.is_valid():
        return _page(request, month, form=form)
    total = form.cleaned_data["total"]
    done = _("Closed. The statements are below.")
    return _do(request, month, lambda: close_month(month, actor=request.user, total=total), done)


def _do(
    request: PersonRequest, month: Period, service: Callable[[], object], done: str
) -> HttpResponse:
    """Do it, or show the month with why not."""
    try:
        service()
    except DomainError as error:
        return _page(request, month, error=error)
    messages.success(request, done)
    return redirect("billing:month", key=month_key(month))


def _page(
    request: PersonRequest,
    month: Period,
    *,
    form: CloseForm | None = None,
    error: DomainError | None = None,
) -> HttpResponse:
    row = _row_of(month)
    context: dict[str, Any] = {
        "month": month,
        "month_name": name_of_month(month),
        "key": month_key(month),
        "row": row,
        "form": form,
        "error": error,
    }
    if row and row.state == MonthState.CLOSED:
        context |= _closed(request, row)
    elif may_close(request.user) and month == next_month() and month.end <= now():
        context |= _to_close(request, month, row)
    elif error is None:
        raise Http404
    status = error.http_status if error else 422 if form is not None else 200
    return render(request, "billing/months/detail.html", context, status=status)


def _closed(request: PersonRequest, row: BillingMonth) -> dict[str, Any]:
    statements = _statements(request.user, row)
    pages = Paginator(statements, STATEMENTS_PER_PAGE)
    return {
        "is_closed": True,
        "page": pages.get_page(request.GET.get("page")),
        "total": statements.aggregate(total=Sum("total"))["total"] or Decimal(0),
    }


def _statements(person: Person, row: BillingMonth) -> QuerySet[Statement]:
    """What the person sees of a closed month.

    Raises:
        Http404: nothing, and they do not close months.
    """
    statements = visible_statements(person).filter(month=row).defer("document")
    if not may_close(person) and not statements.exists():
        raise Http404
    return statements.select_related("organization").order_by("sequence")


def _closed_months(person: Person) -> list[dict[str, Any]]:
    """The newest first, each with how many statements the person sees of it, and their total."""
    closed = BillingMonth.objects.filter(state=MonthState.CLOSED).order_by("-first_day")
    seen = visible_statements(person)
    if not may_close(person):
        closed = closed.filter(statements__in=seen).distinct()
    sums = seen.values("month").annotate(count=Count("pk"), total=Sum("total"))
    found = {row["month"]: row for row in sums}
    return [{**found.get(month.pk, _NOTHING), "month": month} for month in closed]


def _to_close(request: PersonRequest, month: Period, row: BillingMonth | None) -> dict[str, Any]:
    closing = prepare_closing(month)
    is_closing = row is not None and row.state == MonthState.CLOSING
    return {
        "closing": closing,
        "payers": _by_name(closing.total_by_organization),
        "late": _by_name(closing.corrected_by_organization),
        "seen": set(visible_cost_nodes(request.user).values_list("pk", flat=True)),
        "is_closing": is_closing,
        "is_own": bool(row and row.closing_by_id == request.user.pk)
        or any(
            credit.proposed_by_id == request.user.pk and not credit.confirmed_at
            for credit in closing.credits
        ),
    }


def _by_name(totals: Mapping[int, Decimal]) -> list[Payer]:
    """Who pays, from amounts by primary key."""
    nodes = Node.objects.filter(pk__in=totals).order_by("name")
    return [Payer(organization=node, total=totals[node.pk]) for node in nodes]


def _row_of(month: Period) -> BillingMonth | None:
    rows = BillingMonth.objects.select_related("closing_by", "closed_by")
    return rows.filter(first_day=day_of(month.start)).first()


def _read(key: str) -> Period:
    try:
        return read_month(key)
    except ValidationError as error:
        raise Http404 from error


def _read_to_close(request: PersonRequest, key: str) -> Period:
    if not may_close(request.user):
        raise PermissionDenied
    return _read(key)


def _check_reads(request: PersonRequest) -> None:
    if not may_see_costs(request.user):
        raise PermissionDenied
