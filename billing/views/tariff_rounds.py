"""Agreeing on new prices: drafting them, seeing what they would do, and deciding."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.models import TariffRound
from billing.policies import may_read_tariff_rounds, may_set_tariffs, visible_tariff_rounds
from billing.services.tariff_drafts import Draft, draft_of
from billing.services.tariff_effects import Effect
from billing.services.tariffs import (
    confirm_round,
    draft_round,
    propose_round,
    propose_withdrawal,
    refuse_round,
    take_back_round,
)
from billing.tariff_forms import RoundDecisionForm, TariffRoundForm
from billing.tariff_sheets import payer_rows, round_rows
from billing.tariff_tables import lines_of_draft, present_prices
from portal.core.errors import DomainError
from portal.core.sheets import answer_file
from portal.identity.models import Organization
from portal.identity.models.proposed import DecisionState
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 50
BUTTONS: Final = ("csrfmiddlewaretoken", "percent", "fill", "preview", "edit", "propose")


@require_safe
def round_list(request: PersonRequest) -> HttpResponse:
    """What waits for a second person, and what became of what was proposed before."""
    if not may_read_tariff_rounds(request.user):
        raise PermissionDenied
    rounds = visible_tariff_rounds(request.user).select_related(
        "organization", "proposed_by", "decided_by"
    )
    decided = rounds.exclude(state=DecisionState.PROPOSED).order_by("-decided_at")
    withdrawals = TariffRound.objects.filter(state=DecisionState.CONFIRMED)
    decided = decided.prefetch_related(
        Prefetch(
            "withdrawals", withdrawals.select_related("decided_by"), to_attr="confirmed_withdrawals"
        )
    )
    context = {
        "waiting": rounds.filter(state=DecisionState.PROPOSED).order_by("valid_from"),
        "page": Paginator(decided, PAGE_SIZE).get_page(request.GET.get("page")),
        "may_propose": may_set_tariffs(request.user),
    }
    return render(request, "billing/tariffs/rounds.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def round_new(request: PersonRequest) -> HttpResponse:
    """Type new prices, see what they would do, and propose them or go back to the form."""
    if not may_set_tariffs(request.user):
        raise PermissionDenied
    is_sent = request.method == "POST"
    organization = _organization(request.POST if is_sent else request.GET)
    at = now()
    presents = present_prices(organization, at=at)
    make_form = partial(TariffRoundForm, organization=organization, presents=presents, at=at)
    # From where a month cannot be closed, a link names that month.
    named = {"valid_from": request.GET.get("valid_from", "")}
    form = make_form(request.POST) if is_sent else make_form(initial=named)
    if "fill" in request.POST:
        form.is_valid()
        if (raised := form.raised()) is not None:
            form = make_form(initial=request.POST.dict() | raised)
    elif is_sent and "edit" not in request.POST and form.is_valid():
        try:
            return _take(request, form)
        except DomainError as error:
            form.show(error)
    return _form_page(request, form)


def _take(request: PersonRequest, form: TariffRoundForm) -> HttpResponse:
    """Propose what was looked at, or look at it first.

    Raises:
        DomainError: it cannot be proposed.
    """
    if "propose" not in request.POST:
        return _preview(request, form)
    proposed = propose_round(form.says(), actor=request.user)
    messages.success(request, _("Proposed. A second person decides."))
    return redirect("billing:tariff-round", public_id=proposed.public_id)


def _form_page(request: PersonRequest, form: TariffRoundForm) -> HttpResponse:
    context = {
        "form": form,
        "organization": form.organization,
        "organizations": Organization.objects.filter(ended_at=None).order_by("name"),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "billing/tariffs/new.html", context, status=status)


def _preview(request: PersonRequest, form: TariffRoundForm) -> HttpResponse:
    """What was typed goes along, so that what is proposed is what was looked at."""
    draft = draft_round(form.says(), actor=request.user)
    effect = draft.effect(at=now())
    context = {
        "draft": draft,
        "effect": effect,
        "lines": lines_of_draft(draft, effect),
        "typed": [
            (name, value) for name, value in request.POST.items() if value and name not in BUTTONS
        ],
    }
    return render(request, "billing/tariffs/preview.html", context)


@require_safe
def round_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One round: what it sets, what that would have made of last month, and the decision."""
    return _page(request, _visible(request, public_id))


@require_safe
def round_prices(request: PersonRequest, public_id: UUID, form: str) -> HttpResponseBase:
    """Its prices beside those before it, as a file."""
    proposed = _visible(request, public_id)
    draft, effect = _looked_at(proposed)
    rows = round_rows(proposed.title, lines_of_draft(draft, effect), effect)
    return answer_file(rows, form, "tariff-round")


