"""Prices as people type them."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.utils.translation import override

from portal.core.amounts import read_amount
from portal.core.forms import EuroField


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
        assert read_amount(typed, places=6) == (None if amount is None else Decimal(amount))


@pytest.mark.parametrize(
    ("language", "typed", "amount"), [("nl", "1,234", "1.234"), ("en", "1.234", "1.234")]
)
def test_the_language_says_what_its_own_sign_is(language, typed, amount):
    with override(language):
        assert read_amount(typed, places=6) == Decimal(amount)


@pytest.mark.parametrize(("language", "typed"), [("nl", "1.234"), ("en", "12,345")])
def test_what_could_be_two_amounts_is_refused(language, typed):
    with override(language), pytest.raises(ValueError, match=r"2 manieren|two ways"):
        read_amount(typed, places=6)


@pytest.mark.parametrize(
    "typed",
    ["x", "-1", "+1", "1e3", "1.2.3", "1,23,4", "1.234,", ",5", ".", "1.1234567", "1.234.56", "٣"],
)
def test_what_is_no_amount_is_refused(typed):
    with pytest.raises(ValueError, match="6"):
        read_amount(typed, places=6)


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("1200,50", "1200.50"),
        ("1200.50", "1200.50"),
        ("3,5", "3.5"),
        ("1.234,50", "1234.50"),
        ("1,234.50", "1234.50"),
    ],
)
@pytest.mark.parametrize("language", ["nl", "en"])
def test_of_cents_a_separator_is_never_dropped(typed: str, amount: str, language: str) -> None:
    with override(language):
        assert read_amount(typed, places=2) == Decimal(amount)
        assert EuroField().clean(typed) == Decimal(amount)


@pytest.mark.parametrize(("language", "thousand", "fine"), [("nl", ".", ","), ("en", ",", ".")])
def test_three_digits_are_thousands_or_too_many_decimals(
    language: str, thousand: str, fine: str
) -> None:
    with override(language):
        assert EuroField().clean(f"1{thousand}234") == 1234
        with pytest.raises(ValidationError):
            EuroField().clean(f"1{fine}234")


@pytest.mark.parametrize("typed", ["1,2345", "0,123", "1.23.4", "-1", "1e3", "NaN", "1,2,3"])
def test_what_is_no_amount_in_cents_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError):
        EuroField(min_value=0).clean(typed)
