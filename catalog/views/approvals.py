"""Deciding: the queue, one order with everything that matters, yes or no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from catalog.amounts import amount_in_words
from catalog.forms import QuestionForm
from catalog.models import Metric, Order, OrderState
from catalog.policies import orders_to_judge, visible_orders
from catalog.services.approvals import (
    approve_order,
    reject_order,
)
from catalog.services.comments import ask_about_order
from catalog.services.conditions import changed_conditions
from catalog.services.preview import Consequences, QuotaEffect, preview_of_order
from catalog.views.assemblies import wholes_of
from catalog.views.comments import begun_form, comments_of
from catalog.views.order_panel import names_of, tightest
from catalog.views.rule_wording import waiting_in_words
from catalog.views.wording import change_in_words, effects_of, spec_in_words, tags_in_words
from portal.core.errors import DomainError
from portal.core.formats import price
from portal.core.models import is_in_force
from portal.core.money import to_cents
from portal.identity.oidc.session import current_login
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest
from portal.identity.role_policies import deputies_of, replaced_by


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a decision rests on; without ``consequences`` when ``missing`` says why not."""

    consequences: Consequences | None = None
    changes: list[str] = field(default_factory=list)
    missing: str = ""

    @property
    def refusals(self) -> list[str]:
        return self.consequences.refusals if self.consequences else []

    @property
    def prices(self) -> list[tuple[str, Decimal, Decimal]]:
        """What is paid for, per month and once; what is there twice is one line."""
        sums: dict[str, tuple[Decimal, Decimal]] = {}
        for line in self.consequences.quote.lines if self.consequences else ():
            monthly, one_off = sums.get(line.name, (Decimal(0), Decimal(0)))
            sums[line.name] = (monthly + to_cents(line.monthly), one_off + to_cents(line.one_off))
        return [(name, *amounts) for name, amounts in sums.items()]

    @property
    def quota(self) -> list[tuple[QuotaEffect, str]]:
        """Of what the least is left; costs have a check of their own."""
        return [(effect, _limit_in_words(effect)) for effect in tightest(self._scarce)]

    @property
    def roomy(self) -> str:
        """Of what more is left, in one line."""
        shown = tightest(self._scarce)
        return names_of([effect for effect in self._scarce if effect not in shown])

    @property
    def _scarce(self) -> list[QuotaEffect]:
        effects = self.consequences.quota if self.consequences else []
        return [effect for effect in effects if effect.metric != Metric.MONTHLY_COST_EUR]


@require_safe
def approval_queue(request: PersonRequest) -> HttpResponse:
    """The orders that wait for this person, with the oldest one opened.

    Apart from them those that wait for an answer first.
    """
    queue = list(_queue(request))
    if not queue:
        return render(request, "catalog/approvals/empty.html", _replacements(request))
    return _render(request, queue, min(queue, key=_waits_for_an_answer))


@require_safe
def approval_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One order to decide on. What this person may not or need no longer decide: its own page."""
    queue = list(_queue(request))
    order = next((order for order in queue if order.public_id == public_id), None)
    if order is None:
        get_object_or_404(visible_orders(request.user), public_id=public_id)
        return redirect("catalog:order", public_id=public_id)
    return _render(request, queue, order)


@require_POST
def approval_approve(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Yes. ``accepts_changes`` is set by whoever saw what got worse."""
    accepts_changes = request.POST.get("accepts_changes") == "on"

    def approve(reason: str) -> Order:
        return approve_order(
            public_id, approver=request.user, reason=reason, accepts_changes=accepts_changes
        )

    return _decide(request, public_id, approve, _("Approved. The delivery begins."))