@require_safe
def round_payers(request: PersonRequest, public_id: UUID, form: str) -> HttpResponseBase:
    """What it would have made of last month for each organization, as a file."""
    proposed = _visible(request, public_id)
    _draft, effect = _looked_at(proposed)
    if effect is None:
        raise Http404
    return answer_file(payer_rows(proposed.title, effect), form, "tariff-round-organizations")


@require_POST
def round_confirm(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Yes: these prices hold from that month on."""
    done = _("Confirmed. The prices hold from the month that was proposed.")
    return _do(request, public_id, lambda: confirm_round(public_id, actor=request.user), done)


@require_POST
def round_refuse(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """No, with a reason."""
    form = RoundDecisionForm(request.POST)
    reason = form.typed("reason")
    return _do(
        request,
        public_id,
        lambda: refuse_round(public_id, actor=request.user, reason=reason),
        _("Refused. The prices stay as they were."),
        decision=form,
    )


@require_POST
def round_take_back(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Take one's own proposal back."""
    done = _("Taken back. The prices stay as they were.")
    return _do(request, public_id, lambda: take_back_round(public_id, actor=request.user), done)


@require_POST
def round_withdraw(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Propose that prices that were confirmed never begin."""
    done = _("Proposed. A second person decides.")
    return _do(request, public_id, lambda: propose_withdrawal(public_id, actor=request.user), done)


def _do(
    request: PersonRequest,
    public_id: UUID,
    service: Callable[[], Any],
    done: str,
    *,
    decision: RoundDecisionForm | None = None,
) -> HttpResponse:
    """Do it, or show the round with why not, and what was typed."""
    _visible(request, public_id)
    if not may_set_tariffs(request.user):
        raise PermissionDenied
    try:
        service()
    except DomainError as error:
        if decision is not None:
            decision.show(error)
        return _page(request, _visible(request, public_id), decision=decision, error=error)
    messages.success(request, done)
    return redirect("billing:tariff-round", public_id=public_id)


def _page(
    request: PersonRequest,
    proposed: TariffRound,
    *,
    decision: RoundDecisionForm | None = None,
    error: DomainError | None = None,
) -> HttpResponse:
    is_waiting = proposed.state == DecisionState.PROPOSED
    is_own = proposed.proposed_by_id == request.user.pk
    draft, effect = _looked_at(proposed)
    withdrawal = proposed.withdrawal
    context = {
        "round": proposed,
        "effect": effect,
        "lines": lines_of_draft(draft, effect),
        "may_decide": is_waiting and not is_own and may_set_tariffs(request.user),
        "may_take_back": is_waiting and is_own,
        "withdrawal": withdrawal,
        "may_withdraw": proposed.state == DecisionState.CONFIRMED
        and not (proposed.withdraws or withdrawal)
        and proposed.valid_from > now()
        and may_set_tariffs(request.user),
        "decision_form": decision or _begun_decision(request, proposed),
        "error": error,
    }
    status = error.http_status if error else HTTPStatus.OK
    return render(request, "billing/tariffs/round.html", context, status=status)


def _looked_at(proposed: TariffRound) -> tuple[Draft, Effect | None]:
    """What a round sets; and while it waits, what that would have made of last month."""
    draft = draft_of(proposed.withdraws or proposed)
    is_waiting = proposed.state == DecisionState.PROPOSED
    return draft, draft.effect(at=now()) if is_waiting and not proposed.withdraws else None


def _begun_decision(request: PersonRequest, proposed: TariffRound) -> RoundDecisionForm:
    """With what the person wrote when they had to log in again."""
    routes = ("billing:tariff-round-refuse", "billing:tariff-round-confirm")
    kept = kept_input(request, *[reverse(route, args=[proposed.public_id]) for route in routes])
    return RoundDecisionForm(initial={"reason": kept.get("reason", "") if kept else ""})


def _visible(request: PersonRequest, public_id: UUID) -> TariffRound:
    rounds: QuerySet[TariffRound] = visible_tariff_rounds(request.user).select_related(
        "organization", "proposed_by", "decided_by", "withdraws__organization"
    )
    return get_object_or_404(rounds, public_id=public_id)


def _organization(sent: QueryDict) -> Organization | None:
    """Whose prices it is about; None: those of everybody.

    Raises:
        Http404: there is no such organization.
    """
    key = sent.get("organization", "")
    if not key:
        return None
    try:
        return get_object_or_404(Organization, public_id=key, ended_at=None)
    except (ValidationError, ValueError) as error:
        raise Http404 from error
