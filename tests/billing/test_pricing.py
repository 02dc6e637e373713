"""What an order page shows, and that a month then charges exactly that."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.errors import PriceMissing
from billing.meters import Meter
from billing.models import PriceUnit
from billing.services.charging import costs
from billing.services.price_book import PriceBook
from billing.services.pricing import quote, quote_each
from billing.services.quotes import Quote, QuoteLine
from portal.core.calendar import Period, month, start_of_day
from portal.core.money import to_cents
from portal.identity.models import Project
from tests.factories import make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, SkuFactory, UsageSpanFactory, set_price

AT = start_of_day(date(2026, 11, 23))
SERVER = Meter("server.gp.small", Decimal(1))
VOLUME = Meter("volume.standard", Decimal(41))
SETUP = Meter("setup", Decimal(1))


@pytest.fixture
def project(db: None) -> Project:
    return make_project(make_organization(make_organization()))


@pytest.fixture
def tariff(db: None) -> None:
    set_price("38.40")
    set_price("0.095", sku="volume.standard", unit=PriceUnit.GIB_MONTH)
    set_price("25.00", sku="setup", unit=PriceUnit.ONE_OFF)


@pytest.mark.usefixtures("tariff")
def test_quote_adds_up_lines_rounded_to_cents(project: Project) -> None:
    result = quote([SERVER, VOLUME, SETUP], project=project, at=AT)

    assert [line.monthly for line in result.lines] == [Decimal("38.40"), Decimal("3.895"), 0]
    assert (result.monthly, result.one_off) == (Decimal("42.30"), Decimal("25.00"))


@pytest.mark.usefixtures("tariff")
def test_a_full_month_charges_what_the_quote_said(project: Project) -> None:
    november = month(2026, 11)
    resource = MeteredResourceFactory(project=project)
    for meter in (SERVER, VOLUME):
        sku = SkuFactory(code=meter.sku)
        UsageSpanFactory(resource=resource, sku=sku, quantity=meter.quantity)

    result = quote([SERVER, VOLUME], project=project, at=AT)

    assert costs([project.pk], period=november, as_of=november.end).total == result.monthly


@pytest.mark.usefixtures("tariff")
def test_cost_until_equals_what_will_be_charged(project: Project) -> None:
    start, end = AT + timedelta(seconds=4711), start_of_day(date(2027, 4, 2))
    resource = MeteredResourceFactory(project=project)
    for meter in (SERVER, VOLUME, SETUP):
        UsageSpanFactory(
            resource=resource,
            sku=SkuFactory(code=meter.sku),
            quantity=meter.quantity,
            started_at=start,
            ended_at=end,
        )

    expected = quote([SERVER, VOLUME, SETUP], project=project, at=AT).cost_until(start, end)
    lines = costs([project.pk], period=Period(start, end), as_of=end).lines

    assert sum(line.exact for line in lines) == expected


@pytest.mark.usefixtures("tariff")
@pytest.mark.parametrize(("quantity", "due"), [(1, 0), (2, 50), (0, 0)])
def test_what_stays_equal_is_not_paid_once_more(project: Project, quantity: int, due: int) -> None:
    before = quote([SERVER, SETUP], project=project, at=AT)
    meters = [SERVER, Meter("setup", Decimal(quantity))] if quantity else [SERVER]

    following = quote(meters, project=project, at=AT).after(before)

    assert (following.monthly, following.one_off) == (Decimal("38.40"), due)


@pytest.mark.usefixtures("tariff")
def test_cost_until_a_moment_that_has_passed_is_nothing(project: Project) -> None:
    assert quote([SERVER, SETUP], project=project, at=AT).cost_until(AT, AT) == 0


def test_the_nearest_organizations_price_goes_first(
    project: Project, django_assert_num_queries: Any
) -> None:
    directorate = project.parent.organization
    set_price("30.00")
    set_price("20.00", organization=directorate.parent.organization)
    set_price("10.00", organization=directorate, until=AT)
    other = make_organization()
    set_price("1.00", organization=other)

    with django_assert_num_queries(1):
        now = quote([SERVER], project=project, at=AT)
    before = quote([SERVER], project=project, at=AT - timedelta(seconds=1))
    elsewhere = quote([SERVER], project=make_project(), at=AT)

    assert [one.monthly for one in (now, before, elsewhere)] == [20, 10, 30]


def test_an_hourly_price_counts_the_hours_of_the_month(project: Project) -> None:
    set_price("0.01", unit=PriceUnit.HOUR)

    def monthly(day: date) -> Decimal:
        return quote([SERVER], project=project, at=start_of_day(day)).monthly

    assert monthly(date(2026, 11, 3)) == Decimal("7.20")
    assert monthly(date(2026, 3, 3)) == Decimal("7.43")


@pytest.mark.usefixtures("tariff")
def test_meters_of_one_sku_are_one_line(project: Project) -> None:
    result = quote([VOLUME, VOLUME], project=project, at=AT)

    assert [line.quantity for line in result.lines] == [Decimal(82)]


def test_without_a_price_there_is_no_quote(project: Project) -> None:
    set_price("30.00", until=AT)

    with pytest.raises(PriceMissing, match=r"server\.gp\.small"):
        quote([SERVER], project=project, at=AT)
    with pytest.raises(PriceMissing):
        quote([Meter("unheard-of", Decimal(1))], project=project, at=AT)


@pytest.mark.usefixtures("tariff")
def test_many_sets_cost_one_query_and_leave_out_what_has_no_price(
    project: Project, django_assert_num_queries: Any
) -> None:
    unpriced = Meter("unheard-of", Decimal(1))
    sets = {"small": [SERVER], "both": [SERVER, VOLUME], "unpriced": [SERVER, unpriced]}

    with django_assert_num_queries(1):
        quotes = quote_each(sets, PriceBook(project, AT))

    assert {key: one.monthly for key, one in quotes.items()} == {
        "small": Decimal("38.40"),
        "both": Decimal("42.30"),
    }


@pytest.mark.usefixtures("tariff")
def test_a_book_asks_once_for_each_price_also_for_one_that_is_not_there(
    project: Project, django_assert_num_queries: Any
) -> None:
    book = PriceBook(project, AT)
    unpriced = Meter("unheard-of", Decimal(1))
    quote_each({"all": [SERVER], "unpriced": [unpriced]}, book)

    with django_assert_num_queries(0):
        again = quote_each({"all": [SERVER], "unpriced": [unpriced]}, book)
    with django_assert_num_queries(1):
        more = quote_each({"all": [SERVER, VOLUME]}, book)

    assert again["all"].monthly == Decimal("38.40")
    assert more["all"].monthly == Decimal("42.30")
    assert "unpriced" not in again


@pytest.mark.usefixtures("tariff")
def test_names_follow_the_reader(project: Project) -> None:
    (line,) = quote([SERVER], project=project, at=AT).lines

    with translation.override("nl"):
        assert (line.name, line.unit_label) == ("server.gp.small (nl)", str(line.unit_label))
    with translation.override("en"):
        assert (line.name, line.unit_label) == ("server.gp.small (en)", "per month")


amounts = st.decimals(0, "999999", places=6)
lines = st.builds(
    QuoteLine,
    sku=st.text(max_size=20),
    name_nl=st.text(max_size=20),
    name_en=st.text(max_size=20),
    quantity=amounts,
    unit=st.sampled_from(PriceUnit.values),
    unit_price=amounts,
    monthly=amounts,
    one_off=amounts,
)


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(lines, max_size=4))
def test_json_keeps_every_digit(drawn: list[QuoteLine]) -> None:
    original = Quote(lines=tuple(drawn))

    assert Quote.from_json(original.as_json()) == original
    assert original.monthly == sum(to_cents(line.monthly) for line in drawn)


def test_json_of_a_line_is_text_only() -> None:
    line = QuoteLine(
        sku="s",
        name_nl="n",
        name_en="e",
        quantity=Decimal(1),
        unit="month",
        unit_price=Decimal("38.400000"),
        monthly=Decimal("38.400000"),
        one_off=Decimal(0),
    )

    (stored,) = Quote(lines=(line,)).as_json()

    assert all(isinstance(value, str) for value in stored.values())
    assert line.cost(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)) == 0
