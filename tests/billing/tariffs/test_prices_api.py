"""``GET /api/v1/prices``: what things cost, for whom, from when until when."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing.models import Price, PriceList, PriceUnit
from portal.core.calendar import start_of_day
from portal.identity.models import Organization, Project, Role
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.factories.billing import LONG_AGO, SkuFactory, set_price

PATH = "/api/v1/prices"
NOVEMBER = start_of_day(date(2026, 11, 1))
FUTURE = start_of_day(date(2100, 1, 1))
pytestmark = pytest.mark.django_db


@pytest.fixture
def ministry() -> Organization:
    return make_organization()


@pytest.fixture
def service(ministry: Organization) -> Organization:
    return make_organization(ministry, "Dienst")


@pytest.fixture
def project(service: Organization) -> Project:
    return make_project(service)


def visit(role: Role, node: Any) -> Any:
    person = PersonFactory()
    grant(person, role, node)
    return visit_as(person)


def amounts(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["amount"] for row in answer.json()["results"]]


def test_says_what_one_unit_costs_for_whom_and_until_when(service):
    price = Price.objects.create(
        price_list=PriceList.objects.create(name="Tarieven"),
        sku=SkuFactory(),
        organization=service,
        unit=PriceUnit.MONTH,
        amount=Decimal("12.5"),
        tier_quantities=[Decimal(100)],
        tier_amounts=[Decimal("0.08")],
        valid_from=LONG_AGO,
        valid_until=NOVEMBER,
    )

    (row,) = visit(Role.FINANCE, service).get(PATH).json()["results"]

    assert row == {
        "id": str(price.public_id),
        "sku": {"code": "server.gp.small", "name": "server.gp.small (en)"},
        "organization": {"id": str(service.public_id), "name": "Dienst"},
        "unit": "month",
        "amount": "12.500000",
        "tiers": [{"from_quantity": "100.000000", "amount": "0.080000"}],
        "minimum_months": 0,
        "valid_from": "2024-12-31T23:00:00Z",
        "valid_until": "2026-10-31T23:00:00Z",
        "price_list": "Tarieven",
        "tariff_round": None,
    }


def test_a_price_says_for_how_long_it_binds(service):
    set_price("12.5", minimum_months=12)

    (row,) = visit(Role.FINANCE, service).get(PATH).json()["results"]

    assert (row["amount"], row["minimum_months"]) == ("12.500000", 12)


class TestOfANode:
    def test_the_nearest_price_holds(self, ministry, service, project):
        set_price("3")
        set_price("2", organization=ministry)
        set_price("1", organization=service)
        set_price("9", sku="volume")
        ask = visit(Role.FINANCE, ministry)

        assert amounts(ask.get(PATH, {"node": project.public_id})) == ["1.000000", "9.000000"]
        assert amounts(ask.get(PATH, {"node": ministry.public_id})) == ["2.000000", "9.000000"]
        assert amounts(ask.get(PATH, {"node": ministry.public_id, "sku": "volume"})) == ["9.000000"]

    def test_what_holds_is_of_the_moment_that_is_asked_for(self, service):
        set_price("3", until=NOVEMBER)
        set_price("4", since=NOVEMBER)
        ask, node = visit(Role.AUDITOR, service), {"node": service.public_id}

        early = ask.get(PATH, {**node, "at": "2026-10-31T22:59:59Z"})
        late = ask.get(PATH, {**node, "at": "2026-10-31T23:00:00Z"})

        assert (amounts(early), amounts(late)) == (["3.000000"], ["4.000000"])

    def test_elsewhere_it_does_not_exist(self, service):
        other = make_organization()

        assert visit(Role.FINANCE, other).get(PATH, {"node": service.public_id}).status_code == 404


class TestHistory:
    def test_has_all_that_was_and_will_be_the_newest_first(self, service):
        set_price("3", until=NOVEMBER)
        set_price("4", since=NOVEMBER, until=FUTURE)
        set_price("5", since=FUTURE)

        ask = visit(Role.FINANCE, service)

        assert amounts(ask.get(PATH)) == ["5.000000", "4.000000", "3.000000"]
        assert amounts(ask.get(PATH, {"at": "2026-01-01T00:00:00Z"})) == ["3.000000"]

    def test_goes_page_by_page(self, service):
        for number in range(5):
            set_price(f"{number}", sku=f"sku.{number}")
        ask = visit(Role.FINANCE, service)

        found, address = [], f"{PATH}?pageSize=2"
        while address:
            page = ask.get(address)
            found += amounts(page)
            address = page.json()["next"]

        assert found == [f"{number}.000000" for number in range(5)]

    def test_costs_the_same_queries_for_one_price_and_for_many(
        self, service, django_assert_max_num_queries
    ):
        for number in range(30):
            set_price("1", sku=f"sku.{number}", organization=service)
        ask = visit(Role.FINANCE, service)

        with django_assert_max_num_queries(15):
            assert len(amounts(ask.get(PATH))) == 30


class TestReach:
    def test_requester_sees_what_holds_now_and_nothing_else(self, ministry, service, project):
        set_price("3", until=FUTURE)
        set_price("5", since=FUTURE)
        set_price("1", organization=ministry, sku="volume")
        set_price("7", organization=make_organization(), sku="volume")
        ask = visit(Role.REQUESTER, project)

        assert amounts(ask.get(PATH)) == ["3.000000", "1.000000"]
        assert amounts(ask.get(PATH, {"node": project.public_id})) == ["3.000000", "1.000000"]

    def test_requester_does_not_hear_what_held_there_at_another_moment(self, project):
        """What they do not see might have been nearer: the answer would be wrong."""
        asked = {"node": project.public_id, "at": "2026-01-01T00:00:00Z"}

        assert visit(Role.REQUESTER, project).get(PATH, asked).status_code == 403

    def test_price_of_others_stands_in_no_list(self, service):
        set_price("7", organization=make_organization())

        assert amounts(visit(Role.FINANCE, service).get(PATH)) == []

    def test_nobody_without_a_role(self):
        set_price("3")

        assert visit_as(PersonFactory()).get(PATH).status_code == 403


@pytest.mark.parametrize(
    "asked", [{"at": "gisteren"}, {"node": "1"}, {"colour": "blue"}, {"sku": "a\x00"}]
)
def test_a_key_that_is_not_right_is_a_mistake(service, asked):
    assert visit(Role.FINANCE, service).get(PATH, asked).status_code == 400
