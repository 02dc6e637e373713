"""Drift through the API."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from catalog.models import CloudLook, Difference
from portal.core.calendar import day_of
from portal.identity.models import Role
from tests.catalog.api.conftest import assert_problem
from tests.factories import delivered, place
from tests.factories.drift import gone, stopped, unordered

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

    assert shown == api.get(f"/differences/{difference.public_id}").json()
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
