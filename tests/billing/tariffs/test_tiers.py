"""Agreeing on prices with tiers: what is typed, what that does, and what then holds."""

from __future__ import annotations

import html
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from billing.models import TariffRound, TariffRoundLine
from billing.rating import Tier
from billing.services.tariff_drafts import draft_of
from portal.core.calendar import month_of
from portal.core.errors import InvalidInput
from portal.identity.models import NodeParent
from tests.billing.tariffs.conftest import DISK, costs, month_ahead
from tests.billing.tariffs.test_pages import NEW, TARIFFS, text, typed_of
from tests.billing.test_cost_pages import cells
from tests.billing.visits import visit_as
from tests.factories import make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, SkuFactory, UsageSpanFactory, set_price

pytestmark = pytest.mark.django_db
TIERS = (Tier(Decimal(100), Decimal("0.1")), Tier(Decimal(200), Decimal("0.05")))
TIERED = replace(costs("0", DISK, "gib_month"), tiers=TIERS)


@pytest.fixture(autouse=True)
def present(db):
    set_price("0.085", sku=DISK, unit="gib_month")


@pytest.fixture
def project():
    """Held 340 GiB all of last month, in two disks."""
    project = make_project(make_organization(name="Ministerie van Proeven"))
    long_ago = month_of(now()).start - timedelta(days=400)
    NodeParent.objects.update(valid_from=long_ago)
    for quantity in (80, 260):
        UsageSpanFactory(
            resource=MeteredResourceFactory(project=project),
            sku=SkuFactory(code=DISK),
            quantity=quantity,
            started_at=month_of(now()).start - timedelta(days=100),
        )
    return project


@pytest.fixture
def first(treasury):
    return visit_as(treasury.first)


@pytest.fixture
def answers():
    return {
        "name": "Tarieven 2027",
        "valid_from": month_ahead(1).strftime("%Y-%m"),
        f"prices.{DISK}": "0",
        f"tiers.{DISK}": "100; 0.10\r\n\r\n 200 ;0.05",
    }


def test_the_price_that_was_agreed_on_has_the_tiers(agreed):
    confirmed = agreed(TIERED)

    price = confirmed.price_list.prices.get()
    assert (price.amount, price.tiers) == (0, TIERS)
    assert price.unit_price == draft_of(confirmed).prices[price.sku]


def test_other_tiers_are_another_price(agreed, proposed):
    agreed(TIERED)

    agreed(replace(TIERED, tiers=TIERS[:1]), name="Tarieven 2028", months=2)
    with pytest.raises(InvalidInput) as refused:
        proposed(replace(TIERED, tiers=TIERS[:1]), name="Tarieven 2029", months=3)
    assert list(refused.value.errors) == [TIERED.field]


def test_what_was_proposed_never_changes(proposed):
    line = proposed(TIERED).lines.get()

    with pytest.raises(IntegrityError), transaction.atomic():
        TariffRoundLine.objects.filter(pk=line.pk).update(tier_amounts=[1, 1])


def test_what_is_typed_is_looked_at_proposed_and_shown(first, answers, project):
    looked = first.post(NEW, {**answers, "preview": "yes"})
    sent = first.post(NEW, {**typed_of(looked), "propose": "yes"}, follow=True)

    proposed = TariffRound.objects.get()
    assert draft_of(proposed).prices[SkuFactory(code=DISK)].tiers == TIERS
    for page in (looked, sent):
        (line,) = cells(page, "lines")[1:2]
        assert line[2] == "€0.00 per GiB per month from 100 on: €0.10 from 200 on: €0.05"
        # 340 at 0.085 each; and 100 for nothing, 100 at 0.10 and 140 at 0.05.
        assert line[3:6] == ["€28.90", "€17.00", "-€11.90"]


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("100", "“100”: write from which quantity on"),
        ("100; 1; 2", "write from which quantity on"),
        ("; 2", "write from which quantity on"),
        ("a lot; 1", "“a lot; 1”: Fill in an amount"),
        ("100; -1", "“100; -1”: Fill in an amount"),
        ("0; 1", "Fill in tiers"),
        ("200; 1\n100; 2", "Each tier begins at a larger quantity"),
        ("100; 1\n100; 2", "Each tier begins at a larger quantity"),
        ("\n".join(f"{n}; 1" for n in range(1, 12)), "at most 10 tiers"),
        ("<script>; 1", "“<script>; 1”"),
        ("1" * 700, "at most 600"),
        ("\x00", "Null"),
    ],
)
def test_what_is_no_tier_is_refused_and_kept(first, answers, typed, problem):
    page = first.post(NEW, {**answers, f"tiers.{DISK}": typed, "preview": "yes"})

    assert page.status_code == 422
    assert problem in html.unescape(text(page))
    assert "<script>;" not in text(page)
    if typed.isprintable():
        assert typed in html.unescape(text(page))


def test_tiers_need_the_price_until_the_first_of_them(first, answers):
    page = first.post(NEW, {**answers, f"prices.{DISK}": "", "preview": "yes"})

    assert page.status_code == 422
    assert "Fill in what it costs until the first tier." in text(page)


def test_raising_all_prices_raises_their_tiers(first, answers, treasury, agreed):
    agreed(TIERED)
    later = {**answers, "valid_from": month_ahead(2).strftime("%Y-%m")}

    page = first.post(NEW, {**later, "percent": "10", "fill": "yes"})

    assert "100; 0.11\n200; 0.055" in text(page)


def test_the_pages_of_prices_show_tiers(first, agreed):
    agreed(TIERED)

    listed = cells(first.get(TARIFFS), "prices")[1]
    history = cells(first.get(f"{TARIFFS}/skus/{DISK}"), "prices")[1]

    shown = "€0.00 per GiB per month from 100 on: €0.10 from 200 on: €0.05"
    assert listed[3].startswith(shown)
    assert history[3] == shown
