"""The overview of costs by kind and by cost centre: beside a tag, a part, a month and another."""

from __future__ import annotations

import csv
import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import AllocationFact, AllocationKey, MeteredResource, PriceUnit
from billing.overview import Overview, make_overview
from billing.services.charge_lists import ChargeFilter, filtered_charges
from billing.services.figures import Figures
from billing.services.tag_keys import TagChoice
from portal.core.calendar import Period
from portal.identity.models import CostCentre, Node, NodeParent, Organization, Person, Project
from tests.billing.months.conftest import (
    OCTOBER,
    SEPTEMBER,
    Close,
    close,
    first,
    platform,
    second,
    september,
)
from tests.billing.tags.conftest import NOVEMBER, finance, ministry, november, project, server
from tests.billing.test_tiers import DISK, set_tiers
from tests.billing.visits import visit_as
from tests.factories.billing import (
    LONG_AGO,
    MeteredResourceFactory,
    SkuFactory,
    UsageSpanFactory,
    set_price,
)

__all__ = ["close", "finance", "first", "ministry", "platform", "project", "second", "server"]
pytestmark = pytest.mark.django_db
NOW = november(16)
CENTERS = ("100", "200", "")
KINDS = ("server", "volume")
TAGS = (TagChoice("fase", "test"), TagChoice("fase", None))


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("billing.views.costs", "catalog.views.resource_costs"):
        monkeypatch.setattr(f"{module}.now", lambda: NOW)


@pytest.fixture
def volume(server: MeteredResource) -> MeteredResource:
    """Of the same SKU as the server, so on the same line; it falls under cost centre 100."""
    volume: MeteredResource = MeteredResourceFactory(
        project=server.project, name="zaak-data-01", kind="volume"
    )
    UsageSpanFactory(resource=volume, started_at=november(6))
    under("100", volume, november(1))
    return volume


def under(code: str, resource: MeteredResource, start: Any) -> None:
    AllocationFact.objects.create(
        resource=resource, key=AllocationKey.COST_CENTER, value=code, valid_from=start
    )


def overview_of(node: Node, period: Period = NOVEMBER, **wanted: Any) -> Overview:
    return make_overview([node.pk], node=node, month=period, now=NOW, wanted=ChargeFilter(**wanted))


def test_the_parts_of_an_overview_agree(volume: MeteredResource, project: Project) -> None:
    for wanted in ({"kind": "volume"}, {"cost_center": "100"}):
        found = overview_of(project, **wanted)

        assert (found.realised.total, found.expected.total) == (Decimal(100), Decimal(250))
        assert sum(day.realised for day in found.days) == Decimal(100)
        assert sum(day.expected for day in found.days) == Decimal(250)
        assert [(row.resource.name, row.cost.amount) for row in found.resources] == [
            ("zaak-data-01", Decimal(100))
        ]
        of_year = [one.total.realised for one in found.year]
        assert of_year == ([] if "kind" in wanted else [Decimal(0)] * 10 + [100, 0])
        assert found.cost_centers == ("100",)
        assert not found.rounding
    assert overview_of(project, kind="server", cost_center="100").is_empty
    assert overview_of(project, cost_center="").realised.total == Decimal(150)


def test_the_month_to_compare_with_is_filtered_too(
    server: MeteredResource, project: Project
) -> None:
    volume = MeteredResourceFactory(project=project, kind="volume")
    UsageSpanFactory(resource=volume, started_at=OCTOBER.start, ended_at=OCTOBER.end)

    assert overview_of(project, kind="volume").before.total == Decimal(300)
    assert overview_of(project, kind="server").before.total == Decimal(0)


