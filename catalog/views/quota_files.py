"""Limits from and to files: what a person reaches, an example, and handing a file in."""

from __future__ import annotations

from datetime import date
from http import HTTPStatus
from itertools import chain
from typing import Any, Final

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_safe

from catalog.limit_files import LARGEST_FILE
from catalog.models import Metric
from catalog.plan_forms import FileForm
from catalog.services.limit_imports import read_limits
from catalog.services.limit_plans import preview_limits
from catalog.services.quota_sheets import COLUMNS, sheet_rows
from catalog.views.quota_plan import back_to_plan, check_sets_limits, render_preview
from catalog.views.quota_query import focus_node, metrics_in_reach
from portal.core.calendar import day_of
from portal.core.errors import DomainError
from portal.core.sheets import answer_file
from portal.identity.requests import PersonRequest

EXAMPLE_COLUMNS: Final = ("code", "metric", "limit", "from", "until")


@require_http_methods(["GET", "HEAD", "POST"])
def quota_import(request: PersonRequest) -> HttpResponse:
    """Hand a file in, and see what it would do. Nothing is changed by that."""
    if again := back_to_plan(request):
        return again
    check_sets_limits(request)
    if request.method != "POST":
        return _render(request, FileForm())
    form = FileForm(request.POST, files=request.FILES)
    if form.is_valid():
        try:
            lines = read_limits(_content(form.cleaned_data["file"]), actor=request.user)
        except DomainError as error:
            form.show(error)
        else:
            plan = [line.plan for line in lines if line.plan]
            preview = preview_limits(plan, actor=request.user)
            unread = [line for line in lines if line.plan is None]
            return render_preview(request, preview, unread=unread)
    return _render(request, form)


@require_safe
def quota_export(request: PersonRequest, form: str) -> HttpResponseBase:
    """What the person reaches, as a file that can be edited and handed in again."""
    asked = request.GET.get("metric", "")
    is_one = asked in Metric.values
    metrics = [Metric(asked)] if is_one else metrics_in_reach(request.user)
    rows = sheet_rows(request.user, metrics, focus=focus_node(request.GET, request.user))
    day = day_of(now()).isoformat()
    name = f"quota-{asked}-{day}" if is_one else f"quota-{day}"
    return answer_file(chain([COLUMNS], rows), form, name)


@require_safe
def quota_example(request: PersonRequest, form: str) -> HttpResponseBase:
    """A file to begin with: the columns, and a line to overwrite."""
    last = date(day_of(now()).year + 1, 12, 31)
    rows = [EXAMPLE_COLUMNS, ("organisation/project", "vcpus", "40", "", last.isoformat())]
    return answer_file(rows, form, "limits")


def _content(file: Any) -> bytes:
    """What was sent, and no more of it than is needed to see that it is too large."""
    content: bytes = file.read(LARGEST_FILE + 1)
    return content


def _render(request: PersonRequest, form: FileForm) -> HttpResponse:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "catalog/quotas/import.html", {"form": form}, status=status)
