"""Rounds for programs: proposed, decided on, taken back and withdrawn as on the pages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing.models import Price, TariffRound
from portal.identity.models import NodeParent
from tests.billing.tariffs.conftest import DISK, SERVER, last_month, month_ahead
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, UsageSpanFactory, set_price

PATH = "/api/v1/tariff-rounds"
pytestmark = pytest.mark.django_db


def month(ahead: int) -> str:
    return month_ahead(ahead).strftime("%Y-%m")


@pytest.fixture
def body(treasury: Any) -> dict[str, Any]:
    set_price("38.40", sku=SERVER)
    set_price("0.085", sku=DISK, unit="gib_month")
    return {
        "name": "Tarieven 2027",
        "valid_from": month(1),
        "prices": [
            {"sku": SERVER, "unit": "month", "amount": "41.5", "minimum_months": 3},
            {
                "sku": DISK,
                "unit": "gib_month",
                "amount": "0.09",
                "tiers": [{"from_quantity": "100", "amount": "0.08"}],
            },
        ],
    }


@pytest.fixture
def proposed(body: dict[str, Any], treasury: Any) -> dict[str, Any]:
    answer = send(treasury.first, PATH, **body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def send(person: Any, path: str, **body: Any) -> Any:
    return visit_as(person).post(path, body, content_type="application/json")


def decide(person: Any, one: dict[str, Any], **body: Any) -> Any:
    return send(person, f"{PATH}/{one['id']}/decision", **body)


def test_proposed_it_stands_in_the_list_as_it_was_said(proposed, treasury):
    visit = visit_as(treasury.auditor)

    assert visit.get(PATH).json()["results"] == [proposed]
    assert visit.get(f"{PATH}/{proposed['id']}").json() == proposed
    assert visit.get(PATH, {"state": "refused"}).json()["results"] == []
    told = {line["sku"]["code"]: line for line in proposed["prices"]}
    assert (told[SERVER]["amount"], told[SERVER]["minimum_months"]) == ("41.500000", 3)
    assert told[DISK]["tiers"] == [{"from_quantity": "100.000000", "amount": "0.080000"}]
    assert (proposed["organization"], proposed["valid_from"]) == (None, month(1))


def test_it_says_what_last_month_would_have_been_until_it_is_decided(proposed, treasury):
    project = make_project(make_organization(name="Dienst"))
    NodeParent.objects.update(valid_from=last_month())
    server = MeteredResourceFactory(project=project)
    UsageSpanFactory(resource=server, started_at=last_month(), ended_at=month_ahead(1))
    visit, path = visit_as(treasury.auditor), f"{PATH}/{proposed['id']}/effect"
    change = {"before": "38.40", "after": "41.50"}
    none = {"before": "0.00", "after": "0.00"}

    told = visit.get(path).json()

    assert told["name"] == proposed["name"]
    assert (told["month"], told["total"]) == (last_month().strftime("%Y-%m"), change)
    (payer,) = told["organizations"]
    assert payer == {"organization": payer["organization"], **change}
    assert payer["organization"]["name"] == "Dienst"
    assert [(one["sku"]["code"], one["before"], one["after"]) for one in told["prices"]] == [
        (SERVER, *change.values()),
        (DISK, *none.values()),
    ]
    assert visit_as(PersonFactory()).get(path).status_code == 404
    decide(treasury.second, proposed, decision="confirmed")
    assert visit.get(path).status_code == 404


def test_another_agrees_and_the_prices_hold_from_then_on(proposed, treasury):
    assert decide(treasury.first, proposed, decision="confirmed").json()["code"] == (
        "own_tariff_round"
    )

    answer = decide(treasury.second, proposed, decision="confirmed")

    assert (answer.status_code, answer.json()["state"]) == (200, "confirmed")
    price = Price.objects.get(sku__code=SERVER, valid_from=month_ahead(1))
    assert (price.amount, price.minimum_months) == (Decimal("41.5"), 3)


def test_no_needs_a_reason(proposed, treasury):
    refused = decide(treasury.second, proposed, decision="refused")
    assert refused.json()["code"] == "reason_required"

    answer = decide(treasury.second, proposed, decision="refused", reason="Te duur")
    assert (answer.json()["state"], answer.json()["decision_reason"]) == ("refused", "Te duur")


def test_repetition_hears_that_the_name_is_taken(proposed, body, treasury):
    again = send(treasury.first, PATH, **body)

    assert (again.status_code, again.json()["errors"][0]["name"]) == (400, "name")
    assert TariffRound.objects.count() == 1


def test_taken_back_it_changes_nothing(proposed, treasury):
    assert send(treasury.second, f"{PATH}/{proposed['id']}/withdrawal").status_code == 403

    answer = send(treasury.first, f"{PATH}/{proposed['id']}/withdrawal")

    assert (answer.status_code, answer.json()["state"]) == (200, "withdrawn")
    assert not Price.objects.filter(valid_from=month_ahead(1)).exists()


def test_what_was_confirmed_never_begins_once_two_agree_on_that(proposed, treasury):
    decide(treasury.second, proposed, decision="confirmed")

    ending = send(treasury.second, f"{PATH}/{proposed['id']}/end")

    assert (ending.status_code, ending.json()["withdraws"]) == (201, proposed["id"])
    assert ending.json()["prices"] == []
    again = send(treasury.second, f"{PATH}/{proposed['id']}/end")
    assert again.json()["code"] == "tariff_round_settled"
    assert decide(treasury.first, ending.json(), decision="confirmed").status_code == 200
    (price,) = Price.objects.filter(sku__code=SERVER, valid_from=month_ahead(1))
    assert price.valid_until == price.valid_from


def test_own_price_of_an_organization_ends(body, treasury):
    ministry = make_organization()
    set_price("30", sku=SERVER, organization=ministry)
    asked = {
        **body,
        "organization": str(ministry.public_id),
        "prices": [{"sku": SERVER, "ends": True}],
    }

    answer = send(treasury.first, PATH, **asked)

    assert answer.status_code == 201, answer.content
    (line,) = answer.json()["prices"]
    assert (line["ends"], line["amount"], line["unit"]) == (True, None, "")
    assert answer.json()["organization"]["id"] == str(ministry.public_id)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"valid_from": "1999-01"}, 400),
        ({"valid_from": "nooit"}, 400),
        ({"name": ""}, 400),
        ({"prices": []}, 400),
        ({"prices": [{"sku": SERVER}]}, 400),
        ({"prices": [{"sku": SERVER, "amount": "1"}]}, 400),
        ({"prices": [{"sku": SERVER, "amount": "1", "ends": True}]}, 400),
        ({"prices": [{"sku": "niets", "amount": "1", "unit": "month"}]}, 400),
        ({"prices": [{"sku": SERVER, "amount": "-1", "unit": "month"}]}, 400),
        ({"prices": [{"sku": SERVER, "amount": 1e30, "unit": "month"}]}, 400),
        ({"organization": "5f0f7c9e-3c1b-4d3a-9a55-0a8f5a1f9a01"}, 404),
    ],
)
def test_what_is_not_right_proposes_nothing(body, treasury, changes, status):
    assert send(treasury.first, PATH, **{**body, **changes}).status_code == status
    assert not TariffRound.objects.exists()


def test_what_is_wrong_with_a_price_is_told_at_its_number(body, treasury):
    wrong = {"sku": "niets", "amount": "1", "unit": "month"}
    disk = body["prices"][1]

    refused = send(treasury.first, PATH, **{**body, "prices": [disk, wrong, disk]})
    mistaken = send(treasury.first, PATH, **{**body, "prices": [disk, {**wrong, "amount": "x"}]})

    assert refused.status_code == 400
    assert sorted(error["name"] for error in refused.json()["errors"]) == [
        f"prices.{number}.sku" for number in (1, 2, 3)
    ]
    assert [error["name"] for error in mistaken.json()["errors"]] == ["prices.2.amount"]


def test_prices_are_told_by_sku_however_they_were_sent(body, treasury):
    answer = send(treasury.first, PATH, **{**body, "prices": body["prices"][::-1]})

    codes = [line["sku"]["code"] for line in answer.json()["prices"]]
    assert codes == sorted(codes) == sorted([SERVER, DISK])


def test_only_who_sets_prices_or_audits_that_reads_them(proposed, treasury):
    assert visit_as(PersonFactory()).get(PATH).status_code == 403
    assert visit_as(PersonFactory()).get(f"{PATH}/{proposed['id']}").status_code == 404
    assert send(treasury.auditor, PATH).status_code == 403
    assert decide(treasury.auditor, proposed, decision="confirmed").status_code == 403
