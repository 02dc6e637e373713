from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import translation

from portal.core import formats

NOW = datetime(2026, 10, 19, 20, 0, tzinfo=UTC)  # 22.00 in Amsterdam


def plain(text: str) -> str:
    """The text with ordinary spaces, to read the expectation more easily."""
    return text.replace(formats.NO_BREAK_SPACE, " ")


@pytest.mark.parametrize(
    ("amount", "dutch", "english"),
    [
        ("1234.5", "€ 1.234,50", "€1,234.50"),
        ("0", "€ 0,00", "€0.00"),
        ("-12.5", "€ -12,50", "-€12.50"),
        ("0.125", "€ 0,13", "€0.13"),
        ("-0.001", "€ 0,00", "€0.00"),
        ("12345678.90", "€ 12.345.678,90", "€12,345,678.90"),
    ],
)
def test_money(amount: str, dutch: str, english: str) -> None:
    with translation.override("nl"):
        assert plain(formats.money(Decimal(amount))) == dutch
    with translation.override("en"):
        assert formats.money(Decimal(amount)) == english


@pytest.mark.parametrize(
    ("amount", "dutch", "english"),
    [
        ("1234.5", "€ +1.234,50", "+€1,234.50"),
        ("-12.5", "€ -12,50", "-€12.50"),
        ("0", "€ 0,00", "€0.00"),
        ("0.001", "€ 0,00", "€0.00"),
    ],
)
def test_a_difference_says_more_or_less(amount: str, dutch: str, english: str) -> None:
    with translation.override("nl"):
        assert plain(formats.difference(Decimal(amount))) == dutch
    with translation.override("en"):
        assert formats.difference(Decimal(amount)) == english


@pytest.mark.parametrize(
    ("value", "text"), [("4.2", "+4,2%"), ("-0.1", "-0,1%"), ("0.0", "0,0%"), ("1234", "+1.234,0%")]
)
def test_a_difference_in_per_cent(dutch: None, value: str, text: str) -> None:
    assert formats.percent_difference(Decimal(value)) == text


def test_money_never_breaks_over_two_lines(dutch: None) -> None:
    assert " " not in formats.money(Decimal("1234.50"))


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0.005200", "€ 0,0052"),
        ("3", "€ 3,00"),
        ("0.1234567", "€ 0,123457"),
        ("1200", "€ 1.200,00"),
    ],
)
def test_a_unit_price_has_the_decimals_it_needs(dutch: None, amount: str, text: str) -> None:
    assert plain(formats.unit_price(Decimal(amount))) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1840, "GiB", "1.840 GiB"),
        (2000, "", "2.000"),
        (Decimal("1.50"), "GiB", "1,5 GiB"),
        (Decimal("0.00049"), "", "0"),
        (0, "vCPU", "0 vCPU"),
    ],
)
def test_quantity(dutch: None, value: Decimal | int, unit: str, text: str) -> None:
    assert plain(formats.quantity(value, unit)) == text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 10, 19, 8, 36, tzinfo=UTC), "Vandaag 10.36 uur"),
        (datetime(2026, 10, 18, 22, 30, tzinfo=UTC), "Vandaag 0.30 uur"),
        (datetime(2026, 10, 18, 21, 59, tzinfo=UTC), "Gisteren 23.59 uur"),
        (datetime(2026, 10, 5, 7, 5, tzinfo=UTC), "5 oktober 2026, 9.05 uur"),
    ],
)
def test_a_moment_is_told_in_amsterdam(dutch: None, moment: datetime, text: str) -> None:
    assert plain(formats.moment(moment, now=NOW)) == text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 10, 19, 8, 36, tzinfo=UTC), "vandaag 10.36 uur"),
        (datetime(2026, 10, 18, 21, 59, tzinfo=UTC), "gisteren 23.59 uur"),
        (datetime(2026, 10, 5, 7, 5, tzinfo=UTC), "5 oktober 2026, 9.05 uur"),
    ],
)
def test_a_moment_in_a_sentence_begins_small(dutch: None, moment: datetime, text: str) -> None:
    assert plain(formats.moment(moment, now=NOW, inside=True)) == text


def test_a_moment_in_english(english: None) -> None:
    moment = datetime(2026, 10, 5, 7, 5, tzinfo=UTC)
    assert formats.moment(moment, now=NOW) == "5 October 2026, 9:05"


def test_a_day_is_the_one_it_was_in_amsterdam(dutch: None) -> None:
    assert formats.day(datetime(2026, 10, 4, 22, 30, tzinfo=UTC)) == "5 oktober 2026"
    assert formats.day(date(2026, 10, 5)) == "5 oktober 2026"


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=-3), "0 seconden"),
        (timedelta(seconds=1), "1 seconde"),
        (timedelta(seconds=59.6), "1 minuut"),
        (timedelta(minutes=5), "5 minuten"),
        (timedelta(hours=2, minutes=5), "2 uur 5 minuten"),
        (timedelta(hours=1), "1 uur"),
        (timedelta(days=12), "12 dagen"),
    ],
)
def test_duration(dutch: None, length: timedelta, text: str) -> None:
    assert formats.duration(length) == text


@pytest.mark.parametrize(
    ("length", "words"), [(-1, "0,0 s"), (0.44, "0,4 s"), (14.2, "14 s"), (125, "2 minuten")]
)
def test_short_lengths_of_time_have_a_decimal(length, words):
    with translation.override("nl"):
        assert plain(formats.seconds(timedelta(seconds=length))) == words
