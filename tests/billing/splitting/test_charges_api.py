"""``GET /api/v1/charges`` of a month that is not closed has what is shared by key in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from billing.api.pages import ChargeList
from billing.services.month_costs import month_costs
from billing.services.tag_keys import TagChoice
from portal.core.calendar import start_of_day
from portal.identity.models import NodeParent, Role
from tests.billing.months.conftest import SEPTEMBER, used
from tests.billing.splitting.conftest import key_held
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant

pytestmark = pytest.mark.django_db
PATH = "/api/v1/charges"
MIDDLE = start_of_day(date(2026, 9, 16))


@pytest.fixture
def nodes(gateway: Any, server: Any, project: Any, other: Any) -> list[Any]:
    """The gateway costs as much as each of the two projects, who bear it."""
    for one in (gateway, other):
        used(one, start_of_day(date(2026, 9, 1)))
    NodeParent.objects.update(valid_from=start_of_day(date(2025, 1, 1)))
    key_held(gateway, [project, other])
    return [gateway, project, other]


@pytest.fixture
def finance(nodes: list[Any]) -> Client:
    person = PersonFactory()
    for node in nodes:
        grant(person, Role.FINANCE, node.parent)
    return visit_as(person)


def read(client: Client, **asked: Any) -> list[dict[str, Any]]:
    """All pages."""
    page = client.get(PATH, {"month": "2026-09", **asked}).json()
    rows = page["results"]
    while page["next"]:
        page = client.get(page["next"]).json()
        rows += page["results"]
    return rows


def told(rows: list[dict[str, Any]]) -> list[tuple[str, str, Decimal]]:
    """Of what is shared."""
    return sorted(
        (row["kind"], row["project"]["name"], Decimal(row["amount"]))
        for row in rows
        if row["kind"] != "usage"
    )


@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
def test_list_has_the_shares_once_and_adds_up_to_what_the_pages_show(finance, nodes, size):
    rows = read(finance, pageSize=size)

    gateway, project, other = (node.name for node in nodes)
    assert told(rows) == [
        *sorted(("shared_in", name, Decimal("19.20")) for name in (project, other)),
        ("shared_out", gateway, Decimal("-38.40")),
    ]
    assert sum(Decimal(row["amount"]) for row in rows) == sum(
        month_costs([node.pk], [SEPTEMBER], at=SEPTEMBER.end)[0].realised.total for node in nodes
    )
    assert [row["kind"] for row in rows[:3]] == ["usage"] * 3


def test_closing_the_month_says_the_same(finance, nodes, close):
    before = read(finance)

    close(SEPTEMBER)

    after = read(finance)
    assert sorted(map(str, after)) == sorted(map(str, before))
    assert {row["kind"] for row in after} == {"usage", "shared_in", "shared_out"}


def test_a_month_that_is_closed_between_two_pages_of_shares_is_read_again(finance, nodes, close):
    of_use = finance.get(PATH, {"month": "2026-09", "pageSize": 2}).json()
    of_shares = finance.get(PATH, {"month": "2026-09", "pageSize": 4}).json()
    assert [row["kind"] != "usage" for row in of_shares["results"]] == [False] * 3 + [True]

    close(SEPTEMBER)

    refused = finance.get(of_shares["next"])
    assert (refused.status_code, refused.json()["errors"][0]["name"]) == (400, "cursor")
    rest = finance.get(of_use["next"] + "&pageSize=100").json()["results"]
    rows = [*of_use["results"], *rest]
    assert sorted(map(str, rows)) == sorted(map(str, read(finance, pageSize=4)))


def test_half_a_month_is_shared_so_far(nodes):
    person = PersonFactory()
    grant(person, Role.FINANCE, nodes[1].parent)
    asked = replace(ChargeList.of(person), month=SEPTEMBER, as_of=MIDDLE)

    (share,) = [row for row in asked.page(None, 100, closed=None) if row.kind == "shared_in"]

    assert share.charge.amount == Decimal("9.60")
    assert (share.started_at, share.ended_at) == (SEPTEMBER.start, MIDDLE)


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({}, 3),
        ({"kind": "server"}, 0),
        ({"costCenter": ""}, 3),
        ({"costCenter": "4711"}, 0),
        ({"tag": "team=a"}, 0),
        ({"tag": "team="}, 3),
    ],
)
def test_shares_are_of_no_kind_and_no_tag(finance, asked, count):
    assert len(told(read(finance, **asked))) == count
    assert TagChoice.read("team=").value is None


def test_a_month_that_did_not_begin_shares_nothing(finance):
    assert told(read(finance, month="2027-03")) == []
