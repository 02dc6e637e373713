"""``GET /api/v1/charges``: what was charged, page by page, and for whom."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.models import MeteredResource
from billing.services.charging import list_charges
from portal.core.calendar import month, start_of_day
from portal.identity.models import CostCentre, NodeParent, Person, Project, Role
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.factories.billing import LONG_AGO, MeteredResourceFactory, UsageSpanFactory, set_price

NOW = start_of_day(date(2026, 11, 16))
PATH = "/api/v1/charges"
pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def mid_november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.api.pages.now", lambda: NOW)


@pytest.fixture
def project() -> Project:
    project = make_project(make_organization(make_organization()))
    NodeParent.objects.update(valid_from=start_of_day(date(2025, 1, 1)))
    return project


@pytest.fixture
def server(project: Project) -> MeteredResource:
    set_price("38.40")
    server: MeteredResource = MeteredResourceFactory(project=project)
    UsageSpanFactory(resource=server, started_at=start_of_day(date(2026, 10, 1)))
    return server


def member(role: Role, node: Any) -> Person:
    person: Person = PersonFactory()
    grant(person, role, node)
    return person


@pytest.fixture
def finance(project: Project) -> Client:
    return visit_as(member(Role.FINANCE, project.parent.parent))


def test_shows_use_price_and_amount(server: MeteredResource, finance: Client) -> None:
    project = server.project
    CostCentre.objects.create(node=project, code="410210", name="Water", valid_from=LONG_AGO)

    response = finance.get(PATH)

    assert response.status_code == 200
    assert response.json() == {
        "next": None,
        "previous": None,
        "results": [
            {
                "kind": "usage",
                "organization": {
                    "id": str(project.parent.public_id),
                    "name": project.parent.name,
                },
                "project": {"id": str(project.public_id), "name": project.name},
                "resource": {
                    "id": str(server.public_id),
                    "name": server.name,
                    "kind": "server",
                },
                "sku": "server.gp.small",
                "quantity": "1.000000",
                "started_at": "2026-10-31T23:00:00Z",
                "ended_at": "2026-11-15T23:00:00Z",
                "seconds": 1296000,
                "unit": "month",
                "unit_price": "38.400000",
                "from_quantity": "0.000000",
                "amount": "19.200000",
                "cost_center": "410210",
                "cost_object": None,
                "commitment_number": None,
            }
        ],
    }


def test_of_another_month_or_of_one_node(server: MeteredResource, finance: Client) -> None:
    other = make_project(server.project.parent)
    UsageSpanFactory(resource=MeteredResourceFactory(project=other))

    october = finance.get(PATH, {"month": "2026-10"}).json()["results"]
    below = finance.get(PATH, {"node": str(other.public_id)}).json()["results"]

    assert [row["amount"] for row in october] == ["38.400000"]
    assert [row["project"]["id"] for row in below] == [str(other.public_id)]


def test_use_without_a_price_has_no_amount(server: MeteredResource, finance: Client) -> None:
    UsageSpanFactory(resource=server, sku__code="unpriced")

    row = finance.get(PATH).json()["results"][1]

    assert (row["unit"], row["unit_price"], row["amount"]) == (None, None, None)


def test_pages_hold_every_charge_once(project: Project, finance: Client) -> None:
    set_price("30.00", until=start_of_day(date(2026, 11, 11)))
    set_price("60.00", since=start_of_day(date(2026, 11, 11)))
    for _ in range(3):
        UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    address, rows = f"{PATH}?pageSize=2", []
    while address:
        page = finance.get(address).json()
        assert len(page["results"]) == 2
        rows += page["results"]
        address = page["next"]

    november = month(2026, 11)
    whole = list_charges([project.pk], period=november, as_of=NOW)
    assert [Decimal(row["amount"]) for row in rows] == [charge.amount for charge in whole]
    assert [datetime.fromisoformat(row["started_at"]) for row in rows] == [
        charge.started_at.astimezone(UTC) for charge in whole
    ]


def test_pages_stay_in_the_month_and_at_the_moment_of_the_first(
    project: Project, finance: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_price("30.00")
    for _ in range(3):
        UsageSpanFactory(resource=MeteredResourceFactory(project=project))
    last_second = start_of_day(date(2026, 12, 1)) - timedelta(seconds=1)
    monkeypatch.setattr("billing.api.pages.now", lambda: last_second)
    first = finance.get(f"{PATH}?pageSize=2").json()
    monkeypatch.setattr("billing.api.pages.now", lambda: last_second + timedelta(minutes=1))

    second = finance.get(first["next"]).json()

    rows = first["results"] + second["results"]
    assert len(rows) == 3
    assert {(row["started_at"], row["ended_at"]) for row in rows} == {
        ("2026-10-31T23:00:00Z", "2026-11-30T22:59:59Z")
    }


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"month": "2026-13"}, "month"),
        ({"month": "november"}, "month"),
        ({"node": "1"}, "node"),
        ({"pageSize": "0"}, "pageSize"),
        ({"cursor": "made-up"}, "cursor"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_mistake_in_the_query_is_named(
    server: MeteredResource, finance: Client, query: dict[str, str], name: str
) -> None:
    response = finance.get(PATH, query)

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert [error["name"] for error in response.json()["errors"]] == [name]


def test_outsiders_see_nothing_of_it(server: MeteredResource) -> None:
    outsider = visit_as(member(Role.FINANCE, make_organization()))

    assert outsider.get(PATH).json()["results"] == []
    for node_id in (server.project.public_id, uuid4()):
        assert outsider.get(PATH, {"node": str(node_id)}).status_code == 404


def test_a_requester_may_not_and_a_stranger_logs_in(server: MeteredResource) -> None:
    assert visit_as(member(Role.REQUESTER, server.project)).get(PATH).status_code == 403
    assert Client().get(PATH).status_code == 401


def test_without_a_role_for_costs_what_is_not_reached_does_not_exist(
    server: MeteredResource,
) -> None:
    requester = visit_as(member(Role.REQUESTER, server.project))

    own, other = server.project, make_organization()
    assert requester.get(PATH, {"node": str(own.public_id)}).status_code == 403
    assert requester.get(PATH, {"node": str(other.public_id)}).status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_charges_are_only_read(server: MeteredResource, finance: Client, method: str) -> None:
    assert getattr(finance, method)(PATH).status_code == 405


def test_query_count_does_not_grow(
    server: MeteredResource, project: Project, finance: Client
) -> None:
    with CaptureQueriesContext(connection) as few:
        finance.get(PATH)
    for _ in range(10):
        other = make_project(project.parent)
        UsageSpanFactory(resource=MeteredResourceFactory(project=other))
    with CaptureQueriesContext(connection) as many:
        assert len(finance.get(PATH).json()["results"]) == 11

    assert len(many) == len(few)
