"""Leaving: taking the package of a project along, and testing whether the exit plan works."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from catalog.exit_answers import answer_package
from catalog.exit_forms import ExitStepForm, ExitTestForm
from catalog.exit_package.plan_steps import PACKAGE_MADE, PlanStep, Scenario, steps_of
from catalog.exit_policies import (
    may_take_audit,
    may_take_costs,
    may_take_exit,
    may_test_exit,
    visible_exit_packages,
    visible_exit_tests,
    visible_exits,
)
from catalog.models import SCENARIOS, ExitOutcome, ExitPackage, ExitTest, ExitTestStep
from catalog.services.exit_files import make_exit_package
from catalog.services.exit_tests import begin_exit_test, do_exit_step, end_exit_test
from portal.core.calendar import day_of
from portal.core.errors import DomainError
from portal.core.formats import clock, day
from portal.identity.models import Project
from portal.identity.requests import PersonRequest

MOST_SHOWN: Final = 10


@dataclass(frozen=True)
class StepRow:
    """One step of a test; ``form`` where it can be ticked off. ``is_next``: to do now."""

    number: int
    step: PlanStep
    done: ExitTestStep | None
    form: ExitStepForm | None
    is_next: bool


@dataclass(frozen=True)
class TestRow:
    """One test in the list, with how far it is."""

    test: ExitTest
    done: int
    steps: int


@require_safe
def exit_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """What was taken along, what tests showed, and what can be done now."""
    return _page(request, get_object_or_404(visible_exits(request.user), public_id=public_id))


@require_POST
def exit_package(request: PersonRequest, public_id: UUID) -> HttpResponseBase:
    """Make the package, and answer with it."""
    project = get_object_or_404(visible_exits(request.user), public_id=public_id)
    if not may_take_exit(request.user, project):
        raise PermissionDenied
    package, file = make_exit_package(public_id, actor=request.user)
    return answer_package(package, file)


@require_POST
def exit_test_begin(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Begin a test of the plan."""
    project = get_object_or_404(visible_exits(request.user), public_id=public_id)
    if not may_test_exit(request.user, project):
        raise PermissionDenied
    form = ExitTestForm(request.POST)
    if not form.is_valid():
        return _page(request, project, form)
    scenario = Scenario(form.cleaned_data["scenario"])
    try:
        test = begin_exit_test(public_id, scenario=scenario, actor=request.user)
    except DomainError as error:
        form.show(error)
        return _page(request, project, form)
    messages.success(request, _("Begun. Tick off each step when it is done."))
    return redirect("catalog:exit-test", public_id=test.public_id)


@require_safe
def exit_test_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """The steps of one test, with what showed that each was done."""
    return _test_page(request, get_object_or_404(_tests(request), public_id=public_id))


@require_POST
def exit_test_step(request: PersonRequest, public_id: UUID, key: str) -> HttpResponse:
    """Tick off one step."""
    test = _to_change(request, public_id)
    form = ExitStepForm(request.POST, prefix=key)
    if not form.is_valid():
        return _test_page(request, test, key=key, form=form)
    evidence = form.cleaned_data["evidence"]
    try:
        do_exit_step(public_id, key=key, evidence=evidence, actor=request.user)
    except DomainError as error:
        form.show(error)
        return _test_page(request, test, key=key, form=form)
    messages.success(request, _("Ticked off."))
    return redirect("catalog:exit-test", public_id=public_id)


