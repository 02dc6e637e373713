"""Use that became known late of a month that closed gets a price, and nothing that held changes."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.errors import RoundTooLate
from billing.models import MonthState, PriceUnit, TariffRound
from billing.services.charging import costs as costs_of
from billing.services.closing import prepare_closing
from billing.services.tariff_drafts import RoundSays, closed_months
from billing.services.tariff_prices import priced_from
from billing.services.tariffs import confirm_round, propose_round
from portal.core.calendar import day_of, month_of
from portal.core.errors import InvalidInput
from tests.billing.tariffs.conftest import DISK, SERVER, costs, last_month, month_ahead, price_at
from tests.billing.test_charging_agrees_with_rating import (
    PERIOD,
    SKUS,
    TURNS,
    Tree,
    number,
    tree,
    write_history,
)
from tests.billing.visits import visit_as
from tests.factories import make_organization, make_project
from tests.factories.billing import (
    MeteredResourceFactory,
    SkuFactory,
    UsageSpanFactory,
    make_month,
    set_price,
)

__all__ = ["tree"]  # a fixture
pytestmark = pytest.mark.django_db


def month_before_last() -> Any:
    return month_of(last_month() - timedelta(seconds=1)).start


@pytest.fixture
def project(db: None) -> Any:
    return make_project(make_organization(name="Ministerie van Proeven"), name="Zaaksysteem")


@pytest.fixture
def late(project: Any, treasury: Any) -> Any:
    """The month before last closed; then it turned out that a disk was there, without a price."""
    set_price("38.40")
    UsageSpanFactory(
        resource=MeteredResourceFactory(project=project), started_at=month_before_last()
    )
    make_month(day_of(month_before_last()), MonthState.CLOSED, treasury.first, treasury.second)
    return UsageSpanFactory(
        resource=MeteredResourceFactory(project=project, kind="volume"),
        sku=SkuFactory(code=DISK),
        started_at=month_before_last(),
        ended_at=last_month(),
    )


def says(*prices: Any, **facts: Any) -> RoundSays:
    return RoundSays(name="Alsnog", valid_from=month_before_last(), prices=prices, **facts)


@pytest.fixture
def agree(treasury: Any) -> Any:
    def agree(*prices: Any, **facts: Any) -> TariffRound:
        proposed = propose_round(says(*prices, **facts), actor=treasury.first)
        return confirm_round(proposed.public_id, actor=treasury.second)

    return agree


def test_the_next_month_closes_once_it_has_a_price(late, agree):
    month = month_of(last_month())
    assert prepare_closing(month).is_blocked

    agree(costs("10", DISK))

    closing = prepare_closing(month)
    assert not closing.is_blocked
    assert {one.sku_id: str(one.amount) for one in closing.corrections}[late.sku_id] == "10.00"


def test_the_checks_name_the_month_and_lead_to_the_form(late, treasury):
    month = month_of(last_month())

    (finding,) = [one for one in prepare_closing(month).findings if one.is_blocking]

    key = month_before_last().strftime("%Y-%m")
    assert late.sku.name_nl in finding.text or late.sku.name_en in finding.text
    assert finding.url == f"/costs/tariffs/rounds/new?valid_from={key}"
    page = visit_as(treasury.first).get(finding.url).content.decode()
    assert f'<option value="{key}" selected>' in page


def test_what_has_a_price_there_keeps_it(late, agree):
    with pytest.raises(InvalidInput) as refusal:
        agree(costs("40"))
    assert set(refusal.value.errors) == {f"prices.{SERVER}"}


def test_it_ends_where_the_price_for_everybody_began(late, agree):
    began = month_of(now()).start
    set_price("12", sku=DISK, since=began)

    agree(costs("10", DISK))

    one_second = timedelta(seconds=1)
    assert price_at(began - one_second, sku=DISK) == "10"
    assert price_at(began, sku=DISK) == "12"


def test_an_organization_gets_none_of_its_own(late, agree, project):
    with pytest.raises(InvalidInput) as refusal:
        agree(costs("10", DISK), organization=project.parent.organization)
    assert set(refusal.value.errors) == {"valid_from"}


def test_a_month_that_is_not_looked_at_again_is_not_there_to_choose(late):
    assert [month.start for month in closed_months(None)] == [month_before_last()]
    earlier = month_of(month_before_last() - timedelta(seconds=1))
    assert earlier not in closed_months(None)


def test_another_price_that_came_meanwhile_stays(late, treasury):
    waiting = propose_round(says(costs("10", DISK)), actor=treasury.first)
    set_price("12", sku=DISK)

    with pytest.raises(RoundTooLate):
        confirm_round(waiting.public_id, actor=treasury.second)
    assert price_at(month_ahead(1), sku=DISK) == "12"


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(random=st.randoms(use_true_random=True))
def test_a_price_for_everybody_changes_no_charge_that_exists(tree: Tree, random: Random) -> None:
    """It is set as a round sets it: until where a price for everybody begins."""
    with transaction.atomic():
        write_history(tree, random)
        before, unpriced = charges(tree)
        for code in SKUS:
            fill(code, random)
        after, left = charges(tree)
        transaction.set_rollback(True)

    assert not before - after
    assert left.keys() <= unpriced.keys()


def fill(code: str, random: Random) -> None:
    """A price for everybody from the beginning of a month, if it has none there."""
    begin, sku = random.choice(TURNS), SkuFactory(code=code)
    until = priced_from(None, begin).get(sku.pk)
    if until != begin:
        unit = random.choice(PriceUnit.values)
        set_price(number(random, 10**5), sku=code, unit=unit, since=begin, until=until)


def charges(tree: Tree) -> tuple[Counter[Any], Counter[Any]]:
    """What is charged, and of what nothing is: where and when, at which price, for how much."""
    priced, unpriced = Counter[Any](), Counter[Any]()
    nodes = [node.pk for node in tree.organizations]
    for line in costs_of(nodes, period=PERIOD, as_of=PERIOD.end).lines:
        place = (line.organization_id, line.project_id, line.sku_id, line.month_start)
        if line.price_id is None:
            unpriced[place] += 1
        else:
            priced[
                *place, line.price_id, line.from_quantity, line.quantity_seconds, line.exact
            ] += 1
    return priced, unpriced