def test_of_a_closed_month_it_is_what_was_billed(
    project: Project, server: MeteredResource, close: Close
) -> None:
    for kind, code in (("server", "100"), ("volume", "")):
        resource = MeteredResourceFactory(project=project, kind=kind)
        UsageSpanFactory(resource=resource, started_at=SEPTEMBER.start, ended_at=september(16))
        if code:
            under(code, resource, SEPTEMBER.start)
    close(SEPTEMBER)
    late = MeteredResourceFactory(project=project, kind="volume")
    UsageSpanFactory(resource=late, started_at=SEPTEMBER.start, ended_at=SEPTEMBER.end)
    close(OCTOBER)

    for wanted in ({"kind": "volume"}, {"cost_center": "100"}, {"cost_center": ""}):
        found = overview_of(project, SEPTEMBER, **wanted)
        assert found.is_billed
        assert found.realised.total == sum(day.realised for day in found.days) == Decimal(150)
        assert [row.cost.amount for row in found.resources] == [Decimal(150)]
        assert [one.total.realised for one in found.year][8:9] in ([], [Decimal(150)])
    # What was put right is of no kind, and falls under what its use fell under: nothing.
    assert overview_of(project, OCTOBER, kind="volume").realised.total == 0
    assert overview_of(project, OCTOBER, cost_center="").realised.total == Decimal(300)
    assert overview_of(project, OCTOBER, cost_center="100").realised.total == 0


@pytest.mark.parametrize("is_closed", [False, True], ids=["reckoned", "billed"])
def test_tiers_are_on_the_days_on_which_they_were_reached(
    project: Project, server: MeteredResource, close: Close, is_closed: bool
) -> None:
    NodeParent.objects.update(valid_from=LONG_AGO)
    set_tiers(("100", "0.10"), unit=PriceUnit.GIB_MONTH)
    disk = MeteredResourceFactory(project=project, kind="volume")
    of_sku: dict[str, Any] = {"sku": SkuFactory(code=DISK), "quantity": Decimal(300)}
    under("100", disk, SEPTEMBER.start)
    UsageSpanFactory(resource=disk, started_at=SEPTEMBER.start, ended_at=SEPTEMBER.end, **of_sku)
    if is_closed:
        close(SEPTEMBER)

    for wanted in ({"kind": "volume"}, {"cost_center": "100"}):
        days = overview_of(project, SEPTEMBER, **wanted).days
        assert [day.realised for day in days] == [Decimal(0)] * 10 + [Decimal(1)] * 20
        assert overview_of(project, SEPTEMBER, kind="server").realised.total == 0


def test_no_bar_is_higher_than_its_plot(project: Project, server: MeteredResource) -> None:
    """Of a tag a tier is spread evenly: what was used may then pass what is expected of a day."""
    price = set_tiers(("100", "0.01"), unit=PriceUnit.GIB_MONTH, amount="1")
    disk = MeteredResourceFactory(project=project, kind="volume")
    UsageSpanFactory(resource=disk, sku=price.sku, quantity=Decimal(300), started_at=NOVEMBER.start)

    for wanted in ({"kind": "volume"}, {"tag": TagChoice("fase", None), "kind": "volume"}):
        found = overview_of(project, **wanted)
        assert all(float(part.y) >= 0 for part in found.chart.parts)


@pytest.mark.parametrize(("query", "is_said"), [("", False), ("kind=volume", True)])
def test_of_one_kind_the_page_says_what_is_not_in_it(
    volume: MeteredResource, finance: Person, query: str, is_said: bool
) -> None:
    page = visit_as(finance).get(f"/costs?{query}", headers={"accept-language": "en"})

    assert ("shared costs are of no kind" in page.content.decode()) is is_said


