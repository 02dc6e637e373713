"""What a SKU costs now, and in a month to come, where a round begins."""

from __future__ import annotations

from datetime import date

import pytest

from billing.tariff_tables import present_prices
from portal.core.calendar import start_of_day
from tests.factories import make_organization
from tests.factories.billing import set_price

NOW = start_of_day(date(2026, 11, 16))
DECEMBER, JANUARY = (start_of_day(date(*day)) for day in ((2026, 12, 1), (2027, 1, 1)))
pytestmark = pytest.mark.django_db


def test_what_will_have_ended_holds_no_more() -> None:
    organization = make_organization()
    everybodys = set_price("40")
    own = set_price("0.05", organization=organization, until=JANUARY)

    (present,) = present_prices(organization, at=NOW)

    assert (present.at(DECEMBER), present.own_at(DECEMBER)) == (own, own)
    assert (present.at(JANUARY), present.own_at(JANUARY)) == (everybodys, None)


def test_what_is_planned_holds_from_then_on() -> None:
    now = set_price("40", until=JANUARY)
    later = set_price("42", since=JANUARY)

    (present,) = present_prices(None, at=NOW)

    assert (present.at(DECEMBER), present.at(JANUARY)) == (now, later)
