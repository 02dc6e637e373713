"""``/api/v1/budgets``: where budgets stand, setting them, and what hostile bodies hear."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils.timezone import localdate

from billing.models import Budget, PastBudget
from portal.identity.models import Node, Project, Role
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant, make_organization, make_project

PATH = "/api/v1/budgets"
YEAR = localdate().year
pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project(make_organization(make_organization()))


@pytest.fixture
def body(project: Project) -> dict[str, Any]:
    return {
        "node": str(project.public_id),
        "year": YEAR,
        "amount": "120.00",
        "reason": "Begroting",
    }


def member(role: Role, node: Node) -> Client:
    person = PersonFactory()
    grant(person, role, node)
    return visit_as(person)


@pytest.fixture
def finance(project: Project) -> Client:
    return member(Role.FINANCE, project.parent)


def send(client: Client, body: Any, path: str = PATH) -> Any:
    return client.post(path, body, content_type="application/json")


def test_it_is_set_and_shown(project: Project, finance: Client, body: dict[str, Any]) -> None:
    months = ["0.00"] * 11 + ["120.00"]
    answer = send(
        finance,
        {**body, "month_amounts": months, "alert_percentages": [90], "is_hard_stop": True},
    )

    assert answer.status_code == 200
    shown = answer.json()
    assert shown["node"] == {"id": str(project.public_id), "name": project.name}
    assert (shown["year"], shown["amount"], shown["free"]) == (YEAR, "120.00", "120.00")
    assert (shown["month_amounts"], shown["alert_percentages"]) == (months, [90])
    assert (shown["is_hard_stop"], shown["reason"]) == (True, "Begroting")
    assert shown["realised"] == shown["committed"] == shown["expected"] == "0.00"
    assert finance.get(PATH).json()["results"] == [shown]


def test_what_is_left_out_is_as_usual(finance: Client, body: dict[str, Any]) -> None:
    shown = send(finance, body).json()

    assert shown["month_amounts"] == ["10.00"] * 12
    assert (shown["alert_percentages"], shown["is_hard_stop"]) == ([80, 100], False)
    assert Budget.objects.get().month_amounts is None


def test_it_is_changed_and_ended(finance: Client, body: dict[str, Any]) -> None:
    made = send(finance, body).json()
    changed = send(finance, {**body, "amount": "240.00"}).json()

    assert (changed["id"], changed["amount"]) == (made["id"], "240.00")
    answer = send(finance, {"reason": "Telt elders mee"}, f"{PATH}/{made['id']}/end")
    assert answer.status_code == 204
    assert not Budget.objects.exists()
    assert PastBudget.objects.count() == 2


def test_a_list_of_one_year_and_part(project: Project, finance: Client) -> None:
    for node in (project, project.parent):
        for year in (YEAR, YEAR + 1):
            Budget.objects.create(node=node, year=year, amount=5)

    def found(query: str) -> list[tuple[int, str]]:
        rows = finance.get(f"{PATH}?{query}").json()["results"]
        return [(row["year"], row["node"]["name"]) for row in rows]

    assert len(found("")) == 4
    assert {year for year, _name in found(f"year={YEAR}")} == {YEAR}
    assert found(f"year={YEAR}&node={project.public_id}") == [(YEAR, project.name)]
    assert found(f"node={uuid4()}") == []


@pytest.mark.parametrize("query", ["year=x", "year=1066", "year=99999", "node=x", "part=x"])
def test_other_questions_are_refused(finance: Client, query: str) -> None:
    assert finance.get(f"{PATH}?{query}").status_code == 400


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("node", [None, 1, "x", "", []]),
        ("year", [None, "x", 1066, 10**30, YEAR - 1, YEAR + 2, [], 1.5]),
        ("amount", [None, "x", "-0.01", "1.001", "1e20", "NaN", "Infinity", [], "9" * 5000]),
        ("month_amounts", ["x", [], ["10.00"] * 11, ["10.00"] * 13, ["-1"] * 12, [None] * 12]),
        ("month_amounts", [["10.00"] * 11 + ["10.01"], ["NaN"] * 12, {"1": "10.00"}]),
        ("alert_percentages", [None, "80", [0], [201], ["x"], [1] * 11, [10**30], [[80]]]),
        ("is_hard_stop", [None, "yes", 1, []]),
        ("reason", [None, "", "  ", "x" * 301, "a\u202eb", "a\u0000b", 1]),
        ("seen", ["none"]),
    ],
)
def test_every_field_is_checked(
    finance: Client, body: dict[str, Any], name: str, values: list[Any]
) -> None:
    for value in values:
        answer = send(finance, {**body, name: value})

        assert answer.status_code in (400, 422), value
        assert answer["Content-Type"].startswith("application/problem+json")
        named = {error["name"].split(".")[0] for error in answer.json()["errors"]}
        assert named == {name}
        assert not Budget.objects.exists()


@pytest.mark.parametrize("role", [role for role in Role if role != Role.FINANCE])
def test_other_roles_set_nothing(project: Project, body: dict[str, Any], role: Role) -> None:
    budget = Budget.objects.create(node=project, year=YEAR, amount=Decimal(5))
    visitor = member(role, project.parent)

    assert send(visitor, body).status_code == 403
    assert send(visitor, {"reason": "Weg"}, f"{PATH}/{budget.public_id}/end").status_code == 403
    assert Budget.objects.get().amount == 5


def test_others_do_not_know_that_it_exists(project: Project, body: dict[str, Any]) -> None:
    budget = Budget.objects.create(node=project, year=YEAR, amount=Decimal(5))
    stranger = member(Role.FINANCE, make_organization())

    assert stranger.get(PATH).json()["results"] == []
    assert send(stranger, body).status_code == 404
    assert send(stranger, {"reason": "Weg"}, f"{PATH}/{budget.public_id}/end").status_code == 404