def history_of(project: Project, seed: int) -> None:
    """Things of two kinds at odd prices, one with tiers, which change of cost centre and tag."""
    chance = random.Random(seed)  # noqa: S311  (no secret)
    set_tiers(("0.2", "7.77"), ("1", "0.31"), unit=PriceUnit.MONTH, amount="1.11")
    for number, price in enumerate(("10.00", "0.07", "3.333333")):
        set_price(price, sku=f"sku.{number}")
    for _ in range(16):
        resource = MeteredResourceFactory(project=project, kind=chance.choice(KINDS))
        start = september(1) + timedelta(seconds=chance.randrange(75 * 86400))
        lasts = timedelta(seconds=chance.randrange(1, 40 * 86400))
        UsageSpanFactory(
            resource=resource,
            sku=SkuFactory(code=chance.choice((DISK, "sku.0", "sku.1", "sku.2"))),
            quantity=Decimal(chance.randrange(1, 500)) / 100,
            started_at=start,
            ended_at=chance.choice((start + lasts, None)) if start + lasts < NOW else None,
        )
        if chance.random() < 0.6:
            turn = start + timedelta(seconds=chance.randrange(20 * 86400))
            under(chance.choice(CENTERS[:2]), resource, turn)
        if chance.random() < 0.6:
            turn = start + timedelta(seconds=chance.randrange(20 * 86400))
            resource.tag_facts.create(key="fase", value="test", valid_from=turn)


def days_of(project: Project, period: Period, **wanted: Any) -> list[tuple[Decimal, Decimal]]:
    """What was used on each day, and what is expected of it, exactly."""
    figures = Figures(ChargeFilter(**wanted))
    (found,) = figures.months([project.pk], [period], at=NOW)
    return [(day.realised, day.expected) for day in figures.days([project.pk], found)]


def added_days(
    project: Project, period: Period, name: str, values: Any
) -> list[tuple[Decimal, ...]]:
    parts = [days_of(project, period, **{name: value}) for value in values]
    return [
        tuple(sum(amounts, Decimal(0)) for amounts in zip(*of_day, strict=True))
        for of_day in zip(*parts, strict=True)
    ]


@pytest.mark.parametrize("is_closed", [False, True], ids=["reckoned", "billed"])
@pytest.mark.parametrize("seed", range(3))
def test_parts_add_up_to_the_whole(
    project: Project, server: MeteredResource, close: Close, seed: int, is_closed: bool
) -> None:
    NodeParent.objects.update(valid_from=LONG_AGO)
    history_of(project, seed)
    closed = close(SEPTEMBER) if is_closed else None
    for period in (SEPTEMBER, NOVEMBER):

        def total(period: Period = period, **wanted: Any) -> tuple[Decimal, Decimal]:
            found = overview_of(project, period, **wanted)
            return found.realised.total, found.expected.total

        def added(name: str, values: Any, **others: Any) -> tuple[Decimal, ...]:
            parts = [total(**{name: value}, **others) for value in values]
            return tuple(sum(part, Decimal(0)) for part in zip(*parts, strict=True))

        assert added("kind", KINDS) == added("cost_center", CENTERS) == total()
        everything = days_of(project, period)
        assert added_days(project, period, "kind", KINDS) == everything
        assert added_days(project, period, "cost_center", CENTERS) == everything
        for tag in TAGS:
            assert added("kind", KINDS, tag=tag) == total(tag=tag)
            assert added("cost_center", CENTERS, tag=tag) == total(tag=tag)
        for kind in KINDS:
            assert added("cost_center", CENTERS, kind=kind) == total(kind=kind)

        for tag in (None, *TAGS):
            wanted = ChargeFilter(kind="volume", cost_center="100", tag=tag)
            charges = filtered_charges(
                [project.pk],
                wanted,
                month=period,
                as_of=min(NOW, period.end),
                closed=closed if period == SEPTEMBER else None,
                after=None,
                limit=1000,
            )
            exact = sum((charge.amount or Decimal(0) for charge in charges), Decimal(0))
            found = overview_of(project, period, kind="volume", cost_center="100", tag=tag)
            assert sum((row.cost.exact for row in found.resources), Decimal(0)) == exact
            lines = len(found.realised.lines)
            assert abs(found.realised.total - exact) <= Decimal("0.01") * lines
            days = sum((day.realised for day in found.days), Decimal(0))
            assert abs(days - exact) <= Decimal("0.005") * 30


def offered_centers(page: Any) -> list[str]:
    return [value for value, _label in page.context["form"].fields["center"].widget.choices]


