"""Prices as people type them."""

from decimal import Decimal

import pytest
from django.utils.translation import override

from billing.amounts import read_price


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("", None),
        (" \N{NO-BREAK SPACE}", None),
        ("0", "0"),
        ("38", "38"),
        ("38,4", "38.4"),
        ("38.40", "38.40"),
        ("0.085", "0.085"),
        ("0,085", "0.085"),
        ("0,000001", "0.000001"),
        ("1234.5678", "1234.5678"),
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1.234.567", "1234567"),
        ("1 234,5", "1234.5"),
    ],
)
def test_is_read_in_both_ways_of_writing(language, typed, amount):
    with override(language):
        assert read_price(typed) == (None if amount is None else Decimal(amount))


@pytest.mark.parametrize(
    ("language", "typed", "amount"), [("nl", "1,234", "1.234"), ("en", "1.234", "1.234")]
)
def test_the_language_says_what_its_own_sign_is(language, typed, amount):
    with override(language):
        assert read_price(typed) == Decimal(amount)


@pytest.mark.parametrize(("language", "typed"), [("nl", "1.234"), ("en", "12,345")])
def test_what_could_be_two_amounts_is_refused(language, typed):
    with override(language), pytest.raises(ValueError, match=r"2 manieren|two ways"):
        read_price(typed)


@pytest.mark.parametrize(
    "typed",
    ["x", "-1", "+1", "1e3", "1.2.3", "1,23,4", "1.234,", ",5", ".", "1.1234567", "1.234.56", "٣"],
)
def test_what_is_no_amount_is_refused(typed):
    with pytest.raises(ValueError, match="6"):
        read_price(typed)
