"""Agreeing on prices with a minimum term: what is typed, what is refused, and what then holds."""

from __future__ import annotations

import html
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import now
from django.utils.translation import override

from billing.models import Price, TariffRound, TariffRoundLine
from billing.rating import Tier
from billing.services.tariff_drafts import draft_of
from catalog.kinds.measured import OBJECTS_STORED
from portal.core.errors import InvalidInput
from portal.core.models import is_in_force
from tests.billing.tariffs.conftest import SERVER, costs, month_ahead
from tests.billing.tariffs.test_pages import NEW, TARIFFS, text, typed_of
from tests.billing.test_cost_pages import cells
from tests.billing.visits import visit_as
from tests.factories.billing import SkuFactory, set_price

pytestmark = pytest.mark.django_db
YEARLY = replace(costs("40"), minimum_months=12)


@pytest.fixture(autouse=True)
def present(db):
    set_price("40", sku=SERVER)


@pytest.fixture
def first(treasury):
    return visit_as(treasury.first)


@pytest.fixture
def answers():
    return {
        "name": "Tarieven 2027",
        "valid_from": month_ahead(1).strftime("%Y-%m"),
        f"prices.{SERVER}": "38.50",
        f"terms.{SERVER}": "12",
    }


def test_the_price_that_was_agreed_on_has_the_term(agreed):
    confirmed = agreed(YEARLY)

    price = confirmed.price_list.prices.get()
    assert (price.amount, price.minimum_months) == (40, 12)
    assert price.unit_price == draft_of(confirmed).prices[price.sku]


def test_the_same_amount_with_another_term_is_another_price(agreed, proposed):
    agreed(YEARLY)

    agreed(replace(YEARLY, minimum_months=6), name="Tarieven 2028", months=2)
    with pytest.raises(InvalidInput) as refused:
        proposed(replace(YEARLY, minimum_months=6), name="Tarieven 2029", months=3)
    assert list(refused.value.errors) == [YEARLY.field]


def test_what_was_proposed_never_changes(proposed):
    line = proposed(YEARLY).lines.get()

    with pytest.raises(IntegrityError), transaction.atomic():
        TariffRoundLine.objects.filter(pk=line.pk).update(minimum_months=1)


@override("en")
@pytest.mark.parametrize(
    ("price", "problem"),
    [
        (replace(YEARLY, minimum_months=61), "at most 60 months"),
        (replace(YEARLY, minimum_months=-1), "at most 60 months"),
        (replace(YEARLY, tiers=[Tier(Decimal(2), Decimal(1))]), "has no minimum term"),
        (replace(YEARLY, unit="one_off", sku="setup"), "paid for a time"),
        (replace(YEARLY, unit="gib", sku="setup"), "paid for a time"),
        (replace(YEARLY, unit="gib_month", sku=OBJECTS_STORED), "no quantity to agree on"),
    ],
)
def test_a_term_that_cannot_be_is_refused(proposed, price, problem):
    for code in ("setup", OBJECTS_STORED):
        SkuFactory(code=code)

    with pytest.raises(InvalidInput) as refused:
        proposed(price)

    (message,) = refused.value.errors[price.field]
    assert problem in message


@pytest.mark.parametrize(
    "changes",
    [
        {"minimum_months": 61},
        {"minimum_months": 1, "unit": "one_off"},
        {"minimum_months": 1, "unit": "gib"},
        {"minimum_months": 1, "tier_quantities": [2], "tier_amounts": [1]},
    ],
    ids=["too long", "paid once", "per GiB", "with tiers"],
)
def test_the_database_keeps_terms_to_plain_prices_of_time(changes):
    holding = Price.objects.get(is_in_force(now()), sku__code=SERVER)
    facts = {
        "price_list": holding.price_list,
        "sku": SkuFactory(code="other"),
        "unit": "month",
        "amount": 1,
        "valid_from": holding.valid_from,
    }

    with pytest.raises(IntegrityError, match="price_minimum_term_is_of_plain_time"):
        Price.objects.create(**{**facts, **changes})


def test_what_is_typed_is_looked_at_proposed_and_shown(first, answers):
    looked = first.post(NEW, {**answers, "preview": "yes"})
    sent = first.post(NEW, {**typed_of(looked), "propose": "yes"}, follow=True)

    (line,) = TariffRound.objects.get().lines.all()
    assert (line.amount, line.minimum_months) == (Decimal("38.5"), 12)
    for page in (looked, sent):
        (row,) = cells(page, "lines")[1:2]
        assert row[2] == "€38.50 per month for at least 12 months"


def test_a_term_needs_a_price(first, answers):
    page = first.post(NEW, {**answers, f"prices.{SERVER}": "", "preview": "yes"})

    assert page.status_code == 422
    assert "Fill in what it costs in the minimum term." in text(page)


@pytest.mark.parametrize("typed", ["-1", "61", "1.5", "a year"])
def test_what_is_no_number_of_months_is_refused_and_kept(first, answers, typed):
    page = first.post(NEW, {**answers, f"terms.{SERVER}": typed, "preview": "yes"})

    assert page.status_code == 422
    assert typed in html.unescape(text(page))


def test_raising_all_prices_keeps_their_terms(first, answers, agreed):
    agreed(YEARLY)
    later = {"valid_from": month_ahead(2).strftime("%Y-%m"), "name": "Tarieven 2028"}

    page = first.post(NEW, {**later, "percent": "10", "fill": "yes"})
    typed = typed_of(first.post(NEW, {**later, **_filled(page), "preview": "yes"}))

    assert typed[f"terms.{SERVER}"] == "12"
    assert typed[f"prices.{SERVER}"] == "44"


def test_the_pages_of_prices_show_terms(first, agreed):
    agreed(YEARLY)

    listed = cells(first.get(TARIFFS), "prices")[1]
    history = cells(first.get(f"{TARIFFS}/skus/{SERVER}"), "prices")[1]

    assert listed[3].startswith("€40.00 per month for at least 12 months")
    assert history[3] == "€40.00 per month for at least 12 months"


def _filled(page):
    form = page.context["form"]
    names = [f"prices.{SERVER}", f"terms.{SERVER}"]
    return {name: form[name].value() for name in names}