@require_POST
def exit_test_pass(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Every step is done: the plan works."""
    return _end(request, public_id, ExitOutcome.PASSED, _("Passed. The plan works."))


@require_POST
def exit_test_give_up(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """The plan did not work, or there was no time for it."""
    done = _("Given up. What you ticked off stays to be read.")
    return _end(request, public_id, ExitOutcome.GIVEN_UP, done)


def _end(request: PersonRequest, public_id: UUID, outcome: ExitOutcome, done: str) -> HttpResponse:
    test = _to_change(request, public_id)
    try:
        end_exit_test(public_id, outcome=outcome, actor=request.user)
    except DomainError as error:
        return _test_page(request, test, error=error)
    messages.success(request, done)
    return redirect("catalog:exit", public_id=test.project.public_id)


def _tests(request: PersonRequest) -> QuerySet[ExitTest]:
    return visible_exit_tests(request.user).select_related("project", "begun_by", "ended_by")


def _to_change(request: PersonRequest, public_id: UUID) -> ExitTest:
    test = get_object_or_404(_tests(request), public_id=public_id)
    if not may_test_exit(request.user, test.project):
        raise PermissionDenied
    return test


def _page(
    request: PersonRequest, project: Project, form: ExitTestForm | None = None
) -> HttpResponse:
    of_project = visible_exit_packages(request.user).filter(project=project)
    tests = _tests(request).filter(project=project)
    to_begin = _to_begin(tests)
    context = {
        "project": project,
        "packages": of_project.select_related("made_by").order_by("-made_at", "-pk")[:MOST_SHOWN],
        "tests": _test_rows(tests),
        "passed": _passed(tests),
        "may_take": may_take_exit(request.user, project),
        "has_costs": may_take_costs(request.user, project),
        "has_audit": may_take_audit(request.user, project),
        "may_begin": bool(to_begin) and may_test_exit(request.user, project),
        "form": form or ExitTestForm(initial={"scenario": next(iter(to_begin), "")}),
    }
    is_wrong = form is not None and form.errors
    status = HTTPStatus.UNPROCESSABLE_ENTITY if is_wrong else HTTPStatus.OK
    return render(request, "catalog/exit/project.html", context, status=status)


def _test_rows(tests: QuerySet[ExitTest]) -> list[TestRow]:
    newest = tests.annotate(done=Count("steps")).order_by("-begun_at", "-pk")[:MOST_SHOWN]
    return [TestRow(test, test.done, len(steps_of(Scenario(test.scenario)))) for test in newest]


def _to_begin(tests: QuerySet[ExitTest]) -> list[Scenario]:
    """The kinds of which none runs."""
    running = set(tests.filter(ended_at=None).values_list("scenario", flat=True))
    return [scenario for scenario in Scenario if scenario not in running]


def _passed(tests: QuerySet[ExitTest]) -> list[tuple[str | Promise, datetime | None]]:
    """Each kind, and when a test of it was last passed."""
    passed = tests.filter(outcome=ExitOutcome.PASSED).order_by("scenario")
    newest = dict(passed.values_list("scenario").annotate(at=Max("ended_at")))
    return [(label, newest.get(scenario)) for scenario, label in SCENARIOS]


def _test_page(
    request: PersonRequest,
    test: ExitTest,
    *,
    key: str = "",
    form: ExitStepForm | None = None,
    error: DomainError | None = None,
) -> HttpResponse:
    """``form``: what was filled in for the step ``key``, and was refused."""
    may_change = test.is_running and may_test_exit(request.user, test.project)
    done = {step.key: step for step in test.steps.select_related("done_by")}

    def form_for(step: PlanStep) -> ExitStepForm | None:
        if step.key in done or not may_change:
            return None
        known = {"evidence": _known_evidence(test)} if step.key == PACKAGE_MADE else None
        return form if form and step.key == key else ExitStepForm(prefix=step.key, initial=known)

    steps = steps_of(Scenario(test.scenario))
    to_do = key or next((step.key for step in steps if step.key not in done), "")
    context: dict[str, Any] = {
        "test": test,
        "rows": [
            StepRow(number, step, done.get(step.key), form_for(step), step.key == to_do)
            for number, step in enumerate(steps, start=1)
        ],
        "done": len(done),
        "form": form,
        "error": error,
        "may_change": may_change,
        "is_complete": all(step.key in done for step in steps),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form or error else HTTPStatus.OK
    return render(request, "catalog/exit/test.html", context, status=status)


def _known_evidence(test: ExitTest) -> str:
    """Of the package that was made during the test, what the portal knows itself."""
    made = ExitPackage.objects.filter(project=test.project, made_at__gte=test.begun_at)
    package = made.select_related("made_by").order_by("-made_at", "-pk").first()
    if package is None:
        return ""
    return _("{moment}, {name}. SHA-256: {sha256}").format(
        moment=f"{day(day_of(package.made_at))}, {clock(package.made_at)}",
        name=package.made_by.name,
        sha256=package.sha256,
    )
