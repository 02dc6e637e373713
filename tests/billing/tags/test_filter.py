"""Costs of what had one tag: the overview, the list per resource, files, and programs."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing.models import MeteredResource, TagKey
from billing.overview import make_overview
from billing.services.charge_lists import ChargeFilter
from billing.services.tag_keys import TagChoice, define_tag_key, tag_choices
from catalog.services.resource_costs import ResourceCostList, ResourceCostOrder, ResourceFilter
from portal.core.calendar import month
from portal.identity.models import Node, NodeParent, Organization, Person, Project
from tests.billing.focus.reading import read
from tests.billing.months.conftest import SEPTEMBER, Close, close, first, platform, second
from tests.billing.tags.conftest import NOVEMBER, november, running, tag_from
from tests.billing.visits import visit_as
from tests.factories import make_organization
from tests.factories.billing import LONG_AGO, UsageSpanFactory, set_price

__all__ = ["close", "first", "platform", "second"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mid_november")]
TEST = TagChoice("fase", "test")
NONE = TagChoice("fase", None)


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("billing.views.costs", "catalog.views.resource_costs", "billing.api.pages"):
        monkeypatch.setattr(f"{module}.now", lambda: november(16))


@pytest.fixture(autouse=True)
def phase(ministry: Organization, finance: Person, mid_november: None) -> TagKey:
    return define_tag_key(ministry, "fase", actor=finance)


@pytest.fixture
def tagged(server: MeteredResource, finance: Person) -> Project:
    """One server is tagged from the sixth on; another never."""
    running(server.project, "zaak-db-01")
    tag_from(6, server, "test", finance)
    return server.project


def overview_of(node: Node, tag: TagChoice, period: Any = NOVEMBER, day: int = 16) -> Any:
    return make_overview(
        [node.pk], node=node, month=period, now=november(day), wanted=ChargeFilter(tag=tag)
    )


def test_the_parts_of_an_overview_agree(tagged: Project) -> None:
    found = overview_of(tagged, TEST)

    assert (found.realised.total, found.expected.total) == (Decimal("100"), Decimal("250"))
    assert sum(day.realised for day in found.days) == Decimal("100.00")
    assert sum(day.expected for day in found.days) == Decimal("250.00")
    assert [(row.resource.name, row.cost.amount) for row in found.resources] == [
        ("zaak-app-01", Decimal("100.00"))
    ]
    assert [one.total.realised for one in found.year][-2:] == [Decimal("100.00"), Decimal(0)]
    assert overview_of(tagged, NONE).realised.total == Decimal("200.00")


def test_also_of_a_closed_month(server: MeteredResource, close: Close, finance: Person) -> None:
    UsageSpanFactory(resource=server, started_at=SEPTEMBER.start, ended_at=SEPTEMBER.end)
    server.tag_facts.create(key="fase", value="test", valid_from=LONG_AGO)
    close(SEPTEMBER)
    found = overview_of(server.project, TEST, SEPTEMBER)

    assert found.is_billed
    assert found.realised.total == sum(day.realised for day in found.days) == Decimal("300.00")
    assert [row.cost.amount for row in found.resources] == [Decimal("300.00")]
    assert overview_of(server.project, NONE, SEPTEMBER).is_empty


def test_what_can_be_chosen(tagged: Project, ministry: Organization) -> None:
    assert tag_choices([tagged.pk]) == tag_choices([ministry.pk]) == [TEST, NONE]
    assert tag_choices([make_organization().pk]) == []


def test_the_page_and_its_files(tagged: Project, finance: Person) -> None:
    visitor = visit_as(finance)
    page = visitor.get("/costs", {"tag": "fase=test"})
    assert page.context["overview"].realised.total == Decimal("100.00")
    assert "tag=fase%3Dtest" in page.context["figures_query"]

    table = b"".join(visitor.get("/costs/table.csv", {"tag": "fase=test"}).streaming_content)
    text = table.decode("utf-8-sig")
    rows = list(csv.reader(text.splitlines(), delimiter=";" if ";" in text else ","))
    assert [row[5] for row in rows[1:]] == ["100"]


@pytest.mark.parametrize("tag", ["fase", "=x", "fase==1", "f\u0430se=x", "x" * 500, "fase=\u0000"])
def test_what_is_no_tag_is_refused(tagged: Project, finance: Person, tag: str) -> None:
    visitor = visit_as(finance)
    for path in ("/costs", "/costs/table.csv", "/costs/focus.csv", "/costs/resources"):
        answer = visitor.get(path, {"tag": tag})
        assert answer.status_code == 422
        assert "tag" in answer.context["form"].errors
    assert visitor.get("/api/v1/focus/charges", {"tag": tag}).status_code == 400


@pytest.mark.parametrize(
    ("tag", "amounts"), [("fase=test", ["100.0"]), ("fase=", ["50.0", "150.0"])]
)
def test_files_in_focus(tagged: Project, finance: Person, tag: str, amounts: list[str]) -> None:
    visitor = visit_as(finance)
    for path in ("/costs/focus.csv", "/api/v1/focus/charges"):
        text = b"".join(visitor.get(path, {"tag": tag}).streaming_content).decode()
        assert [row["BilledCost"] for row in read(text)] == amounts


def test_files_in_focus_are_rounded_as_the_page(project: Project, finance: Person) -> None:
    set_price("10.00")
    for name, value in (("een", "a"), ("twee", "b"), ("drie", "")):
        server = running(project, name)
        server.spans.update(ended_at=november(2))
        if value:
            tag_from(1, server, value, finance)
    shares = {}
    for tag in tag_choices([project.pk]):
        text = b"".join(
            visit_as(finance).get("/costs/focus.csv", {"tag": str(tag)}).streaming_content
        )
        total = sum(Decimal(row["BilledCost"]) for row in read(text.decode()))
        assert total == overview_of(project, tag).realised.total
        shares[tag.value] = total
    assert shares == {"a": Decimal("0.34"), "b": Decimal("0.33"), None: Decimal("0.33")}


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        (TEST, [("zaak-app-01", Decimal("100.00"), 10)]),
        (NONE, [("zaak-db-01", Decimal("150.00"), 15), ("zaak-app-01", Decimal("50.00"), 5)]),
    ],
    ids=["tagged", "not tagged"],
)
def test_the_list_per_resource(
    tagged: Project, tag: TagChoice, found: list[tuple[str, Decimal, int]]
) -> None:
    asked = ResourceCostList(
        node_ids=[tagged.pk],
        month=month(2026, 11),
        at=november(16),
        filter=ResourceFilter(tag=tag),
        order=ResourceCostOrder.DEAREST,
    )
    page, _pieces = asked.page(1, size=10)
    assert [(row.name, row.amount, row.days) for row in page.rows] == found
    assert sum(len(rows) for rows in asked.stream()) == len(found)


def test_the_list_per_resource_of_a_closed_month(server: MeteredResource, close: Close) -> None:
    NodeParent.objects.update(valid_from=LONG_AGO)
    UsageSpanFactory(resource=server, started_at=SEPTEMBER.start, ended_at=SEPTEMBER.end)
    server.tag_facts.create(
        key="fase", value="test", valid_from=november(1).replace(month=9, day=16)
    )
    close(SEPTEMBER)
    asked = ResourceCostList(
        node_ids=[server.project_id],
        month=SEPTEMBER,
        at=november(16),
        filter=ResourceFilter(tag=TEST),
        order=ResourceCostOrder.DEAREST,
    )
    page, pieces = asked.page(1, size=10)
    assert pieces.is_closed
    assert [row.days for row in page.rows] == [15]


class TestPrograms:
    def test_set_a_tag_and_read_it(self, server: MeteredResource, finance: Person) -> None:
        visitor = visit_as(finance)
        body = {
            "resource": str(server.public_id),
            "key": "fase",
            "value": "test",
            "starts_on": "2026-11-01",
        }
        answer = visitor.post("/api/v1/tags", body, content_type="application/json")
        (tag,) = answer.json()
        assert (answer.status_code, tag["key"], tag["value"]) == (200, "fase", "test")
        (read_again,) = visitor.get("/api/v1/tags", {"resource": str(server.public_id)}).json()
        assert read_again == tag
        (of_project,) = visitor.get("/api/v1/tags", {"node": str(server.project.public_id)}).json()
        assert of_project["value"] is None

    @pytest.mark.parametrize(
        "change",
        [
            {"value": "=1+1"},
            {"key": "onbekend"},
            {"starts_on": str(date(2026, 10, 31))},
            {"resource": None},
            {"extra": 1},
        ],
    )
    def test_what_is_wrong_changes_nothing(
        self, server: MeteredResource, finance: Person, change: dict[str, Any]
    ) -> None:
        body = {
            "resource": str(server.public_id),
            "key": "fase",
            "value": "test",
            "starts_on": "2026-11-01",
        } | change
        answer = visit_as(finance).post("/api/v1/tags", body, content_type="application/json")
        assert answer.status_code in (400, 422)
        assert not server.tag_facts.exists()

    def test_a_place_is_needed(self, server: MeteredResource, finance: Person) -> None:
        for query in ({}, {"node": server.project.public_id, "resource": server.public_id}):
            assert visit_as(finance).get("/api/v1/tags", query).status_code == 400

    def test_define_and_withdraw_a_key(self, ministry: Organization, finance: Person) -> None:
        visitor = visit_as(finance)
        body = {"node": str(ministry.public_id), "name": "Team", "allowed_values": ["rood"]}
        key = visitor.post("/api/v1/tag-keys", body, content_type="application/json").json()
        assert (key["name"], key["allowed_values"], key["is_required"]) == ("team", ["rood"], False)
        listed = visitor.get("/api/v1/tag-keys").json()["results"]
        assert [one["name"] for one in listed] == ["fase", "team"]
        path = f"/api/v1/tag-keys/{key['id']}/withdraw"
        assert visitor.post(path).status_code == 204
        assert visitor.post(path).status_code == 404
