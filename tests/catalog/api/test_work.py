"""The engine's work for programs of operators."""

import pytest

from catalog.models import Operation, OperationState, SolutionState, StepFault
from portal.identity.models import Role
from portal.identity.oidc.assurance import Assurance
from tests.catalog.api.conftest import Api, assert_problem
from tests.factories import begun, place, stuck

pytestmark = pytest.mark.django_db


@pytest.fixture
def hanging(requester, project, version, approver, sent_tasks):
    operation = stuck(place(requester, project, version), approver=approver)
    operation.steps.filter(position=1).update(
        fault=StepFault.REFUSED, last_error="no more addresses", last_request_id="req-7d41"
    )
    operation.steps.filter(name="server").update(external_id="server-1")
    return operation


@pytest.fixture
def running(requester, project, version, approver, sent_tasks):
    return begun(place(requester, project, version), approver=approver)


def address(operation, act=""):
    return f"/operations/{operation.public_id}{act}"


def test_list_tells_what_hangs_and_why(as_operator, hanging, running):
    (first,) = as_operator.get("/operations", {"state": "failed"}).json()["results"]

    assert first["id"] == str(hanging.public_id)
    assert first["resource"]["name"] == hanging.resource.name
    step = first["steps"][0]
    assert (step["fault"], step["last_error"], step["request_id"]) == (
        "refused",
        "no more addresses",
        "req-7d41",
    )
    assert len(as_operator.get("/operations").json()["results"]) == 2


@pytest.mark.parametrize(
    ("query", "name"), [({"state": "succeeded"}, "state"), ({"what": "1"}, "what")]
)
def test_filters_say_what_is_wrong(as_operator, query, name):
    assert_problem(as_operator.get("/operations", query), 400, "invalid_input", name)


def test_one_operation_tells_what_is_possible(as_operator, hanging):
    shown = as_operator.get(address(hanging)).json()

    assert shown["retry_from"] == [1]
    assert shown["solutions"] == []


def test_only_operators_and_auditors_read_what_the_cloud_said(as_requester, as_role, hanging):
    assert as_role(Role.AUDITOR).get(address(hanging)).status_code == 200
    assert_problem(as_requester.get(address(hanging)), 403, "not_allowed")
    assert as_requester.get("/operations").status_code == 403


def test_another_ministry_finds_nothing(as_outsider, hanging):
    assert as_outsider.get("/operations").json()["results"] == []
    for act in ("", "/resumption", "/cancellation", "/solutions"):
        response = (as_outsider.post if act else as_outsider.get)(address(hanging, act))
        assert response.status_code == 404


def test_requester_resumes_and_operator_chooses_the_step(as_requester, as_operator, hanging):
    body = {"position": 1}
    assert_problem(as_requester.post(address(hanging, "/resumption"), body), 403, "not_allowed")

    response = as_operator.post(address(hanging, "/resumption"), body)

    assert (response.status_code, response.json()["state"]) == (202, "running")
    again = as_requester.post(address(hanging, "/resumption"), {})
    assert_problem(again, 409, "illegal_transition")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"position": 0}, 400, "invalid_input"),
        ({"position": "first"}, 400, "invalid_input"),
        ({"from": 1}, 400, "invalid_input"),
        ({"position": 5}, 400, "not_repeatable"),
    ],
)
def test_resumption_says_what_is_wrong(as_operator, hanging, body, status, code):
    response = as_operator.post(address(hanging, "/resumption"), body)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert Operation.objects.get().state == OperationState.FAILED


def test_delivery_is_undone(as_requester, hanging):
    response = as_requester.post(address(hanging, "/compensation"))

    assert (response.status_code, response.json()["kind"]) == (202, "compensate")


def test_delivery_is_not_just_left(as_requester, hanging):
    response = as_requester.post(address(hanging, "/abandonment"))

    assert_problem(response, 409, "illegal_transition")


def test_delivery_is_stopped(as_requester, running):
    response = as_requester.post(address(running, "/cancellation"))

    assert (response.status_code, response.json()["state"]) == (202, "canceled")
    again = as_requester.post(address(running, "/cancellation"))
    assert_problem(again, 409, "not_cancelable")


def test_two_operators_solve_what_costs_money(as_operator, as_colleague, hanging):
    said = as_operator.post(address(hanging, "/solutions"), {"reason": "Zelf hersteld"})
    assert (said.status_code, said.json()["state"]) == (201, "proposed")
    decision = address(hanging, f"/solutions/{said.json()['id']}/decision")
    yes = {"decision": "confirmed"}
    assert_problem(as_operator.post(decision, yes), 403, "own_solution")

    response = as_colleague.post(decision, yes)

    assert (response.status_code, response.json()["decided_by"]["name"]) == (200, "Bea")
    assert as_colleague.get(address(hanging)).json()["state"] == "solved"


def test_refusal_needs_a_reason_and_own_word_can_be_taken_back(as_operator, as_colleague, hanging):
    said = as_operator.post(address(hanging, "/solutions"), {"reason": "Zelf hersteld"})
    solution = address(hanging, f"/solutions/{said.json()['id']}")
    no = {"decision": "refused"}
    assert_problem(as_colleague.post(f"{solution}/decision", no), 400, "reason_required", "reason")

    response = as_operator.post(f"{solution}/withdrawal")

    assert response.json()["state"] == SolutionState.WITHDRAWN


def test_solution_of_another_operation_is_not_found(as_operator, as_colleague, hanging, running):
    said = as_operator.post(address(hanging, "/solutions"), {"reason": "Zelf hersteld"}).json()
    decision = address(running, f"/solutions/{said['id']}/decision")

    assert as_colleague.post(decision, {"decision": "confirmed"}).status_code == 404


def test_solving_asks_for_a_strong_login(operator, hanging):
    weak = Api(operator, level=Assurance.LOW)

    response = weak.post(address(hanging, "/solutions"), {"reason": "Zelf hersteld"})

    assert_problem(response, 403, "assurance_required")
