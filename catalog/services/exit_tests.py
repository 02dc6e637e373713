"""Testing an exit plan: step by step, each with the evidence that it was done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.exit_errors import ExitStepDone, ExitStepsLeft, ExitTestEnded, ExitTestRuns
from catalog.exit_package.plan_steps import PlanStep, Scenario, step_called, steps_of
from catalog.exit_policies import may_test_exit, visible_exit_tests, visible_exits
from catalog.models import (
    STEP_EVIDENCE_LENGTH,
    ExitOutcome,
    ExitTest,
    ExitTestStep,
    WorkloadEvidence,
)
from catalog.placement_words import EvidenceKind
from portal.audit.services import record
from portal.core.calendar import day_of
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.locks import lock_tree_shared
from portal.core.text import clean_text
from portal.identity.models import Person

_EVIDENCE: Final[Mapping[Scenario, EvidenceKind]] = {
    Scenario.PLANNED: EvidenceKind.EXIT_TEST_PLANNED,
    Scenario.DISRUPTIVE: EvidenceKind.EXIT_TEST_DISRUPTIVE,
}


@transaction.atomic(durable=True)
def begin_exit_test(project_id: UUID, *, scenario: Scenario, actor: Person) -> ExitTest:
    """Begin a test of the project's exit plan.

    Raises:
        Project.DoesNotExist: the actor does not reach it.
        NotAllowed: the actor does not work there, or it has ended.
        ExitTestRuns: one of this kind runs already.
    """
    lock_tree_shared()
    project = visible_exits(actor).get(public_id=project_id)
    if not may_test_exit(actor, project):
        raise NotAllowed()
    test, is_new = ExitTest.objects.get_or_create(
        project=project,
        scenario=scenario,
        ended_at=None,
        defaults={"begun_by": actor, "begun_at": now()},
    )
    if not is_new:
        raise ExitTestRuns()
    data = {"scenario": scenario.value}
    record("exit_test.begun", test, actor=actor, node_id=project.pk, data=data)
    return test


@transaction.atomic(durable=True)
def do_exit_step(public_id: UUID, *, key: str, evidence: str, actor: Person) -> ExitTestStep:
    """Tick off one step, with what shows that it was done: words, or where to find it.

    Raises:
        ExitTest.DoesNotExist: the actor does not reach it.
        NotAllowed: the actor does not work there.
        ExitTestEnded, ExitStepDone: it is too late.
        InvalidInput: there is no such step, or the evidence lacks.
    """
    test = _lock(public_id, actor)
    step = step_called(Scenario(test.scenario), key)
    if step is None:
        raise InvalidInput({"key": [_("This test has no such step.")]})
    says = {"done_by": actor, "done_at": now(), "evidence": _cleaned(evidence)}
    done, is_new = ExitTestStep.objects.get_or_create(test=test, key=step.key, defaults=says)
    if not is_new:
        raise ExitStepDone()
    data = {"step": step.key}
    record("exit_test.step_done", test, actor=actor, node_id=test.project_id, data=data)
    return done


@transaction.atomic(durable=True)
def end_exit_test(public_id: UUID, *, outcome: ExitOutcome, actor: Person) -> ExitTest:
    """End a test: passed, when every step is done; or given up.

    One that was passed is evidence about the project, of this day: placements ask for it.

    Raises:
        ExitTest.DoesNotExist: the actor does not reach it.
        NotAllowed: the actor does not work there.
        ExitTestEnded: it is too late.
        ExitStepsLeft: it was not passed yet.
    """
    test = _lock(public_id, actor)
    left = steps_left(test)
    if outcome == ExitOutcome.PASSED and left:
        raise ExitStepsLeft(steps=", ".join(str(step.label) for step in left))
    test.ended_by, test.ended_at, test.outcome = actor, now(), outcome
    test.save(update_fields=["ended_by", "ended_at", "outcome"])
    data = {"outcome": outcome.value}
    record("exit_test.ended", test, actor=actor, node_id=test.project_id, data=data)
    if outcome == ExitOutcome.PASSED:
        _record_evidence(test, actor=actor, at=test.ended_at)
    return test


def _record_evidence(test: ExitTest, *, actor: Person, at: datetime) -> None:
    """What was shown step by step is where the page of the test is."""
    page = reverse("catalog:exit-test", args=[test.public_id])
    evidence = WorkloadEvidence.objects.create(
        project=test.project,
        kind=_EVIDENCE[Scenario(test.scenario)],
        reference=f"{settings.PUBLIC_URL.origin}{page}",
        dated_on=day_of(at),
        recorded_by=actor,
        recorded_at=at,
    )
    data = {"kind": evidence.kind, "exit_test": str(test.public_id)}
    record("workload.evidence_recorded", evidence, actor=actor, node_id=test.project_id, data=data)


def steps_left(test: ExitTest) -> list[PlanStep]:
    """What is still to be done of it, in order."""
    done = set(test.steps.values_list("key", flat=True))
    return [step for step in steps_of(Scenario(test.scenario)) if step.key not in done]


def _lock(public_id: UUID, actor: Person) -> ExitTest:
    """The test, which nobody else adds to or ends meanwhile."""
    lock_tree_shared()
    seen = visible_exit_tests(actor).select_for_update(of=["self"])
    test = seen.select_related("project").get(public_id=public_id)
    if not may_test_exit(actor, test.project):
        raise NotAllowed()
    if not test.is_running:
        raise ExitTestEnded()
    return test


def _cleaned(evidence: str) -> str:
    try:
        text = clean_text(evidence, max_length=STEP_EVIDENCE_LENGTH, multiline=True)
    except ValueError as error:
        raise InvalidInput({"evidence": [str(error)]}) from error
    if not text:
        raise InvalidInput({"evidence": [_("Write what shows that it was done.")]})
    return text
