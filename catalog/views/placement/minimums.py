"""Which SEAL is enough for data of a protection level, which takes two people to change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog.minimum_forms import MinimumForm
from catalog.models import SealMinimum
from catalog.offering_forms import RefusalForm
from catalog.offering_policies import may_look_behind
from catalog.placement_policies import (
    may_decide_on_supplies,
    may_draft_supplies,
    visible_minimums,
)
from catalog.placement_words import Objective, label_of
from catalog.services.placement.minimums import (
    LEVELS,
    confirm_minimum,
    minimums_after,
    minimums_in_force,
    propose_minimum,
    refuse_minimum,
    take_back_minimum,
)
from catalog.views.placement.supply_wording import STATE_TONES
from portal.core.errors import DomainError
from portal.identity.models.proposed import DecisionState
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest


@dataclass(frozen=True, kw_only=True)
class MinimumRow:
    """A change of the table, proposed or settled, in a list."""

    minimum: SealMinimum
    name: str
    tone: str
    badge: str


@require_http_methods(["GET", "HEAD", "POST"])
def minimum_list(request: PersonRequest) -> HttpResponse:
    """The table that placements are judged by; who makes assessments proposes a change here."""
    may_propose = may_draft_supplies(request.user)
    if request.method == "POST" and not may_propose:
        raise PermissionDenied
    form = MinimumForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            minimum = _propose(request, form)
        except DomainError as error:
            form.show(error)
        else:
            messages.success(request, _("Proposed. A second person decides."))
            return redirect("catalog:seal-minimum", public_id=minimum.public_id)
    asked = minimums_in_force()
    context = {
        "levels": LEVELS,
        "rows": [
            (label_of(objective), [asked[level, objective] for level in LEVELS])
            for objective in Objective
        ],
        "form": form if may_propose else None,
        "shows_changes": may_look_behind(request.user),
        "changes": [
            _row(each)
            for each in visible_minimums(request.user)
            .select_related("proposed_by", "decided_by")
            .order_by("-pk")
        ],
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "catalog/supplies/minimums.html", context, status=status)


@require_safe
def minimum_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One proposed change, what it changes, and what this person may do with it."""
    return _render(request, _get(request, public_id))


@require_POST
def minimum_confirm(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Yes: from now on placements are judged by it."""
    return _do(
        request,
        _to_decide(request, public_id),
        lambda: confirm_minimum(public_id, actor=request.user),
        _("Confirmed. From now on it decides what may stand where."),
    )


@require_POST
def minimum_refuse(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """No, with a reason."""
    minimum = _to_decide(request, public_id)
    form = RefusalForm(request.POST)
    reason = form.typed("reason")
    return _do(
        request,
        minimum,
        lambda: refuse_minimum(public_id, actor=request.user, reason=reason),
        _("Refused. Everything stays as it was."),
        form,
    )


@require_POST
def minimum_take_back(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Take one's own proposal back."""
    minimum = _get(request, public_id)
    if not may_draft_supplies(request.user):
        raise PermissionDenied
    return _do(
        request,
        minimum,
        lambda: take_back_minimum(public_id, actor=request.user),
        _("Taken back. Everything stays as it was."),
    )


def _propose(request: PersonRequest, form: MinimumForm) -> SealMinimum:
    said = form.cleaned_data
    return propose_minimum(
        said["protection_level"], said["objective"], said["seal"], actor=request.user
    )


def _render(
    request: PersonRequest,
    minimum: SealMinimum,
    *,
    form: RefusalForm | None = None,
    error: DomainError | None = None,
) -> HttpResponse:
    waits = minimum.state == DecisionState.PROPOSED
    is_own = minimum.proposed_by_id == request.user.pk
    context = {
        "row": _row(minimum),
        "minimum": minimum,
        "changes": _changes(minimum) if waits else [],
        "waits": waits,
        "is_own": waits and is_own,
        "may_decide": waits and not is_own and may_decide_on_supplies(request.user),
        "decision_form": form or _begun_refusal(request, minimum),
        "form": form,
        "error": error if form is None or not form.errors else None,
    }
    status = error.http_status if error else HTTPStatus.OK
    return render(request, "catalog/supplies/minimum.html", context, status=status)


def _changes(minimum: SealMinimum) -> list[tuple[Any, int, int]]:
    """The objectives of which the lowest SEAL becomes another: what it is, and will be."""
    level = minimum.protection_level
    objective = Objective(minimum.objective) if minimum.objective else None
    before, after = minimums_in_force(), minimums_after(level, objective, minimum.seal)
    return [
        (label_of(each), before[level, each], after[level, each])
        for each in Objective
        if before[level, each] != after[level, each]
    ]


def name_of_minimum(minimum: SealMinimum) -> str:
    """“TBB 3, Technology: SEAL-3”."""
    objective = (
        label_of(Objective(minimum.objective)) if minimum.objective else _("All other objectives")
    )
    return f"TBB {minimum.protection_level}, {objective}: SEAL-{minimum.seal}"


def _row(minimum: SealMinimum) -> MinimumRow:
    is_over = minimum.ended_at is not None
    return MinimumRow(
        minimum=minimum,
        name=name_of_minimum(minimum),
        tone="neutral" if is_over else STATE_TONES[minimum.state],
        badge=_("Replaced") if is_over else minimum.get_state_display(),
    )


def _do(
    request: PersonRequest,
    minimum: SealMinimum,
    service: Callable[[], Any],
    done: str,
    form: RefusalForm | None = None,
) -> HttpResponse:
    """Do it, or show the proposal with why not, and what was typed."""
    try:
        service()
    except DomainError as error:
        if form is not None:
            form.show(error)
        return _render(request, _get(request, minimum.public_id), form=form, error=error)
    messages.success(request, done)
    return redirect("catalog:seal-minimum", public_id=minimum.public_id)


def _get(request: PersonRequest, public_id: UUID) -> SealMinimum:
    visible = visible_minimums(request.user).select_related("proposed_by", "decided_by")
    return get_object_or_404(visible, public_id=public_id)


def _to_decide(request: PersonRequest, public_id: UUID) -> SealMinimum:
    minimum = _get(request, public_id)
    if not may_decide_on_supplies(request.user):
        raise PermissionDenied
    return minimum


def _begun_refusal(request: PersonRequest, minimum: SealMinimum) -> RefusalForm:
    """With the reason that the person typed before they had to log in again."""
    where = reverse("catalog:seal-minimum-refuse", args=[minimum.public_id])
    kept: Any = kept_input(request, where)
    return RefusalForm(initial={"reason": kept.get("reason", "") if kept else ""})
