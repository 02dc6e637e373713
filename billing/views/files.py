"""Files by the clock: what is made for whom, the files themselves, setting up and ending."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.file_answers import answer_scheduled
from billing.file_contents import name_of
from billing.file_forms import FileScheduleForm
from billing.models import FileKind, FileRhythm, FileState
from billing.policies import (
    may_schedule_files,
    may_see_costs,
    organizations_to_schedule,
    visible_files,
    visible_schedules,
)
from billing.services.file_schedules import end_files, set_up_files
from portal.core.errors import DomainError
from portal.identity.models import Organization
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 50


@require_http_methods(["GET", "HEAD", "POST"])
def file_list(request: PersonRequest) -> HttpResponse:
    """What is made, and the files, newest first; finance sets up more."""
    if not may_see_costs(request.user):
        raise PermissionDenied
    if request.method != "POST":
        return _page(request, None)
    organizations = list(organizations_to_schedule(request.user).order_by("name"))
    if not organizations:
        raise PermissionDenied
    form = FileScheduleForm(request.POST, organizations=organizations)
    if not form.is_valid():
        return _page(request, form)
    try:
        set_up_files(
            Organization.objects.get(public_id=form.cleaned_data["organization"]),
            FileKind(form.cleaned_data["kind"]),
            FileRhythm(form.cleaned_data["rhythm"]),
            kept_days=form.cleaned_data["kept_days"],
            actor=request.user,
        )
    except DomainError as error:
        form.show(error)
        return _page(request, form)
    messages.success(request, _("Set up. The first file comes by itself."))
    return redirect("billing:files")


@require_POST
def file_schedule_end(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Make no more of these files."""
    schedules = visible_schedules(request.user).select_related("organization")
    schedule = get_object_or_404(schedules, public_id=public_id)
    if not may_schedule_files(request.user, schedule.organization, also_ended=True):
        raise PermissionDenied
    try:
        end_files(public_id, actor=request.user)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Ended. The files that are there stay until their day."))
    return redirect("billing:files")


@require_safe
def file_content(request: PersonRequest, public_id: UUID) -> HttpResponseBase:
    """One file, as it was made."""
    if not may_see_costs(request.user):
        raise PermissionDenied
    files = visible_files(request.user).select_related("schedule__organization")
    return answer_scheduled(get_object_or_404(files, public_id=public_id))


def _page(request: PersonRequest, form: FileScheduleForm | None) -> HttpResponse:
    organizations = list(organizations_to_schedule(request.user).order_by("name"))
    schedules = visible_schedules(request.user).filter(ended_at=None)
    files = visible_files(request.user).filter(
        ~Q(state=FileState.WAITING) | Q(schedule__ended_at=None)
    )
    pages = Paginator(
        files.select_related("schedule__organization").order_by("-day", "-pk"), PAGE_SIZE
    )
    page = pages.get_page(request.GET.get("page"))
    context = {
        "form": form or (FileScheduleForm(organizations=organizations) if organizations else None),
        "sent": form,
        "schedules": [
            (schedule, may_schedule_files(request.user, schedule.organization, also_ended=True))
            for schedule in schedules.select_related("organization", "set_by").order_by(
                "organization__name", "kind", "rhythm"
            )
        ],
        "page": page,
        "files": [(file, name_of(file)) for file in page],
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form else HTTPStatus.OK
    return render(request, "billing/files/list.html", context, status=status)
