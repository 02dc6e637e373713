"""``GET /api/v1/focus``: the same files for programs."""

from __future__ import annotations

from datetime import date

import pytest
from django.test import Client

from billing.models import MeteredResource
from portal.core.calendar import start_of_day
from portal.identity.models import Role
from tests.billing.focus.conftest import member
from tests.billing.focus.reading import problems_of, read
from tests.billing.visits import visit_as
from tests.factories import make_organization, make_project

NOW = start_of_day(date(2026, 11, 16))
CHARGES, METADATA = "/api/v1/focus/charges", "/api/v1/focus/metadata"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mid_november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.api.pages.now", lambda: NOW)


@pytest.mark.parametrize("accept", ["text/csv", "*/*"])
def test_charges_of_a_month(server: MeteredResource, finance: Client, accept: str) -> None:
    answer = finance.get(CHARGES, {"month": "2026-10"}, headers={"accept": accept})

    assert (answer.status_code, answer.streaming) == (200, True)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["API-Version"]
    text = answer.getvalue().decode()
    assert problems_of(text) == []
    assert [row["BilledCost"] for row in read(text)] == ["38.4"]


@pytest.mark.parametrize(
    ("month", "as_of", "is_complete"),
    [("2026-10", "2026-10-31T23:00:00Z", True), ("2026-11", "2026-11-15T23:00:00Z", False)],
)
def test_metadata_say_whether_the_month_is_over(
    finance: Client, month: str, as_of: str, is_complete: bool
) -> None:
    metadata = finance.get(METADATA, {"month": month}).json()

    assert (metadata["x_AsOf"], metadata["x_IsComplete"]) == (as_of, is_complete)
    assert metadata["Schema"]["FocusVersion"] == "1.2"


def test_of_one_node(server: MeteredResource, finance: Client) -> None:
    other = make_project(server.project.parent)

    answer = finance.get(CHARGES, {"node": str(other.public_id)})

    assert read(answer.getvalue().decode()) == []


@pytest.mark.parametrize("path", [CHARGES, METADATA])
@pytest.mark.parametrize(
    "query", [{"month": "2026-13"}, {"node": "1"}, {"colour": "blue"}, {"month": ""}]
)
def test_a_mistake_in_the_query_is_named(finance: Client, path: str, query: dict[str, str]) -> None:
    answer = finance.get(path, query)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert [error["name"] for error in answer.json()["errors"]] == list(query)


def test_charges_are_no_json(finance: Client) -> None:
    assert finance.get(CHARGES, headers={"accept": "application/json"}).status_code == 406


@pytest.mark.parametrize("path", [CHARGES, METADATA])
def test_others_get_nothing(server: MeteredResource, path: str) -> None:
    outsider = visit_as(member(Role.FINANCE, make_organization()))
    requester = visit_as(member(Role.REQUESTER, server.project))
    own = {"node": str(server.project.public_id)}

    assert read(outsider.get(CHARGES).getvalue().decode()) == []
    assert outsider.get(path, own).status_code == 404
    assert requester.get(path).status_code == 403
    assert requester.get(path, own).status_code == 403
    assert Client().get(path).status_code == 401


@pytest.mark.parametrize("path", [CHARGES, METADATA])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_only_reading(finance: Client, path: str, method: str) -> None:
    assert getattr(finance, method)(path).status_code == 405
