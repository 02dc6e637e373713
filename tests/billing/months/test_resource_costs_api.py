"""``GET /api/v1/resource-costs``: the list of the page, for programs."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.meters import Meter
from billing.models import AllocationFact, MeteredResource
from billing.services.charging import costs
from billing.services.metering import UsageTime, end_metering, start_metering
from catalog.services.resource_costs import ResourceCostOrder
from portal.core.calendar import start_of_day
from portal.identity.models import Person, Project, Role
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, Close, october, september, used
from tests.billing.visits import visit_as
from tests.factories import CloudFactory, PersonFactory, grant, make_organization, make_project
from tests.factories.billing import set_price

PATH = "/api/v1/resource-costs"
NOW = start_of_day(date(2026, 11, 20))
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def late_november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.api.resource_costs.now", lambda: NOW)


@pytest.fixture
def payer(service: Any) -> Person:
    return member(Role.FINANCE, service)


def member(role: Role, node: Any) -> Person:
    person: Person = PersonFactory()
    grant(person, role, node)
    return person


def rows(person: Person, **asked: Any) -> list[dict[str, Any]]:
    answer = visit_as(person).get(PATH, {"month": "2026-10", **asked})
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def all_pages(person: Person, **asked: Any) -> list[dict[str, Any]]:
    visit, found = visit_as(person), []
    answer = visit.get(PATH, {"month": "2026-10", **asked}).json()
    found += answer["results"]
    while answer["next"]:
        answer = visit.get(answer["next"]).json()
        found += answer["results"]
    return found


def test_says_what_a_resource_cost_in_both_months(server: MeteredResource, payer: Person) -> None:
    (row,) = rows(payer)

    assert row == {
        "id": str(server.public_id),
        "name": server.name,
        "kind": "server",
        "project": {"id": str(server.project.public_id), "name": "Zaaksysteem"},
        "state": None,
        "amount": "38.400000",
        "amount_before": "38.400000",
        "is_price_missing": False,
        "cost_centers": [None],
        "seconds": OCTOBER.seconds,
    }


@pytest.mark.parametrize("is_closed", [False, True])
@pytest.mark.parametrize("asked", [{}, {"tag": "omgeving="}])
def test_what_is_due_of_a_minimum_term_and_not_used_counts_in_the_amount_only(
    project: Project, payer: Person, close: Close, asked: dict[str, str], is_closed: bool
) -> None:
    set_price("38.40", minimum_months=12)
    begun, gone = (
        UsageTime(cloud=at, intended=at, observed=at) for at in (september(1), october(11))
    )
    server = start_metering(
        public_id=uuid4(),
        project=project,
        cloud=CloudFactory(),
        kind="server",
        name="zaak-app",
        openstack_id="nova-1",
        meters=[Meter("server.gp.small", Decimal(1))],
        time=begun,
        agreed_months={"server.gp.small": 12},
    )
    end_metering(server.public_id, time=gone)
    if is_closed:
        close(SEPTEMBER)
        close(OCTOBER)

    (row,) = rows(payer, **asked)
    (later,) = rows(payer, month="2026-11")

    assert (row["amount"], row["seconds"]) == ("38.400000", 10 * 86400)
    assert (Decimal(later["amount"]) > 0, later["seconds"]) == (True, 0)


@pytest.mark.parametrize("order", ResourceCostOrder.values)
def test_pages_of_every_order_are_the_list_and_add_up(
    server: Any, project: Project, payer: Person, order: str
) -> None:
    for number in range(6):
        used(project, september(5 + number % 2), october(3 + 4 * (number // 2)))

    whole = rows(payer, order=order)
    paged = all_pages(payer, order=order, pageSize=2)

    assert (len(whole), paged) == (7, whole)
    total = sum(Decimal(row["amount"]) for row in paged)
    lines = costs([project.pk], period=OCTOBER, as_of=OCTOBER.end).lines
    assert total == sum(line.exact for line in lines)


def test_of_a_closed_month_it_is_what_was_billed(
    server: Any, project: Project, payer: Person, close: Any
) -> None:
    close(SEPTEMBER)
    used(project, september(1))  # too late for the books

    assert [row["amount"] for row in rows(payer, month="2026-09")] == ["38.400000"]


def test_filters_combine_and_their_parts_are_the_whole(
    server: MeteredResource, project: Project, payer: Person
) -> None:
    used(project, september(1))
    AllocationFact.objects.create(
        resource=server, key="cost_center", value="410210", valid_from=september(1)
    )

    here = rows(payer, costCenter="410210", kind="server", q=server.name, node=project.public_id)
    elsewhere = rows(payer, costCenter="", kind="server")

    assert [row["id"] for row in here] == [str(server.public_id)]
    everything = sorted(row["id"] for row in rows(payer))
    assert sorted(row["id"] for row in here + elsewhere) == everything
    assert rows(payer, kind="volume") == rows(payer, state="active") == []


def test_where_one_has_another_role_than_for_costs_one_sees_what_is_there(
    server: Any, project: Project
) -> None:
    assert len(rows(member(Role.REQUESTER, project))) == 1
    assert rows(member(Role.REQUESTER, make_project())) == []


def test_node_of_others_does_not_exist(project: Project) -> None:
    visit = visit_as(member(Role.FINANCE, make_organization()))

    assert visit.get(PATH, {"node": project.public_id}).status_code == 404


@pytest.mark.parametrize(
    "asked",
    [{"kind": "paard"}, {"order": "random"}, {"month": "2026-13"}, {"tag": "x"}, {"colour": "b"}],
)
def test_a_key_that_is_not_right_is_a_mistake(payer: Person, asked: dict[str, str]) -> None:
    assert visit_as(payer).get(PATH, asked).status_code == 400


def test_many_rows_take_no_more_queries(server: Any, project: Project, payer: Person) -> None:
    visit = visit_as(payer)
    visit.get(PATH)
    counts = []
    for _again in range(2):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert visit.get(PATH, {"month": "2026-10"}).status_code == 200
        counts.append(len(queries))
        for _number in range(10):
            used(project, september(1))

    assert counts[0] == counts[1]
