"""The pages about keys: who bears costs of whom, from when on, and what that comes to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.forms import month_key, name_of_month
from billing.models import SplitKey
from billing.policies import (
    may_propose_split_keys,
    may_see_costs,
    may_share_out,
    projects_to_share,
    sees_costs_of_all,
    split_keys_to_decide,
    visible_recipients,
    visible_split_keys,
)
from billing.services.split_keys import (
    confirm_key,
    projects_of,
    propose_ending,
    propose_key,
    refuse_key,
    take_back_key,
)
from billing.split_forms import ROWS, EndingForm, SplitDecisionForm, SplitKeyForm
from billing.split_tables import calculate, months_of, part_rows
from portal.core.errors import DomainError
from portal.core.sheets import answer_file
from portal.identity.models.proposed import DecisionState
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 50


@require_safe
def key_list(request: PersonRequest) -> HttpResponse:
    """What waits for a second person, and what became of what was proposed before."""
    if not may_see_costs(request.user):
        raise PermissionDenied
    keys = _with_people(visible_split_keys(request.user))
    decided = keys.exclude(state=DecisionState.PROPOSED).order_by("-decided_at", "-pk")
    context = {
        "waiting": keys.filter(state=DecisionState.PROPOSED).order_by("valid_from", "pk"),
        "page": Paginator(decided, PAGE_SIZE).get_page(request.GET.get("page")),
        "may_propose": may_propose_split_keys(request.user),
    }
    return render(request, "billing/split_keys/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def key_new(request: PersonRequest) -> HttpResponse:
    """Propose that others bear the costs of a project."""
    if not may_propose_split_keys(request.user):
        raise PermissionDenied
    is_sent = request.method == "POST"
    rows = _count(request.POST.get("rows", ""))
    wants_rows = "more" in request.POST
    form = SplitKeyForm(
        request.POST if is_sent and not wants_rows else None,
        initial=request.POST.dict() if wants_rows else {},
        projects=projects_to_share(request.user).select_related("parent").order_by("name", "pk"),
        rows=rows + ROWS if wants_rows else rows,
        at=now(),
    )
    if is_sent and not wants_rows and form.is_valid():
        try:
            key = propose_key(form.says(), actor=request.user)
        except DomainError as error:
            form.show(error)
        else:
            messages.success(request, _("Proposed. A second person decides."))
            return redirect("billing:split-key", public_id=key.public_id)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "billing/split_keys/new.html", {"form": form}, status=status)


@require_safe
def key_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One key: what it says, what it makes of a month, and the decision."""
    if not may_see_costs(request.user):
        raise PermissionDenied
    return _page(request, _visible(request, public_id))


@require_safe
def key_sheet(request: PersonRequest, public_id: UUID, form: str) -> HttpResponseBase:
    """How the chosen month is shared, as a file; none where the page shows nothing of it."""
    if not may_see_costs(request.user):
        raise PermissionDenied
    key = _visible(request, public_id)
    split = key.ends or key
    sees_all = sees_costs_of_all(request.user, projects_of(key))
    found = _calculation(request, split, at=now(), sees_all=sees_all)["found"]
    if found is None:
        raise Http404
    name = f"shared-costs-{month_key(found.month)}"
    return answer_file(part_rows(found, split.method), form, name)


