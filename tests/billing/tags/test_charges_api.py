"""``GET /api/v1/charges``, filtered: the parts are the whole, to the sixth decimal."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from django.test import Client

from billing.models import AllocationFact, MeteredResource, TagKey, UsageSpan
from billing.services.charging import costs
from billing.services.tagged_costs import tagged_months
from portal.identity.models import Person, Project, Role
from tests.billing.tags.conftest import NOVEMBER, member, november, running, tag_from
from tests.billing.visits import visit_as
from tests.factories.billing import MeteredResourceFactory, UsageSpanFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mid_november")]
PATH = "/api/v1/charges"


@pytest.fixture(autouse=True)
def api_in_mid_november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.api.pages.now", lambda: november(16))


@pytest.fixture
def visit(finance: Person) -> Client:
    return visit_as(finance)


@pytest.fixture
def phase(ministry: Any) -> Any:
    return TagKey.objects.create(organization=ministry, name="fase", valid_from=november(1))


@pytest.fixture
def everything(project: Project, server: MeteredResource, phase: Any, finance: Person) -> None:
    """Two servers and a volume; one server changes its tag, the other its cost centre."""
    other = running(project, "zaak-app-02")
    volume = MeteredResourceFactory(project=project, kind="volume", name="schijf")
    sku = UsageSpan.objects.get(resource=other).sku
    UsageSpanFactory(resource=volume, sku=sku, started_at=november(3))
    tag_from(1, server, "test", finance)
    tag_from(7, server, "productie", finance)
    tag_from(5, other, "test", finance)
    AllocationFact.objects.create(
        resource=other, key="cost_center", value="410210", valid_from=november(9)
    )


def charges(visit: Client, **asked: Any) -> list[dict[str, Any]]:
    found, address, query = [], PATH, {"pageSize": 2, **asked}
    while address:
        answer = visit.get(address, query)
        assert answer.status_code == 200, answer.content
        found += answer.json()["results"]
        address, query = answer.json()["next"], {}
    return found


def total(rows: list[dict[str, Any]]) -> Decimal:
    return sum((Decimal(row["amount"]) for row in rows), Decimal(0))


def exact(project: Project) -> Decimal:
    lines = costs([project.pk], period=NOVEMBER, as_of=november(16)).lines
    return sum((line.exact for line in lines), Decimal(0))


@pytest.mark.parametrize(
    "parts",
    [
        [{"kind": "server"}, {"kind": "volume"}],
        [{"costCenter": "410210"}, {"costCenter": ""}],
        [{"tag": "fase=test"}, {"tag": "fase=productie"}, {"tag": "fase="}],
    ],
    ids=["kind", "cost centre", "tag"],
)
def test_the_parts_of_each_filter_are_the_whole(
    everything: None, visit: Client, project: Project, parts: list[dict[str, str]]
) -> None:
    amounts = [total(charges(visit, **part)) for part in parts]

    assert all(amounts)
    assert sum(amounts) == total(charges(visit)) == exact(project)


def test_filters_combine_and_all_combinations_are_the_whole(
    everything: None, visit: Client, project: Project
) -> None:
    combinations = product(
        ("server", "volume"), ("410210", ""), ("fase=test", "fase=productie", "fase=")
    )
    amounts = [
        total(charges(visit, kind=kind, costCenter=center, tag=tag, node=project.public_id))
        for kind, center, tag in combinations
    ]

    assert sum(amounts) == exact(project)


def test_a_charge_is_cut_where_its_tag_changed(
    server: MeteredResource, phase: Any, finance: Person, visit: Client
) -> None:
    tag_from(7, server, "test", finance)

    (with_it,) = charges(visit, tag="fase=test")
    (without,) = charges(visit, tag="fase=")

    assert with_it["started_at"] == without["ended_at"] == "2026-11-06T23:00:00Z"
    assert with_it["ended_at"] == "2026-11-15T23:00:00Z"
    assert (with_it["seconds"], with_it["amount"]) == (9 * 86400, "90.000000")
    assert without["amount"] == "60.000000"


def test_what_has_a_tag_is_what_the_page_says_of_it(
    everything: None, visit: Client, project: Project
) -> None:
    (page,) = tagged_months([project.pk], "fase", [NOVEMBER], at=november(16))

    for value in ("test", "productie"):
        listed = total(charges(visit, tag=f"fase={value}"))
        assert abs(listed - page.realised[value].total) <= Decimal("0.01")


def test_without_a_filter_nothing_is_cut(everything: None, visit: Client) -> None:
    assert len(charges(visit)) == 4  # one piece of use each, and one that changed cost centre


def test_filters_reach_no_further_than_the_person(everything: None, project: Project) -> None:
    stranger = visit_as(member(Role.REQUESTER, project))

    assert stranger.get(PATH, {"kind": "server"}).status_code == 403


@pytest.mark.parametrize("asked", [{"tag": "fase"}, {"kind": ""}, {"costcenter": "1"}])
def test_a_key_that_is_not_right_is_a_mistake(visit: Client, asked: dict[str, str]) -> None:
    assert visit.get(PATH, asked).status_code == 400


def test_other_months_know_the_same_filters(
    server: MeteredResource, phase: Any, visit: Client
) -> None:
    assert charges(visit, month="2026-10", kind="server") == []
