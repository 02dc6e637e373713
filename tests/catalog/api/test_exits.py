"""Leaving, through the API."""

from __future__ import annotations

import base64
from hashlib import sha256

import pytest

from catalog.exit_package.plan_steps import Scenario, steps_of
from catalog.models import ExitPackage, ExitTest
from portal.identity.models import Role
from tests.catalog.api.conftest import assert_problem
from tests.factories import make_project

pytestmark = pytest.mark.django_db


def begin(api, project, scenario="planned"):
    body = {"project": str(project.public_id), "scenario": scenario}
    return api.post("/exit-tests", body)


def test_the_package_is_made_and_listed(as_requester, project):
    answer = as_requester.post("/exit-packages", {"project": str(project.public_id)})

    digest = sha256(answer.getvalue())
    assert answer["Content-Type"] == "application/zip"
    sum_ = base64.b64encode(digest.digest()).decode()
    assert answer["Repr-Digest"] == f"sha-256=:{sum_}:"
    (listed,) = as_requester.get("/exit-packages").json()["results"]
    assert listed["sha256"] == digest.hexdigest()
    assert listed["project"]["id"] == str(project.public_id)
    assert listed["counts"]["resources"] == 0


def test_a_package_of_what_one_does_not_reach(as_requester):
    answer = as_requester.post("/exit-packages", {"project": str(make_project().public_id)})

    assert_problem(answer, 400, "invalid_input", "project")
    assert not ExitPackage.objects.exists()


def test_a_package_for_who_only_pays(as_role, project):
    answer = as_role(Role.FINANCE).post("/exit-packages", {"project": str(project.public_id)})

    assert_problem(answer, 403, "not_allowed")


def test_a_test_from_begin_to_end(as_requester, project):
    begun = begin(as_requester, project)
    assert begun.status_code == 201
    at = f"/exit-tests/{begun.json()['id']}"
    assert {step["done_at"] for step in begun.json()["steps"]} == {None}
    assert_problem(as_requester.post(f"{at}/end", {"outcome": "passed"}), 409, "exit_steps_left")

    for step in steps_of(Scenario.PLANNED):
        body = {"key": step.key, "evidence": "Zie het verslag"}
        ticked = as_requester.post(f"{at}/steps", body)
        assert ticked.status_code == 200
    assert_problem(as_requester.post(f"{at}/steps", body), 409, "exit_step_done")

    ended = as_requester.post(f"{at}/end", {"outcome": "passed"}).json()
    assert (ended["outcome"], ended["steps"][0]["evidence"]) == ("passed", "Zie het verslag")
    assert_problem(as_requester.post(f"{at}/end", {"outcome": "given_up"}), 409, "exit_test_ended")


def test_of_each_kind_one_runs_at_a_time(as_requester, project):
    begin(as_requester, project)

    assert_problem(begin(as_requester, project), 409, "exit_test_runs")
    assert begin(as_requester, project, "disruptive").status_code == 201


def test_wrong_input(as_requester, project):
    at = f"/exit-tests/{begin(as_requester, project).json()['id']}"

    assert_problem(begin(as_requester, project, "unplanned"), 400, "invalid_input", "scenario")
    step = {"key": "lessons_written", "evidence": "Ja"}
    assert_problem(as_requester.post(f"{at}/steps", step), 400, "invalid_input", "key")
    assert_problem(as_requester.post(f"{at}/end", {"outcome": ""}), 400, "invalid_input", "outcome")


def test_who_audits_reads_and_tests_nothing(as_requester, as_role, project):
    at = f"/exit-tests/{begin(as_requester, project).json()['id']}"
    auditor = as_role(Role.AUDITOR)

    assert auditor.get(at).status_code == 200
    assert_problem(auditor.post(f"{at}/end", {"outcome": "given_up"}), 403, "not_allowed")
    assert ExitTest.objects.get().is_running


def test_lists_of_one_project(as_requester, project):
    begin(as_requester, project)
    others = {"project": str(make_project().public_id)}

    assert len(as_requester.get("/exit-tests").json()["results"]) == 1
    assert as_requester.get("/exit-tests", others).json()["results"] == []