@require_POST
def key_confirm(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Yes: it holds from that month on; or no longer."""
    done = _("Confirmed. It holds from the month that was proposed.")
    return _do(request, public_id, lambda: confirm_key(public_id, actor=request.user), done)


@require_POST
def key_refuse(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """No, with a reason."""
    form = SplitDecisionForm(request.POST)
    reason = form.typed("reason")
    return _do(
        request,
        public_id,
        lambda: refuse_key(public_id, actor=request.user, reason=reason),
        _("Refused. Everything stays as it was."),
        decision=form,
    )


@require_POST
def key_take_back(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Take one's own proposal back."""
    done = _("Taken back. Everything stays as it was.")
    return _do(request, public_id, lambda: take_back_key(public_id, actor=request.user), done)


@require_POST
def key_end(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Propose that it no longer holds from a month on."""
    form = EndingForm(request.POST, at=now())
    if not form.is_valid():
        _check_acts(request, _visible(request, public_id))
        return _page(request, _visible(request, public_id), ending=form)

    def end() -> SplitKey:
        return propose_ending(
            public_id,
            valid_from=form.moment(),
            reason=form.cleaned_data["reason"],
            actor=request.user,
        )

    done = _("Proposed. A second person decides.")
    return _do(request, public_id, end, done, ending=form)


def _do(
    request: PersonRequest,
    public_id: UUID,
    service: Callable[[], Any],
    done: str,
    *,
    decision: SplitDecisionForm | None = None,
    ending: EndingForm | None = None,
) -> HttpResponse:
    """Do it, or show the key with why not, and what was typed."""
    _check_acts(request, _visible(request, public_id))
    try:
        service()
    except DomainError as error:
        for form in (decision, ending):
            if form is not None:
                form.show(error)
        key = _visible(request, public_id)
        return _page(request, key, decision=decision, ending=ending, error=error)
    messages.success(request, done)
    return redirect("billing:split-key", public_id=public_id)


def _check_acts(request: PersonRequest, key: SplitKey) -> None:
    if not may_share_out(request.user, projects_of(key)):
        raise PermissionDenied


def _page(
    request: PersonRequest,
    key: SplitKey,
    *,
    decision: SplitDecisionForm | None = None,
    ending: EndingForm | None = None,
    error: DomainError | None = None,
) -> HttpResponse:
    at = now()
    split = key.ends or key
    projects = projects_of(key)
    may_act = may_share_out(request.user, projects)
    is_waiting = key.state == DecisionState.PROPOSED
    waiting_end = key.endings.filter(state=DecisionState.PROPOSED).first()
    can_end = key.state == DecisionState.CONFIRMED and key.ends is None and not waiting_end
    context = {
        "key": key,
        "split": split,
        **_calculation(request, split, at=at, sees_all=sees_costs_of_all(request.user, projects)),
        "may_decide": may_act and split_keys_to_decide(request.user).filter(pk=key.pk).exists(),
        "may_take_back": is_waiting and key.proposed_by_id == request.user.pk,
        "waiting_end": waiting_end,
        "may_end": may_act and can_end and (key.valid_until is None or key.valid_until > at),
        "decision_form": decision or _begun_decision(request, key),
        "ending_form": ending or EndingForm(at=at),
        "error": error,
    }
    refused = HTTPStatus.UNPROCESSABLE_ENTITY if ending and ending.errors else HTTPStatus.OK
    status = error.http_status if error else refused
    return render(request, "billing/split_keys/detail.html", context, status=status)


def _calculation(
    request: PersonRequest, split: SplitKey, *, at: datetime, sees_all: bool
) -> dict[str, Any]:
    """How the chosen month is shared; nothing where the reader may know of none."""
    chosen = {month_key(one): one for one in months_of(split, at=at, sees_all=sees_all)}
    if not chosen:
        return {"found": None}
    month = chosen.get(request.GET.get("month", "")) or next(iter(chosen.values()))
    return {
        "found": calculate(split, month, at=at, seen=_seen(request, split)),
        "months": [(value, name_of_month(one)) for value, one in chosen.items()],
        "month_key": month_key(month),
    }


def _begun_decision(request: PersonRequest, key: SplitKey) -> SplitDecisionForm:
    """With what the person wrote when they had to log in again."""
    routes = ("billing:split-key-refuse", "billing:split-key-confirm")
    kept = kept_input(request, *[reverse(route, args=[key.public_id]) for route in routes])
    return SplitDecisionForm(initial={"reason": kept.get("reason", "") if kept else ""})


def _seen(request: PersonRequest, split: SplitKey) -> set[int]:
    """The projects that bear a part and whose costs the person sees."""
    recipients = visible_recipients(request.user).filter(key=split)
    return set(recipients.values_list("project_id", flat=True))


def _visible(request: PersonRequest, public_id: UUID) -> SplitKey:
    keys = _with_people(visible_split_keys(request.user)).prefetch_related(
        "recipients__project", "ends__recipients__project"
    )
    return get_object_or_404(keys, public_id=public_id)


def _with_people(keys: QuerySet[SplitKey]) -> QuerySet[SplitKey]:
    return keys.select_related("source", "ends__source", "proposed_by", "decided_by")


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else ROWS
