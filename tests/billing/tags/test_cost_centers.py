"""Costs per cost centre of what had one tag: the page, its file, and the way to what is behind."""

from __future__ import annotations

import csv
import re
from decimal import Decimal
from html import unescape
from io import StringIO
from typing import Any

import pytest
from django.test import Client

from billing.cost_centers import allocated_costs
from billing.models import AllocationFact, AllocationKey, MeteredResource, TagKey
from billing.services.tag_keys import TagChoice
from portal.identity.models import Person, Project
from tests.billing.tags.conftest import NOVEMBER, november, running, tag_from
from tests.billing.visits import visit_as

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mid_november")]
PAGE = "/costs/cost-centres"
TAGS = (TagChoice("fase", "test"), TagChoice("fase", None))


@pytest.fixture(autouse=True)
def page_in_mid_november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.views.allocation.now", lambda: november(16))


@pytest.fixture
def visit(finance: Person) -> Client:
    return visit_as(finance)


@pytest.fixture
def tagged(ministry: Any, project: Project, server: MeteredResource, finance: Person) -> None:
    """Two servers of 150 euros until now: one is tagged from the 7th on, allocated from the 9th."""
    TagKey.objects.create(organization=ministry, name="fase", valid_from=november(1))
    running(project, "zaak-app-02")
    tag_from(7, server, "test", finance)
    AllocationFact.objects.create(
        resource=server, key="cost_center", value="410210", valid_from=november(9)
    )


def costs(project: Project, tag: TagChoice | None = None) -> Any:
    return allocated_costs(
        [project.pk], key=AllocationKey.COST_CENTER, month=NOVEMBER, now=november(16), tag=tag
    )


def by_value(found: Any) -> dict[str | None, Decimal]:
    return {row.value: row.amount for row in found.rows}


def text(response: Any) -> str:
    assert response.status_code == 200
    words = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(unescape(words).replace("\N{NO-BREAK SPACE}", " ").split())


def test_what_had_the_tag_and_what_had_not_is_the_whole(tagged: None, project: Project) -> None:
    whole, parts = by_value(costs(project)), [by_value(costs(project, tag)) for tag in TAGS]

    assert parts[0] == {"410210": Decimal("70.00"), None: Decimal("20.00")}
    for value, amount in whole.items():
        assert sum((part.get(value, Decimal(0)) for part in parts), Decimal(0)) == amount


def test_page_shows_only_what_had_it(tagged: None, visit: Client) -> None:
    page = text(visit.get(PAGE, {"tag": "fase=test", "month": "2026-11"}))

    assert "410210 €70.00" in page
    assert "Total €90.00" in page


def test_file_has_what_the_page_shows(tagged: None, visit: Client) -> None:
    page = visit.get(PAGE, {"tag": "fase=test", "month": "2026-11"}).content.decode()
    address = unescape(re.search(r'href="([^"]*\.csv\?[^"]*)"', page)[1])  # type: ignore[index]

    rows = list(csv.reader(StringIO(visit.get(address).getvalue().decode("utf-8-sig"))))

    assert "tag=fase%3Dtest" in address
    amounts = [Decimal(row[-1]) for row in rows[1:]]
    assert sum(amounts) == Decimal(90)


@pytest.mark.parametrize(("value", "center"), [("410210", "410210"), ("", "-")])
def test_from_a_cost_centre_one_comes_to_its_resources(
    tagged: None, visit: Client, value: str, center: str
) -> None:
    page = visit.get(PAGE, {"month": "2026-11", "tag": "fase=test", "value": value})

    (address,) = re.findall(r'href="(/costs/resources\?[^"]*)"', page.content.decode())
    assert unescape(address) == (f"/costs/resources?month=2026-11&tag=fase%3Dtest&center={center}")


def test_a_tag_that_is_none_is_told(tagged: None, visit: Client) -> None:
    assert visit.get(PAGE, {"tag": "fase"}).status_code == 422
