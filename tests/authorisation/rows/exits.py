"""Leaving: exit packages and tests of exit plans, as pages and for programs."""

from __future__ import annotations

from catalog.exit_package.plan_steps import Scenario, steps_of
from catalog.models import ExitTest
from catalog.services.exit_tests import begin_exit_test, do_exit_step
from portal.identity.models import Role
from tests.authorisation.rows.things import project_itself
from tests.authorisation.vocabulary import Change, act, call, see
from tests.authorisation.world import Tenant

TAKERS = {Role.REQUESTER, Role.QUOTA_ADMINISTRATOR, Role.AUDITOR}
TESTERS = {Role.REQUESTER, Role.QUOTA_ADMINISTRATOR}
EVIDENCE = "Zie het verslag"


def planned_test(tenant: Tenant) -> ExitTest:
    """Runs, with every step done but one."""
    test = begin_exit_test(tenant.project.public_id, scenario=Scenario.PLANNED, actor=tenant.asker)
    for step in steps_of(Scenario.PLANNED)[1:]:
        evidence = tenant.named("verslag")
        do_exit_step(test.public_id, key=step.key, evidence=evidence, actor=tenant.asker)
    return test


def of_project(tenant: Tenant) -> dict[str, str]:
    return {"project": str(tenant.project.public_id)}


def test_at_once(tenant: Tenant) -> dict[str, str]:
    """Another kind of test than the one that runs."""
    return {**of_project(tenant), "scenario": "disruptive"}


FIRST_STEP = steps_of(Scenario.PLANNED)[0].key
TESTING = {"of": planned_test, "by": TESTERS}

ROWS = [
    see("catalog:exit", of=project_itself),
    act("catalog:exit-package", of=project_itself, by=TAKERS, answer=200),
    act(
        "catalog:exit-test-begin",
        of=project_itself,
        body={"scenario": "disruptive"},
        by=TESTERS,
    ),
    see("catalog:exit-test", of=planned_test),
    act(
        "catalog:exit-test-step",
        arguments=(FIRST_STEP,),
        body={f"{FIRST_STEP}-evidence": EVIDENCE},
        **TESTING,
    ),
    act("catalog:exit-test-give-up", **TESTING),
    act("catalog:exit-test-pass", answer=422, changes=Change.NOTHING, **TESTING),  # a step is left
    see("api:exit-package-list"),
    see("api:exit-package-list", case="of a project", query=of_project),
    call("api:exit-package-list", body=of_project, by=TAKERS, answer=200, unseen=400),
    see("api:exit-test-list"),
    see("api:exit-test-detail", of=planned_test),
    call("api:exit-test-list", body=test_at_once, by=TESTERS, unseen=400),
    call(
        "api:exit-test-steps",
        body={"key": FIRST_STEP, "evidence": EVIDENCE},
        answer=200,
        **TESTING,
    ),
    call("api:exit-test-end", body={"outcome": "given_up"}, answer=200, **TESTING),
]
