"""A number that cannot exist is noticed while it is typed."""

import pytest

from portal.identity.numbers import is_kvk_number, is_oin, is_rsin


@pytest.mark.parametrize("rsin", ["003214345", "002306608", "123456782"])
def test_numbers_that_pass_the_elfproef_can_be_an_rsin(rsin):
    assert is_rsin(rsin)


@pytest.mark.parametrize("rsin", ["003214345", "002306608", "123456782"])
def test_any_one_wrong_digit_in_an_rsin_is_noticed(rsin):
    for place, digit in enumerate(rsin):
        for other in set("0123456789") - {digit}:
            assert not is_rsin(rsin[:place] + other + rsin[place + 1 :])


@pytest.mark.parametrize(
    "text", ["", "000000000", "12345678", "1234567822", "12345678a", "12345678\n", "١٢٣٤٥٦٧٨٢"]
)
def test_other_text_is_no_rsin(text):
    assert not is_rsin(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00000001003214345000", True),
        ("0" * 20, False),
        ("0000000100321434500", False),
        ("000000010032143450000", False),
        ("0000000100321434500x", False),
        (" 00000001003214345000", False),
    ],
)
def test_an_oin_has_twenty_digits(text, expected):
    assert is_oin(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("12345678", True), ("00000000", False), ("1234567", False), ("123456789", False)],
)
def test_a_kvk_number_has_eight_digits(text, expected):
    assert is_kvk_number(text) is expected
