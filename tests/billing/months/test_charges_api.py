"""``GET /api/v1/charges`` of a closed month: what was billed, then what it put right."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from django.test import Client

from billing.models import AllocationFact, Statement, StatementLine, TagFact
from billing.services.closing import begin_closing, close_month, prepare_closing
from billing.services.credits import propose_credit
from portal.identity.models import Person, Project, Role
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, Close, october, september, used
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant

PATH = "/api/v1/charges"
pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def finance(project: Project) -> Client:
    person: Person = PersonFactory()
    grant(person, Role.FINANCE, project.parent)
    return visit_as(person)


@pytest.fixture
def corrected(
    close: Close, server: Any, project: Project, first: Person, second: Person
) -> Project:
    """October has three pieces of use, a correction of September, and money given back of it."""
    close(SEPTEMBER)
    used(project, september(16), september(26))
    for number in (1, 2):
        used(project, october(number), october(11))
    line = StatementLine.objects.get()
    propose_credit(line.public_id, amount=Decimal("8.40"), reason="Storing", actor=first)
    begin_closing(OCTOBER, actor=first)
    close_month(OCTOBER, actor=second, total=prepare_closing(OCTOBER).total)
    return project


def test_use_is_as_billed(close: Close, server: Any, finance: Client) -> None:
    close(SEPTEMBER)
    before = finance.get(PATH, {"month": "2026-09"}).json()
    server.spans.update(ended_at=september(16))
    used(server.project, september(16), september(26))

    assert finance.get(PATH, {"month": "2026-09"}).json() == before
    assert [row["amount"] for row in before["results"]] == ["38.400000"]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
def test_pages_hold_everything_on_the_statements_once(
    corrected: Project, finance: Client, size: int
) -> None:
    address, rows = f"{PATH}?month=2026-10&pageSize={size}", []
    while address:
        page = finance.get(address).json()
        rows += page["results"]
        address = page["next"]

    assert [row["kind"] for row in rows] == [*["usage"] * 3, "correction", "credit"]
    total = Statement.objects.get(month__first_day="2026-10-01").total
    assert sum(Decimal(row["amount"]) for row in rows).quantize(Decimal("0.01")) == total


@pytest.mark.parametrize(
    ("read_at", "status"),
    [(september(16), 400), (SEPTEMBER.end, 200), (october(3), 200)],
    ids=["within the month", "as it ends", "after it"],
)
def test_pages_from_before_the_month_ended_do_not_go_on_with_what_was_billed(
    close: Close,
    server: Any,
    finance: Client,
    monkeypatch: pytest.MonkeyPatch,
    read_at: datetime,
    status: int,
) -> None:
    """They said what half a month came to; the rest would say what all of it does."""
    used(server.project, september(2), september(26))
    with monkeypatch.context() as moment:
        moment.setattr("billing.api.pages.now", lambda: read_at)
        first_page = finance.get(PATH, {"month": "2026-09", "pageSize": 1}).json()

    close(SEPTEMBER)

    answer = finance.get(first_page["next"])
    assert answer.status_code == status
    if status == 400:
        assert [error["name"] for error in answer.json()["errors"]] == ["cursor"]
    else:
        rows = [*first_page["results"], *answer.json()["results"]]
        assert rows == finance.get(PATH, {"month": "2026-09"}).json()["results"]


def test_what_is_put_right_is_of_a_month_and_no_resource(
    corrected: Project, finance: Client
) -> None:
    rows = finance.get(PATH, {"month": "2026-10"}).json()["results"]

    credit = rows[-1]
    told = ("resource", "seconds", "started_at", "ended_at", "amount")
    assert [credit[name] for name in told] == [
        *(None, None, "2026-08-31T22:00:00Z", "2026-09-30T22:00:00Z", "-8.400000")
    ]
    assert credit["project"]["id"] == str(corrected.public_id)


@pytest.mark.parametrize("names", [("costCenter", "tag"), ("costCenter", "kind")])
def test_of_what_was_billed_the_parts_of_filters_are_the_whole(
    close: Close, server: Any, project: Project, finance: Client, names: tuple[str, str]
) -> None:
    AllocationFact.objects.create(
        resource=server, key="cost_center", value="410210", valid_from=october(5)
    )
    TagFact.objects.create(resource=server, key="fase", value="test", valid_from=october(9))
    used(project, october(3), october(11))
    close(SEPTEMBER)
    close(OCTOBER)
    values = {
        "costCenter": ("410210", ""),
        "tag": ("fase=test", "fase="),
        "kind": ("server", "volume"),
    }

    def amounts(**asked: str) -> list[Decimal]:
        answer = finance.get(PATH, {"month": "2026-10", **asked})
        return [Decimal(row["amount"]) for row in answer.json()["results"]]

    first, second = names
    parts = [
        amounts(**{first: one, second: other})
        for one, other in product(values[first], values[second])
    ]
    assert sum(sum(part) for part in parts) == sum(amounts())
    assert parts[0]
    assert parts[-1] or second == "kind"


def test_what_is_put_right_is_without_tag_and_of_no_kind(
    corrected: Project, finance: Client
) -> None:
    def kinds(**asked: str) -> list[str]:
        answer = finance.get(PATH, {"month": "2026-10", **asked})
        return [row["kind"] for row in answer.json()["results"]]

    assert kinds(tag="fase=") == kinds() == [*["usage"] * 3, "correction", "credit"]
    assert kinds(tag="fase=test") == []
    assert kinds(kind="server") == ["usage"] * 3
