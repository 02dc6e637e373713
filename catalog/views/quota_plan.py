"""Several limits at once: what they would do, on a page, and setting them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from catalog.amounts import amount_in_words, limit_in_words
from catalog.plan_forms import PlanReasonForm
from catalog.quota_errors import PlanUnreadable
from catalog.quota_policies import nodes_to_limit
from catalog.services.limit_imports import Line
from catalog.services.limit_periods import LimitPeriod
from catalog.services.limit_plans import (
    Effect,
    PlanLine,
    Preview,
    apply_plan,
    open_plan,
    preview_limits,
    seal_plan,
)
from portal.core.errors import DomainError, InvalidInput, NotAllowed
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest


@dataclass(frozen=True, kw_only=True)
class EffectRow:
    """A line of the preview as the page shows it; of what could not be tried little is known.

    Attributes:
        number: of the line in a file; 0 when it comes from elsewhere.
        before: the limit that holds when this one begins.
        begins: when the limit begins, if that is later.
        undone: what would follow, and no longer does: how much, and when.
    """

    number: int
    name: str
    problems: Sequence[str]
    metric: str = ""
    before: str = ""
    after: str = ""
    claimed: str = ""
    free: str = ""
    begins: datetime | None = None
    ends: datetime | None = None
    undone: Sequence[tuple[str, LimitPeriod]] = ()
    is_new: bool = False
    is_over: bool = False


def _row_of(effect: Effect) -> EffectRow:
    line, metric = effect.line, effect.line.metric
    tried = {}
    if effect.step:
        tried = {
            "before": limit_in_words(metric, effect.before),
            "claimed": amount_in_words(metric, effect.claimed),
            "free": limit_in_words(metric, effect.free),
        }
    return EffectRow(
        number=line.number,
        name=line.node.name,
        problems=effect.problems,
        metric=str(metric.label),
        after=limit_in_words(metric, line.amount),
        begins=line.valid_from if line.valid_from and line.valid_from > now() else None,
        ends=line.valid_until,
        undone=[(limit_in_words(metric, one.limit), one) for one in effect.undone],
        is_new=effect.is_new,
        is_over=effect.is_over,
        **tried,
    )


@require_http_methods(["GET", "HEAD", "POST"])
def quota_plan(request: PersonRequest) -> HttpResponse:
    """Set the limits that were shown; who had to log in again sees them once more first."""
    sent = request.POST if request.method == "POST" else kept_input(request)
    if sent is None:
        return redirect("catalog:quotas")
    try:
        lines, seen = open_plan(sent.get("plan", ""), actor=request.user)
    except PlanUnreadable as error:
        context = {"error": error}
        return render(request, "catalog/quotas/plan.html", context, status=error.http_status)
    if request.method == "POST":
        return _set(request, lines, seen)
    form = PlanReasonForm(initial={"reason": sent.get("reason", "")})
    return render_preview(request, preview_limits(lines, actor=request.user), form=form)


def _set(request: PersonRequest, lines: list[PlanLine], seen: str) -> HttpResponse:
    """Set them, or show what they would do now, with what was in the way."""
    form = PlanReasonForm(request.POST)
    if not form.is_valid():
        return render_preview(request, preview_limits(lines, actor=request.user), form=form)
    try:
        apply_plan(lines, seen=seen, actor=request.user, **form.cleaned_data)
    except NotAllowed as error:
        raise PermissionDenied from error
    except InvalidInput as error:
        form.show(error)
        return render_preview(request, preview_limits(lines, actor=request.user), form=form)
    except DomainError as error:
        preview = preview_limits(lines, actor=request.user)
        return render_preview(request, preview, form=form, error=error)
    done = ngettext("{count} limit is set.", "{count} limits are set.", len(lines))
    messages.success(request, done.format(count=len(lines)))
    metrics = {line.metric.value for line in lines}
    query = f"?metric={metrics.pop()}" if len(metrics) == 1 else ""
    address = f"{reverse('catalog:quotas')}{query}"
    return HttpResponseRedirect(address, status=HTTPStatus.SEE_OTHER)


def render_preview(
    request: PersonRequest,
    preview: Preview,
    *,
    unread: Sequence[Line] = (),
    form: PlanReasonForm | None = None,
    error: DomainError | None = None,
    typed: Sequence[tuple[str, str]] = (),
) -> HttpResponse:
    """The effects as a table, with a button when nothing is wrong.

    Args:
        unread: lines of a file of which nothing could be made.
        typed: the form that it comes from, to go back to.
    """
    rows = [_row_of(effect) for effect in preview.effects]
    rows += [
        EffectRow(number=line.number, name=line.name, problems=line.problems) for line in unread
    ]
    rows.sort(key=lambda row: row.number)
    wrong = [row for row in rows if row.problems]
    lines = preview.lines_to_set
    shown = [row for row in rows if row.is_new or row.problems]
    context = {
        "rows": shown,
        "same_text": _same_text(len(rows) - len(shown)),
        "wrong": wrong,
        "over_count": sum(row.is_over and row.is_new for row in rows),
        "undone_count": sum(bool(row.undone) and row.ends is None for row in rows),
        "set_count": len(lines),
        "is_of_file": any(row.number for row in rows),
        "plan": seal_plan(preview, actor=request.user) if lines and not wrong else "",
        "form": form or PlanReasonForm(),
        "error": error,
        "typed": typed,
    }
    status = HTTPStatus.OK
    if wrong or (form and form.errors):
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    if error and not wrong:
        status = HTTPStatus(error.http_status)
    return render(request, "catalog/quotas/plan.html", context, status=status)


def _same_text(count: int) -> str:
    text = ngettext("{count} line changes nothing", "{count} lines change nothing", count)
    return text.format(count=count) if count else ""


def check_sets_limits(request: PersonRequest) -> None:
    """Who sets no limit anywhere has nothing to do here."""
    if not nodes_to_limit(request.user).exists():
        raise PermissionDenied


def back_to_plan(request: HttpRequest) -> HttpResponse | None:
    """To the effects again, for who had to log in while looking at them."""
    address = reverse("catalog:quota-plan")
    if kept_input(request, address) is None:
        return None
    return redirect(f"{address}?kept={request.GET['kept']}")
