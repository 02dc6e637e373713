"""Drift through the API."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from catalog.models import CloudLook, Difference, DriftRepair, ResourceState
from portal.core.calendar import day_of
from portal.identity.models import Role
from portal.identity.oidc.assurance import Assurance
from tests.catalog.api.conftest import Api, assert_problem
from tests.factories import PersonFactory, delivered, grant, place, place_group
from tests.factories.drift import DISK, gone, narrow, opened, proposed, stopped, unordered

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(requester, approver, project, version, sent_tasks):
    return delivered(place(requester, project, version), approver=approver)


@pytest.fixture
def ignoring():
    return {"until": (day_of(now()) + timedelta(days=7)).isoformat(), "reason": "Onderhoud"}


def test_list_and_detail(as_role, server, project):
    difference = stopped(server)
    api = as_role(Role.AUDITOR)

    (shown,) = api.get("/differences").json()["results"]

    detail = api.get(f"/differences/{difference.public_id}").json()
    assert shown.items() <= detail.items()
    assert (shown["kind"], shown["part"], shown["field"]) == ("differs", "server", "status")
    assert (shown["ours"], shown["theirs"]) == ("ACTIVE", "SHUTOFF")
    assert shown["resource"]["name"] == server.name
    assert shown["project"]["id"] == str(project.public_id)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 2),
        ({"kind": "unknown"}, 1),
        ({"state": "open"}, 2),
        ({"state": "solved"}, 0),
    ],
)
def test_filters(as_role, server, project, query, count):
    gone(server)
    unordered(project, server.cloud_project.cloud)

    found = as_role(Role.OPERATOR).get("/differences", query).json()["results"]

    assert len(found) == count


def test_suspicion_is_told_to_nobody(as_role, server):
    gone(server, state="suspected")

    assert as_role(Role.OPERATOR).get("/differences").json()["results"] == []
    response = as_role(Role.OPERATOR).get("/differences", {"state": "suspected"})
    assert response.status_code == 400


def test_ignoring(as_role, server, ignoring):
    difference = gone(server)

    response = as_role(Role.OPERATOR).post(
        f"/differences/{difference.public_id}/ignoring", ignoring
    )

    assert response.status_code == 200
    assert response.json()["state"] == "ignored"
    assert response.json()["ignored_because"] == "Onderhoud"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"until": "2020-01-01"}, "until"),
        ({"until": "31-12-2026"}, "until"),
        ({"reason": " "}, "reason"),
        ({"wanneer": "nu"}, "wanneer"),
    ],
)
def test_bad_input_ignores_nothing(as_role, server, ignoring, change, name):
    difference = gone(server)

    response = as_role(Role.OPERATOR).post(
        f"/differences/{difference.public_id}/ignoring", {**ignoring, **change}
    )

    assert_problem(response, 400, "invalid_input", name)
    assert Difference.objects.get().state == "open"


def test_auditor_ignores_nothing(as_role, server, ignoring):
    difference = gone(server)

    response = as_role(Role.AUDITOR).post(f"/differences/{difference.public_id}/ignoring", ignoring)

    assert_problem(response, 403, "not_allowed")


def test_look_is_asked_for(as_role, server):
    api = as_role(Role.OPERATOR)

    assert api.post("/differences/looks").status_code == 202
    CloudLook.objects.update(began_at=now())
    assert_problem(api.post("/differences/looks"), 409, "looked_just_now")


# --- repairs by one operator -------------------------------------------------------------------


@pytest.fixture
def group(requester, approver, project, version, sent_tasks):
    """A security group that lets in the web."""
    return delivered(place_group(requester, project, version), approver=approver)


def at(difference, act=""):
    return f"/differences/{difference.public_id}{act}"


def offered(api, difference):
    shown = api.get(at(difference)).json()
    return shown["alone"], shown["proposable"]


def test_what_may_be_done_is_told(as_operator, server, group, project):
    cloud = server.cloud_project.cloud

    assert offered(as_operator, stopped(server)) == (["correction"], [])
    assert offered(as_operator, opened(group)) == (["restoration"], [])
    assert offered(as_operator, narrow(server.cloud_project)) == (["push"], [])
    assert offered(as_operator, gone(server)) == ([], ["recreate", "retire", "uncharge"])
    assert offered(as_operator, unordered(project, cloud, finding=DISK)) == (
        [],
        ["adopt", "remove"],
    )
    solved = stopped(server, part="volume", state="solved", solved_at=now())
    assert offered(as_operator, solved) == ([], [])


def test_record_is_corrected(as_operator, server):
    difference = stopped(server)

    response = as_operator.post(at(difference, "/correction"))

    assert (response.status_code, response.json()["state"]) == (200, "solved")
    server.refresh_from_db()
    assert server.facts["status"] == "SHUTOFF"
    again = as_operator.post(at(difference, "/correction"))
    assert_problem(again, 409, "difference_settled")


def test_rules_are_put_back_as_ordered(as_operator, group):
    difference = opened(group)

    response = as_operator.post(at(difference, "/restoration"))

    assert (response.status_code, response.json()["kind"]) == (202, "act")
    assert group.operations.filter(public_id=response.json()["id"], state="running").exists()
    assert as_operator.get(at(difference)).json()["state"] == "solved"
    assert_problem(as_operator.post(at(difference, "/restoration")), 409, "resource_busy")


def test_quota_is_pushed(as_operator, server, sent_tasks):
    response = as_operator.post(at(narrow(server.cloud_project), "/push"))

    assert (response.status_code, response.json()["state"]) == (202, "solved")


@pytest.mark.parametrize("act", ["correction", "restoration", "push"])
def test_what_makes_no_sense_is_not_done(as_operator, server, act):
    assert_problem(as_operator.post(at(gone(server), f"/{act}")), 409, "repair_not_offered")


# --- repairs by two ----------------------------------------------------------------------------


RETIRE = {"action": "retire", "reason": "Het is echt weg."}
YES = {"decision": "confirmed"}


def test_two_operators_close_what_is_gone(as_operator, as_colleague, server):
    difference = gone(server)
    said = as_operator.post(at(difference, "/repairs"), RETIRE)
    assert (said.status_code, said.json()["state"]) == (201, "proposed")
    decision = at(difference, f"/repairs/{said.json()['id']}/decision")
    assert_problem(as_operator.post(decision, YES), 403, "own_repair")
    assert offered(as_colleague, difference) == ([], [])

    response = as_colleague.post(decision, YES)

    assert (response.status_code, response.json()["decided_by"]["name"]) == (200, "Bea")
    server.refresh_from_db()
    assert server.state == ResourceState.RETIRING
    (kept,) = as_colleague.get(at(difference)).json()["repairs"]
    assert kept == response.json()
    assert_problem(as_colleague.post(decision, YES), 409, "repair_not_offered")


def test_refusal_needs_a_reason(operator, as_colleague, server):
    difference = gone(server)
    repair = proposed(difference, operator)
    decision = at(difference, f"/repairs/{repair.public_id}/decision")
    no = {"decision": "refused"}
    assert_problem(as_colleague.post(decision, no), 400, "invalid_input", "reason")

    response = as_colleague.post(decision, {**no, "reason": "Het komt terug."})

    assert (response.json()["state"], response.json()["decision_reason"]) == (
        "refused",
        "Het komt terug.",
    )


def test_own_proposal_is_taken_back_and_nobody_elses(as_operator, as_colleague, operator, server):
    difference = gone(server)
    repair = proposed(difference, operator)
    withdrawal = at(difference, f"/repairs/{repair.public_id}/withdrawal")
    assert_problem(as_colleague.post(withdrawal), 403, "not_allowed")

    assert as_operator.post(withdrawal).json()["state"] == "withdrawn"
    assert_problem(as_operator.post(withdrawal), 409, "repair_settled")


def test_one_proposal_at_a_time(as_operator, as_colleague, server):
    difference = gone(server)
    as_operator.post(at(difference, "/repairs"), RETIRE)

    again = as_colleague.post(at(difference, "/repairs"), RETIRE)

    assert_problem(again, 409, "repair_settled")


@pytest.mark.parametrize(
    ("change", "status", "name"),
    [
        ({"action": "sloop"}, 400, "action"),
        ({"action": None}, 400, "action"),
        ({"reason": " "}, 400, "reason"),
        ({"waarom": "x"}, 400, "waarom"),
        ({"action": "charge"}, 409, None),
    ],
)
def test_bad_proposal_stores_nothing(as_operator, server, change, status, name):
    response = as_operator.post(at(gone(server), "/repairs"), {**RETIRE, **change})

    assert response.status_code == status
    if name:
        assert_problem(response, 400, "invalid_input", name)
    assert not DriftRepair.objects.exists()


def test_repair_of_another_difference_is_not_found(as_colleague, operator, server):
    repair = proposed(gone(server), operator)
    other = stopped(server)

    for act, body in (("decision", YES), ("withdrawal", None)):
        response = as_colleague.post(at(other, f"/repairs/{repair.public_id}/{act}"), body)
        assert_problem(response, 404, "not_found")


def test_auditor_and_outsider_repair_nothing(as_role, as_outsider, operator, server):
    difference = gone(server)
    repair = proposed(difference, operator)
    auditor = as_role(Role.AUDITOR)
    acts = [
        ("/correction", None),
        ("/restoration", None),
        ("/push", None),
        ("/repairs", RETIRE),
        (f"/repairs/{repair.public_id}/decision", YES),
        (f"/repairs/{repair.public_id}/withdrawal", None),
    ]

    for act, body in acts:
        assert_problem(auditor.post(at(difference, act), body), 403, "not_allowed")
        assert_problem(as_outsider.post(at(difference, act), body), 404, "not_found")


def test_deciding_asks_for_a_strong_login(project, operator, server):
    person = PersonFactory()
    grant(person, Role.OPERATOR, project)
    difference = gone(server)
    repair = proposed(difference, operator)

    response = Api(person, level=Assurance.LOW).post(
        at(difference, f"/repairs/{repair.public_id}/decision"), YES
    )

    assert_problem(response, 403, "assurance_required")
