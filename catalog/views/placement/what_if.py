"""Trying answers: where data may stand by them. Nothing is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from catalog.placement import effective_tbb
from catalog.placement_forms import WhatIfForm, initial_of
from catalog.placement_policies import may_classify, visible_workloads
from catalog.policies import offerings_for, visible_offerings
from catalog.services.placement import Answers, current_profile, try_answers, try_examples
from catalog.views.placement.advice import PlaceAdvice, advices_by_place
from portal.identity.models import Person, Project
from portal.identity.requests import PersonRequest

_EXAMPLES: Final[dict[str, str | Promise]] = {
    "public_european": gettext_lazy("Public cloud, owners in the EU"),
    "public_foreign": gettext_lazy("Public cloud, owner outside the EU"),
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Where data with these answers may stand. ``level``: its TBB; None: not known."""

    level: int | None
    places: Sequence[PlaceAdvice]
    examples: Sequence[PlaceAdvice]

    @property
    def admitting(self) -> list[str]:
        """The places where it may stand."""
        return [place.name for place in self.places if place.is_admissible]

    @property
    def is_undecided(self) -> bool:
        """Whether an answer that lacks may still make it admissible somewhere."""
        return any(place.advice.is_undecided for place in self.places)

    @property
    def announcement(self) -> str:
        """In one short sentence, for who does not see the page change."""
        if self.admitting:
            return _("It may stand in {places}.").format(places=", ".join(self.admitting))
        return _("It cannot be told yet.") if self.is_undecided else _("It may stand nowhere here.")


@require_http_methods(["GET", "HEAD", "POST"])
def what_if(request: PersonRequest) -> HttpResponse:
    """Answer the questions about some data, and read at once where it may stand by that."""
    projects = visible_workloads(request.user).filter(ended_at=None).order_by("name")
    if request.method == "POST":
        form = WhatIfForm(projects, request.POST)
        project = form.cleaned_data["project"] if form.is_valid() else None
        answers = form.answers() if form.is_valid() else None
    else:
        project = _named(request, projects)
        profile = current_profile(project) if project else None
        answers = Answers.of(profile) if profile else None
        form = WhatIfForm(projects, initial=_initial(project, answers))
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    context = {
        "form": form,
        "project": project,
        "outcome": _outcome(request.user, project, answers) if answers else None,
        "may_answer": project is not None and may_classify(request.user, project),
    }
    page = "catalog/placement/_outcome.html" if request.htmx else "catalog/placement/what_if.html"
    return render(request, page, context, status=status)


def _named(request: PersonRequest, projects: QuerySet[Project]) -> Project | None:
    """The project that the address names.

    Raises:
        Http404: the person sees no such project.
    """
    public_id = request.GET.get("project")
    if not public_id:
        return None
    for project in projects:
        if str(project.public_id) == public_id:
            return project
    raise Http404


def _initial(project: Project | None, answers: Answers | None) -> dict[str, object]:
    known = initial_of(answers) if answers else {}
    return known | ({"project": project.public_id} if project else {})


def _outcome(person: Person, project: Project | None, answers: Answers) -> Outcome:
    at = now()
    offered = offerings_for(project) if project else visible_offerings(person)
    versions = list(offered)
    tried = try_answers(answers, versions, project=project, at=at)
    examples = try_examples(answers, at=at)
    return Outcome(
        level=effective_tbb(answers.as_workload()),
        places=advices_by_place(versions, tried),
        examples=[
            PlaceAdvice(
                name=str(_EXAMPLES[name]),
                offerings=[],
                advice=advice,
                is_admissible=advice.is_admissible(is_permitted=False),
            )
            for name, advice in examples.items()
        ],
    )