def test_page_links_and_files_keep_what_was_asked(
    volume: MeteredResource, ministry: Organization, finance: Person
) -> None:
    CostCentre.objects.create(node=volume.project, code="300", name="", valid_from=LONG_AGO)
    visitor = visit_as(finance)
    query = {"kind": "server", "center": "300"}

    page = visitor.get("/costs", query)
    text = page.content.decode()

    assert page.context["overview"].realised.total == Decimal(150)
    assert f"node={volume.project.public_id}&amp;kind=server&amp;center=300" in text
    assert "table.csv?kind=server&amp;center=300" in text
    assert "/costs/focus.csv" not in text
    assert visitor.get("/costs/focus.csv", query).status_code == 404
    assert offered_centers(page) == ["", "-", "300"]  # servers fell under no other one
    assert offered_centers(visitor.get("/costs", {"center": "300"})) == ["", "-", "100", "300"]
    project_page = visitor.get("/costs", query | {"node": str(volume.project.public_id)})
    assert "/costs/resources?" in project_page.content.decode()
    assert [row.resource.name for row in project_page.context["overview"].resources] == [
        "zaak-app-01"
    ]
    listed = visitor.get("/costs/resources", query | {"month": "2026-11"})
    assert [row.cost.name for row in listed.context["rows"]] == ["zaak-app-01"]

    assert "The months of the year are shown of all kinds together" in text
    assert visitor.get("/costs/per/months.csv", query).status_code == 404
    assert "/costs/per/months.csv" not in text
    table = b"".join(visitor.get("/costs/table.csv", query).streaming_content)
    rows = list(csv.reader(table.decode("utf-8-sig").splitlines()))
    assert [row[5] for row in rows[1:]] == ["150"]


def test_what_fell_under_no_cost_centre_can_be_asked_for(
    volume: MeteredResource, finance: Person
) -> None:
    page = visit_as(finance).get("/costs", {"center": "-"})

    assert page.context["overview"].realised.total == Decimal(150)


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"kind": "geen"}, 422, "kind"),
        ({"center": "x" * 41}, 422, "center"),
        ({"center": "\x00"}, 422, "center"),
    ],
)
def test_what_cannot_be_is_said_at_the_field(
    volume: MeteredResource, finance: Person, query: dict[str, str], status: int, field: str
) -> None:
    for path in ("/costs", "/costs/table.csv"):
        answer = visit_as(finance).get(path, query)
        assert answer.status_code == status
        assert field in answer.context["form"].errors


def test_a_code_that_nothing_fell_under_costs_nothing(
    volume: MeteredResource, finance: Person
) -> None:
    page = visit_as(finance).get("/costs", {"center": "999"})

    text = page.content.decode()
    assert page.context["overview"].is_empty
    assert '<option value="999" selected>' in text
    assert "Nothing matches this" in text
    assert "Nothing was used in this month" not in text
    assert 'href="/costs?month=2026-11">Show all costs of this month</a>' in text


@pytest.mark.parametrize("of_kind", [{}, {"kind": "server"}, {"kind": "network"}])
def test_who_asks_for_a_kind_is_told_what_is_of_none(
    volume: MeteredResource, finance: Person, of_kind: dict[str, str]
) -> None:
    text = visit_as(finance).get("/costs", of_kind).content.decode()

    assert ("money given back and shared costs are of no kind" in text) == bool(of_kind)


def test_queries_of_a_filtered_page_do_not_grow(
    volume: MeteredResource, project: Project, finance: Person
) -> None:
    visitor = visit_as(finance)
    query = {"kind": "volume", "center": "100"}
    visitor.get("/costs", query)
    with CaptureQueriesContext(connection) as few:
        visitor.get("/costs", query)
    for _ in range(5):
        other = MeteredResourceFactory(project=project, kind="volume")
        UsageSpanFactory(resource=other, started_at=november(3))
        under("100", other, november(1))
    with CaptureQueriesContext(connection) as many:
        visitor.get("/costs", query)

    assert len(many) == len(few)