@require_POST
def approval_reject(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """No, with a reason."""

    def reject(reason: str) -> Order:
        return reject_order(public_id, approver=request.user, reason=reason)

    return _decide(request, public_id, reject, _("Refused. The requester reads your reason."))


@require_POST
def approval_question(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Ask who ordered something before deciding."""
    order = get_object_or_404(visible_orders(request.user), public_id=public_id)
    form = QuestionForm(request.POST)
    form.is_valid()  # the service refuses what is not; here its field gets the reason
    try:
        ask_about_order(order.public_id, author=request.user, text=form.data.get("text", ""))
    except DomainError as error:
        return _refused(request, order, error, question=form)
    done = _(
        "Asked. The requester sees your question on the first page. The order waits for the answer."
    )
    messages.success(request, done)
    return redirect("catalog:approval", public_id=public_id)


def _decide(
    request: PersonRequest, public_id: UUID, service: Callable[[str], Order], done: str
) -> HttpResponse:
    order = get_object_or_404(visible_orders(request.user), public_id=public_id)
    reason = request.POST.get("reason", "")
    try:
        decided = service(reason)
    except DomainError as error:
        return _refused(request, order, error, reason=reason)
    if decided.state == OrderState.COMPLETED:
        done = _("Approved. It holds from now on.")
    elif decided.state == OrderState.PENDING_APPROVAL:
        done = _("Approved. It waits for the next one who must.")
    messages.success(request, done)
    return redirect("catalog:order", public_id=public_id)


def _refused(
    request: PersonRequest,
    order: Order,
    error: DomainError,
    *,
    reason: str | None = None,
    question: QuestionForm | None = None,
) -> HttpResponse:
    """Show the refusal where the person can do something about it."""
    queue = list(_queue(request))
    current = next((item for item in queue if item.pk == order.pk), None)
    if current is None:
        messages.warning(request, str(error))
        response = render(request, "catalog/approvals/gone.html", {"order": order})
        response.status_code = error.http_status
        return response
    return _render(request, queue, current, error=error, reason=reason, question=question)


def _render(
    request: PersonRequest,
    queue: list[Order],
    order: Order,
    *,
    error: DomainError | None = None,
    reason: str | None = None,
    question: QuestionForm | None = None,
) -> HttpResponse:
    lines = list(order.lines.all())
    wholes = wholes_of(request.user, lines)
    figures = _figures(order)
    login = current_login(request)
    kept = _kept(request, order)
    waiting = [item for item in queue if not _waits_for_an_answer(item)]
    context = {
        "queue": waiting,
        "asked": [item for item in queue if _waits_for_an_answer(item)],
        "order": order,
        "is_asked": _waits_for_an_answer(order),
        "total": price(
            sum((item.monthly_price for item in waiting), Decimal(0)),
            sum((item.one_off_price for item in waiting), Decimal(0)),
        ),
        "wholes": wholes,
        "lines": [
            (line, [*spec_in_words(line.offering_version, line.spec), *tags_in_words(line.tags)])
            for line in lines
            if line.assembly_id is None
        ],
        "things": len(wholes) + sum(line.assembly_id is None for line in lines),
        "places": sorted({line.offering_version.cloud.name for line in lines}),
        "changed": [row for line in lines if line.changes_id for row in change_in_words(line)],
        "effects": [text for line in lines for text in effects_of(line)],
        "step": waiting_in_words(order),
        "figures": figures,
        "consequences": figures.consequences,
        "changes": figures.changes,
        "error": None if question and question.errors else error,
        "comments": comments_of(order),
        "question": question
        or begun_form(request, QuestionForm, "catalog:approval-question", order),
        "reason": kept.get("reason", "") if reason is None else reason,
        "accepts_changes": "accepts_changes" in kept,
        "valid_until": _valid_until(login.auth_time) if login else None,
    } | _replacements(request)
    status = error.http_status if error else 200
    return render(request, "catalog/approvals/queue.html", context, status=status)


def _replacements(request: PersonRequest) -> dict[str, Any]:
    """Who stands in for this person now, and for whom this person stands in."""
    in_force = is_in_force(now())
    return {
        "deputies": deputies_of(request.user).filter(in_force).order_by("pk"),
        "replaces": replaced_by(request.user).filter(in_force).order_by("pk"),
    }


def _queue(request: PersonRequest) -> QuerySet[Order]:
    return (
        orders_to_judge(request.user)
        .select_related("project__parent", "requested_by", "waits_for")
        .prefetch_related(
            "lines__offering_version__offering",
            "lines__offering_version__cloud",
            "lines__assembly__offering_version__offering",
            "lines__assembly__offering_version__cloud",
            "lines__needs",
        )
        .order_by("submitted_at")
    )


def _figures(order: Order) -> Figures:
    """What approving would mean now, as far as that can be told."""
    try:
        return Figures(consequences=preview_of_order(order), changes=changed_conditions(order))
    except DomainError as error:
        return Figures(missing=str(error))


def _waits_for_an_answer(order: Order) -> bool:
    return order.state == OrderState.NEEDS_INFORMATION


def _limit_in_words(effect: QuotaEffect) -> str:
    return "" if effect.limit is None else amount_in_words(effect.metric, effect.limit)


def _kept(request: PersonRequest, order: Order) -> QueryDict:
    """What the person filled in for this order before they had to log in again."""
    addresses = [
        reverse(f"catalog:approval-{verb}", args=[order.public_id])
        for verb in ("approve", "reject")
    ]
    return kept_input(request, *addresses) or QueryDict()


def _valid_until(auth_time: int) -> datetime | None:
    """Until when the login is fresh enough to decide; None when it is not."""
    max_age = settings.SENSITIVE_LOGIN.max_age
    if max_age is None:
        return None
    until = datetime.fromtimestamp(auth_time + max_age, UTC)
    return until if until > datetime.now(UTC) else None
