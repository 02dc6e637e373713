"""The pages about what is disputed: by whoever pays, answered by finance of the platform."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import F, QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.dispute_wording import (
    DOCUMENTS,
    DisputeInWords,
    disputes_in_words,
    with_what_words_need,
)
from billing.documents.wording import quantity_of
from billing.forms import AnswerForm, DisputeForm
from billing.models import Dispute
from billing.month_sheets import dispute_rows
from billing.policies import (
    disputes_to_answer,
    may_close,
    may_dispute,
    may_see_costs,
    visible_disputes,
    visible_lines,
)
from billing.services.credits import CREDITABLE, left_to_credit
from billing.services.disputes import (
    grant_dispute,
    raise_dispute,
    refuse_dispute,
    take_back_dispute,
)
from portal.core.errors import DomainError
from portal.core.sheets import answer_file
from portal.identity.models.proposed import DecisionState
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 50


@require_safe
def dispute_list(request: PersonRequest) -> HttpResponse:
    """What waits for an answer, the oldest first; and what was answered before."""
    if not may_see_costs(request.user):
        raise PermissionDenied
    disputes = with_what_words_need(visible_disputes(request.user))
    waiting = disputes.filter(state=DecisionState.PROPOSED).order_by("proposed_at", "pk")
    settled = disputes.exclude(state=DecisionState.PROPOSED).order_by("-decided_at", "-pk")
    page = Paginator(settled, PAGE_SIZE).get_page(request.GET.get("page"))
    waiting_page = Paginator(waiting, PAGE_SIZE).get_page(request.GET.get("waiting"))
    context = {
        "waiting_page": waiting_page,
        "waiting": disputes_in_words(waiting_page.object_list),
        "page": page,
        "settled": disputes_in_words(page.object_list),
    }
    return render(request, "billing/disputes/list.html", context)


@require_safe
def dispute_sheet(request: PersonRequest, form: str) -> HttpResponseBase:
    """All of them as a file, in the order of the page."""
    if not may_see_costs(request.user):
        raise PermissionDenied
    disputes = visible_disputes(request.user).select_related(
        "line__statement", "line__used_in", "proposed_by", "credit"
    )
    found = disputes.defer("line__statement__document").order_by(
        F("decided_at").desc(nulls_first=True), "proposed_at", "pk"
    )
    return answer_file(dispute_rows(map(DisputeInWords, found)), form, "disputes")


@require_http_methods(["GET", "HEAD", "POST"])
def dispute_new(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Say what is wrong with a line of a statement."""
    lines = visible_lines(request.user).filter(kind__in=CREDITABLE)
    line = get_object_or_404(
        lines.select_related("statement__organization", "statement__month", "used_in").defer(
            "statement__document"
        ),
        public_id=public_id,
    )
    if not may_dispute(request.user, line.statement):
        raise PermissionDenied
    form = DisputeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            dispute = raise_dispute(public_id, actor=request.user, **form.cleaned_data)
        except DomainError as error:
            form.show(error)
        else:
            messages.success(request, _("Sent. Finance of the platform answers."))
            return redirect("billing:dispute", public_id=dispute.public_id)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    context = {"line": line, "quantity": quantity_of(line), "form": form}
    return render(request, "billing/disputes/new.html", context, status=status)


@require_safe
def dispute_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """What was disputed, and the answer to it."""
    if not may_see_costs(request.user):
        raise PermissionDenied
    return _page(request, _visible(request, public_id), AnswerForm())


@require_POST
def dispute_grant(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Give something back: a credit, which the next statement has."""
    done = _("Granted. It is given when a second person closes the next month.")

    def grant(answer: str, amount: Decimal | None) -> Dispute:
        return grant_dispute(
            public_id, amount=amount or Decimal(0), answer=answer, actor=request.user
        )

    return _answer(request, public_id, grant, done)


@require_POST
def dispute_refuse(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Give nothing back, and say why."""
    done = _("Refused. Whoever pays reads your answer.")

    def refuse(answer: str, amount: Decimal | None) -> Dispute:
        return refuse_dispute(public_id, answer=answer, actor=request.user)

    return _answer(request, public_id, refuse, done)


@require_POST
def dispute_take_back(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Agree with the line after all."""
    dispute = _visible(request, public_id)
    if not may_dispute(request.user, dispute.line.statement):
        raise PermissionDenied
    try:
        take_back_dispute(public_id, actor=request.user)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Taken back. The line stays as it is."))
    return redirect("billing:dispute", public_id=public_id)


def _answer(
    request: PersonRequest, public_id: UUID, service: Callable[..., Any], done: str
) -> HttpResponse:
    """Do it, or show the page with why not and what was typed."""
    dispute = _visible(request, public_id)
    if not may_close(request.user):
        raise PermissionDenied
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _page(request, dispute, form)
    try:
        service(**form.cleaned_data)
    except DomainError as error:
        form.show(error)
        return _page(request, _visible(request, public_id), form, status=error.http_status)
    messages.success(request, done)
    return redirect("billing:dispute", public_id=public_id)


def _page(
    request: PersonRequest, dispute: Dispute, form: AnswerForm, status: int | None = None
) -> HttpResponse:
    waits = dispute.state == DecisionState.PROPOSED
    line = dispute.line
    context = {
        "said": DisputeInWords(dispute),
        "line": line,
        "quantity": quantity_of(line),
        "left": left_to_credit(line),
        "form": form,
        "waits": waits,
        "may_answer": disputes_to_answer(request.user).filter(pk=dispute.pk).exists(),
        "may_take_back": waits and may_dispute(request.user, line.statement),
    }
    found = status or (HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK)
    return render(request, "billing/disputes/detail.html", context, status=found)


def _visible(request: PersonRequest, public_id: UUID) -> Dispute:
    disputes: QuerySet[Dispute] = visible_disputes(request.user).select_related(
        "line__statement__organization",
        "line__statement__month",
        "line__used_in",
        "proposed_by",
        "decided_by",
        "credit__settled_on__statement",
    )
    disputes = disputes.defer(*DOCUMENTS)
    return get_object_or_404(disputes, public_id=public_id)
