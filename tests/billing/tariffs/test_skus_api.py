"""SKUs for programs: read, added, changed and removed as on the pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from billing import asked_skus
from billing.asked_skus import Asker
from billing.models import SHARED_SKU, Sku
from billing.services.split_reading import shared_sku
from portal.identity.models import Role
from tests.billing.tariffs.conftest import SERVER
from tests.billing.visits import visit_as
from tests.catalog.api.conftest import assert_problem
from tests.factories import PersonFactory, grant, make_organization
from tests.factories.billing import SkuFactory, set_price

PATH = "/api/v1/skus"
CODE = "server.g1.large"
pytestmark = pytest.mark.django_db


@pytest.fixture
def body() -> dict[str, Any]:
    return {
        "code": CODE,
        "name_nl": "Server met GPU",
        "name_en": "Server with GPU",
        "service_category": "Compute",
        "service_subcategory": "Virtual Machines",
    }


@pytest.fixture
def finance(treasury):
    return visit_as(treasury.first)


def send(visit: Any, method: str, path: str, **body: Any) -> Any:
    return getattr(visit, method)(path, body, content_type="application/json")


def at(code: str) -> str:
    return f"{PATH}/{quote(code, safe='')}"


def test_what_is_added_is_in_the_list_without_a_price(finance, treasury, body):
    answer = send(finance, "post", PATH, **body)

    assert answer.status_code == 201
    assert answer.json() == {**body, "price": None, "own_prices": 0, "is_in_use": False}
    reader = visit_as(treasury.auditor)
    assert reader.get(PATH).json()["results"] == [answer.json()]
    assert reader.get(at(CODE)).json() == answer.json()


def test_the_list_says_what_each_costs_now_and_can_be_of_one_category(finance, body):
    set_price("38.40", minimum_months=3)
    send(finance, "post", PATH, **body | {"service_category": "Other"})  # no such pair
    SkuFactory(code="volume.ssd", service_category="Storage")
    shared_sku()

    codes = [one["code"] for one in finance.get(PATH).json()["results"]]
    (disk,) = finance.get(PATH, {"serviceCategory": "Storage"}).json()["results"]

    assert codes == [SERVER, "volume.ssd"]
    assert disk["code"] == "volume.ssd"
    assert finance.get(at(SERVER)).json()["price"] == {
        "unit": "month",
        "amount": "38.400000",
        "tiers": [],
        "minimum_months": 3,
    }
    assert_problem(
        finance.get(PATH, {"serviceCategory": "x"}), 400, "invalid_input", "serviceCategory"
    )


def test_a_change_leaves_what_it_does_not_name(finance, body):
    send(finance, "post", PATH, **body)

    answer = send(finance, "patch", at(CODE), name_en="GPU server")

    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in body} == {**body, "name_en": "GPU server"}
    assert send(finance, "patch", at(CODE)).json() == answer.json()
    wrong = send(finance, "patch", at(CODE), code="server.other")
    assert_problem(wrong, 400, "invalid_input", "code")


def test_one_is_removed_while_nothing_refers_to_it(finance):
    SkuFactory(code=CODE)
    set_price("38.40")

    assert finance.delete(at(CODE)).status_code == 204
    assert finance.get(at(CODE)).status_code == 404
    assert_problem(finance.delete(at(SERVER)), 409, "sku_in_use")


def test_a_code_may_hold_what_an_address_quotes(finance, body):
    code = "server.gpu/a 100?#%"
    send(finance, "post", PATH, **body | {"code": code})

    assert finance.get(at(code)).json()["code"] == code
    assert send(finance, "patch", at(code), name_en="A").json()["name_en"] == "A"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"code": SERVER}, "code"),
        ({"code": SHARED_SKU}, "code"),
        ({"code": "server.\x00"}, "code"),
        ({"code": 12}, "code"),
        ({"code": None}, "code"),
        ({"code": "x" * 81}, "code"),
        ({"name_nl": "  "}, "name_nl"),
        ({"name_en": "a\u0007"}, "name_en"),
        ({"name_en": ["a"]}, "name_en"),
        ({"service_category": "Coffee"}, "service_category"),
        ({"service_subcategory": "Block Storage"}, "service_subcategory"),
        ({"amount": "1.00"}, "amount"),
    ],
)
def test_what_is_wrong_is_told_by_its_name(finance, body, changes, name):
    SkuFactory(code=SERVER)

    answer = send(finance, "post", PATH, **body | changes)

    assert_problem(answer, 400, "invalid_input", name)
    assert Sku.objects.filter(code=CODE).count() == 0


@pytest.mark.parametrize("code", [SHARED_SKU, "server.unknown", "a\x00b"])
def test_of_what_there_is_not_nothing_can_be_done(finance, code):
    shared_sku()

    for method in ("get", "patch", "delete"):
        assert send(finance, method, at(code)).status_code == 404


def test_only_finance_of_the_platform_changes_them(treasury, body):
    SkuFactory(code=SERVER)
    elsewhere = PersonFactory()
    grant(elsewhere, Role.FINANCE, make_organization(name="Dienst"))

    for person, hidden in ((treasury.auditor, 403), (elsewhere, 404)):
        visit = visit_as(person)
        assert send(visit, "post", PATH, **body).status_code == 403
        assert send(visit, "patch", at(SERVER), name_en="Mine").status_code == hidden
        assert visit.delete(at(SERVER)).status_code == hidden
    assert visit_as(elsewhere).get(PATH).status_code == 403
    assert visit_as(elsewhere).get("/api/v1/missing-skus").status_code == 403


def test_what_the_catalogue_asks_for_and_does_not_exist(treasury, monkeypatch):
    SkuFactory(code=SERVER)
    asks = {code: [Asker(name="Server")] for code in ("volume.ssd", CODE, SERVER)}
    monkeypatch.setattr(asked_skus, "_FINDERS", [lambda _person: asks])
    visit = visit_as(treasury.auditor)

    assert visit.get("/api/v1/missing-skus").json() == [
        {"code": CODE, "asked_for_by": ["Server"]},
        {"code": "volume.ssd", "asked_for_by": ["Server"]},
    ]
    assert_problem(visit.get("/api/v1/missing-skus", {"x": "1"}), 400, "invalid_input", "x")
