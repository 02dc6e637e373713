"""What is known of the data of a project, what the rules say of it, and answering the questions."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from catalog.models import WorkloadProfile
from catalog.placement_forms import WorkloadForm, as_tried, initial_of
from catalog.placement_policies import may_classify, visible_workloads
from catalog.policies import offerings_for
from catalog.services.placement import (
    Answers,
    answer_questions,
    current_profile,
    opinions_on,
)
from catalog.views.placement.advice import PlaceAdvice, advices_by_place
from catalog.views.placement.wording import answers_in_words
from portal.core.errors import DomainError
from portal.identity.facts import FactKind, facts_of
from portal.identity.models import Project
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest

FILLED_IN: Final = "fill"  # sent by the page that tries answers: nothing is saved yet


@require_safe
def workload(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """The answers in force, and where the data may stand by them."""
    project = _project(request, public_id)
    profile = current_profile(project)
    context = {
        "project": project,
        "profile": profile,
        "answers": answers_in_words(Answers.of(profile)) if profile else [],
        "advices": _advices(project),
        "data_owner": _data_owner(project),
        "may_answer": project.ended_at is None and may_classify(request.user, project),
    }
    return render(request, "catalog/placement/workload.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def workload_answer(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Answer the questions, anew where somebody did before, or as they were tried elsewhere."""
    project = _project(request, public_id)
    if project.ended_at is not None or not may_classify(request.user, project):
        raise PermissionDenied
    profile = current_profile(project)
    is_sent = request.method == "POST" and FILLED_IN not in request.POST
    form = WorkloadForm(
        request.POST if is_sent else None, initial=_initial(profile) | _typed(request)
    )
    if form.is_valid():
        try:
            answer_questions(public_id, form.answers(), actor=request.user)
        except DomainError as error:
            form.show(error)
        else:
            messages.success(request, _("The answers are saved. They hold from now on."))
            return redirect("catalog:workload", public_id=public_id)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    context = {"project": project, "form": form, "is_first": profile is None}
    return render(request, "catalog/placement/answer.html", context, status=status)


def _project(request: PersonRequest, public_id: UUID) -> Project:
    return get_object_or_404(visible_workloads(request.user), public_id=public_id)


def _initial(profile: WorkloadProfile | None) -> dict[str, object]:
    return initial_of(Answers.of(profile)) if profile else {}


def _typed(request: PersonRequest) -> dict[str, object]:
    """What was typed before a trip to log in, or tried on another page."""
    if FILLED_IN in request.POST:
        return as_tried(request.POST)
    kept = kept_input(request)
    return dict(kept.dict()) if kept else {}


def _data_owner(project: Project) -> str:
    """Who answers for the data now; empty: nobody was named."""
    fact = next(fact for fact in facts_of(project, at=now()) if fact.kind == FactKind.DATA_OWNER)
    return fact.current.owner.name if fact.current else ""  # type: ignore[union-attr]  # a DataOwner


def _advices(project: Project) -> list[PlaceAdvice]:
    versions = list(offerings_for(project))
    return advices_by_place(versions, opinions_on(project, versions))
