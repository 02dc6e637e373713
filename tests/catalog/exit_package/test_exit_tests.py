"""Testing an exit plan: step by step, with evidence, until it is passed or given up."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse
from django.utils.translation import override

from catalog.exit_errors import ExitStepDone, ExitStepsLeft, ExitTestEnded, ExitTestRuns
from catalog.exit_package.plan_steps import Scenario, steps_of
from catalog.models import ExitOutcome, ExitTest, ExitTestStep, WorkloadEvidence
from catalog.placement_words import EvidenceKind
from catalog.services.exit_tests import (
    begin_exit_test,
    do_exit_step,
    end_exit_test,
    steps_left,
)
from portal.audit.models import AuditEntry
from portal.core.errors import DomainError, InvalidInput, NotAllowed
from portal.identity.models import Project, Role
from tests.constraints import refused_by
from tests.factories import PersonFactory, grant, make_project

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 60  # seconds


@pytest.fixture
def begun(requester, project):
    return begin_exit_test(project.public_id, scenario=Scenario.PLANNED, actor=requester)


def do_all(begun, actor, *, but=()):
    for step in steps_of(Scenario(begun.scenario)):
        if step.key not in but:
            do_exit_step(begun.public_id, key=step.key, evidence="Zie het verslag", actor=actor)


def events():
    """How often each thing was told of."""
    told = AuditEntry.objects.filter(event__startswith="exit_test.")
    names = told.values_list("event", flat=True)
    return Counter(name.removeprefix("exit_test.") for name in names)


def test_passed_once_every_step_is_done(begun, requester):
    do_all(begun, requester)

    end_exit_test(begun.public_id, outcome=ExitOutcome.PASSED, actor=requester)

    begun.refresh_from_db()
    assert (begun.outcome, begun.ended_by, begun.is_running) == ("passed", requester, False)
    count = len(steps_of(Scenario.PLANNED))
    assert events() == {"begun": 1, "step_done": count, "ended": 1}


@pytest.mark.parametrize(
    ("scenario", "kind"),
    [
        (Scenario.PLANNED, EvidenceKind.EXIT_TEST_PLANNED),
        (Scenario.DISRUPTIVE, EvidenceKind.EXIT_TEST_DISRUPTIVE),
    ],
)
def test_a_passed_test_is_evidence_of_that_day(project, requester, monkeypatch, scenario, kind):
    """Of the day in Amsterdam: half past midnight there is the day before in UTC."""
    test = begin_exit_test(project.public_id, scenario=scenario, actor=requester)
    do_all(test, requester)
    at = datetime(2031, 7, 1, 22, 30, tzinfo=UTC)
    monkeypatch.setattr("catalog.services.exit_tests.now", lambda: at)

    end_exit_test(test.public_id, outcome=ExitOutcome.PASSED, actor=requester)

    evidence = WorkloadEvidence.objects.get()
    assert (evidence.project.pk, evidence.kind) == (project.pk, kind)
    assert (evidence.dated_on, evidence.recorded_at) == (date(2031, 7, 2), at)
    assert evidence.recorded_by == requester
    page = reverse("catalog:exit-test", args=[test.public_id])
    assert evidence.reference == f"{settings.PUBLIC_URL.origin}{page}"
    entry = AuditEntry.objects.get(event="workload.evidence_recorded")
    assert (entry.subject_public_id, entry.node_id) == (evidence.public_id, project.pk)
    assert entry.data == {"kind": kind, "exit_test": str(test.public_id)}


def test_a_test_that_was_given_up_is_no_evidence(begun, requester):
    do_all(begun, requester)

    end_exit_test(begun.public_id, outcome=ExitOutcome.GIVEN_UP, actor=requester)

    assert not WorkloadEvidence.objects.exists()


@override("en")
def test_not_passed_while_a_step_is_left(begun, requester):
    do_all(begun, requester, but=["users_told", "dns_moved"])

    with pytest.raises(ExitStepsLeft, match="The names lead to the new place, The users were told"):
        end_exit_test(begun.public_id, outcome=ExitOutcome.PASSED, actor=requester)

    assert [step.key for step in steps_left(begun)] == ["dns_moved", "users_told"]
    assert ExitTest.objects.get().is_running


def test_given_up_at_any_time(begun, requester):
    end_exit_test(begun.public_id, outcome=ExitOutcome.GIVEN_UP, actor=requester)

    assert ExitTest.objects.get().outcome == "given_up"


def test_of_each_kind_one_runs_at_a_time(begun, project, requester):
    begin_exit_test(project.public_id, scenario=Scenario.DISRUPTIVE, actor=requester)
    with pytest.raises(ExitTestRuns):
        begin_exit_test(project.public_id, scenario=Scenario.PLANNED, actor=requester)

    end_exit_test(begun.public_id, outcome=ExitOutcome.GIVEN_UP, actor=requester)

    again = begin_exit_test(project.public_id, scenario=Scenario.PLANNED, actor=requester)
    assert again != begun


def test_a_step_is_done_once(begun, requester):
    do_exit_step(begun.public_id, key="users_told", evidence="Per mail", actor=requester)

    with pytest.raises(ExitStepDone):
        do_exit_step(begun.public_id, key="users_told", evidence="Anders", actor=requester)

    assert ExitTestStep.objects.get().evidence == "Per mail"


def at_once(*acts):
    """In threads of their own, let go at one moment; how each ended, sorted."""
    ready = Barrier(len(acts))

    def alone(act):
        try:
            ready.wait(PATIENCE)
            act()
        except DomainError as error:
            return error.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return sorted(pool.map(alone, acts))


def test_of_two_who_tick_off_one_step_at_once_one_hears_that_it_is_done(begun, requester):
    def tick(evidence):
        do_exit_step(begun.public_id, key="users_told", evidence=evidence, actor=requester)

    ended = at_once(lambda: tick("Per mail"), lambda: tick("Anders"))

    assert ended == ["done", "exit_step_done"]
    assert events()["step_done"] == 1


def test_of_two_who_begin_a_test_at_once_one_hears_that_it_runs(project, requester):
    def begin():
        begin_exit_test(project.public_id, scenario=Scenario.PLANNED, actor=requester)

    assert at_once(begin, begin) == ["done", "exit_test_runs"]
    assert ExitTest.objects.count() == 1


def test_of_two_who_end_a_test_at_once_one_hears_that_it_is_over(begun, requester):
    do_all(begun, requester)

    def end():
        end_exit_test(begun.public_id, outcome=ExitOutcome.PASSED, actor=requester)

    assert at_once(end, end) == ["done", "exit_test_ended"]
    assert WorkloadEvidence.objects.count() == 1


def test_evidence_may_have_lines(begun, requester):
    do_exit_step(
        begun.public_id, key="users_told", evidence=" Per mail\nen bij de balie ", actor=requester
    )

    assert ExitTestStep.objects.get().evidence == "Per mail\nen bij de balie"


@pytest.mark.parametrize("evidence", ["", " ", "x" * 301, "a\x00b"])
def test_a_step_needs_evidence(begun, requester, evidence):
    with pytest.raises(InvalidInput) as refusal:
        do_exit_step(begun.public_id, key="users_told", evidence=evidence, actor=requester)

    assert set(refusal.value.errors) == {"evidence"}


def test_a_step_of_the_other_kind_is_none(begun, requester):
    with pytest.raises(InvalidInput) as refusal:
        do_exit_step(begun.public_id, key="lessons_written", evidence="Ja", actor=requester)

    assert set(refusal.value.errors) == {"key"}


def test_a_test_that_ended_takes_nothing_more(begun, requester):
    end_exit_test(begun.public_id, outcome=ExitOutcome.GIVEN_UP, actor=requester)

    with pytest.raises(ExitTestEnded):
        do_exit_step(begun.public_id, key="users_told", evidence="Ja", actor=requester)
    with pytest.raises(ExitTestEnded):
        end_exit_test(begun.public_id, outcome=ExitOutcome.GIVEN_UP, actor=requester)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.REQUESTER, Role.QUOTA_ADMINISTRATOR}))
def test_who_does_not_work_there_tests_nothing(begun, project, role):
    reader = PersonFactory()
    grant(reader, role, project)

    with pytest.raises(NotAllowed):
        begin_exit_test(project.public_id, scenario=Scenario.DISRUPTIVE, actor=reader)
    with pytest.raises(NotAllowed):
        do_exit_step(begun.public_id, key="users_told", evidence="Ja", actor=reader)
    with pytest.raises(NotAllowed):
        end_exit_test(begun.public_id, outcome=ExitOutcome.GIVEN_UP, actor=reader)


def test_who_works_elsewhere_does_not_find_it(begun, project):
    stranger = PersonFactory()
    grant(stranger, Role.REQUESTER, make_project())

    with pytest.raises(Project.DoesNotExist):
        begin_exit_test(project.public_id, scenario=Scenario.DISRUPTIVE, actor=stranger)
    with pytest.raises(ExitTest.DoesNotExist):
        do_exit_step(begun.public_id, key="users_told", evidence="Ja", actor=stranger)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE catalog_exittest SET scenario = 'disruptive'", "exit_test_only_ends"),
        ("DELETE FROM catalog_exittest", "exit_test_only_ends"),
        ("UPDATE catalog_exitteststep SET evidence = 'x'", "exit_test_step_never_changes"),
        ("DELETE FROM catalog_exitteststep", "exit_test_step_never_changes"),
        ("UPDATE catalog_exittest SET outcome = 'passed'", "exit_test_that_ended_has_an_outcome"),
    ],
)
def test_the_database_keeps_what_was_done(begun, requester, statement, constraint):
    do_exit_step(begun.public_id, key="users_told", evidence="Per mail", actor=requester)

    with refused_by(constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_database_ends_a_test_once_and_for_all(begun, requester):
    do_exit_step(begun.public_id, key="users_told", evidence="Per mail", actor=requester)
    end_exit_test(begun.public_id, outcome=ExitOutcome.GIVEN_UP, actor=requester)

    with refused_by("exit_test_only_ends"), transaction.atomic():
        ExitTest.objects.update(outcome="passed")
    with refused_by("exit_test_that_ended_takes_no_step"), transaction.atomic():
        ExitTestStep.objects.create(
            test=begun, key="dns_moved", done_by=requester, done_at=begun.begun_at, evidence="x"
        )
