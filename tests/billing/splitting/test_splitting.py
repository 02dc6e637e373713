"""An amount is split to the cent: nothing is lost, and nobody bears a cent too much."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.splitting import split

CENT = Decimal("0.01")
amounts = st.integers(-(10**11), 10**11).map(lambda cents: cents * CENT)
weights = st.dictionaries(
    st.sampled_from("abcdefghijkl"),
    st.integers(0, 10**9).map(lambda thousandths: Decimal(thousandths) / 1000),
    min_size=1,
)


@pytest.mark.parametrize(
    ("amount", "parts", "expected"),
    [
        ("100.00", {"a": "1", "b": "1", "c": "1"}, {"a": "33.34", "b": "33.33", "c": "33.33"}),
        ("0.02", {"c": "1", "b": "1", "a": "1"}, {"a": "0.01", "b": "0.01", "c": "0.00"}),
        ("10.00", {"a": "0.333", "b": "0.667"}, {"a": "3.33", "b": "6.67"}),
        ("0.01", {"a": "0.499", "b": "0.501"}, {"a": "0.00", "b": "0.01"}),
        ("-100.00", {"a": "1", "b": "1", "c": "1"}, {"a": "-33.34", "b": "-33.33", "c": "-33.33"}),
        ("9.99", {"a": "0", "b": "5"}, {"a": "0.00", "b": "9.99"}),
        ("9.99", {"a": "0", "b": "0"}, {"a": "5.00", "b": "4.99"}),
    ],
)
def test_the_cents_that_are_left_go_where_most_was_cut_off(amount, parts, expected):
    given_parts = {name: Decimal(part) for name, part in parts.items()}

    assert split(Decimal(amount), given_parts) == {
        name: Decimal(part) for name, part in expected.items()
    }


@given(amount=amounts, weights=weights)
def test_the_parts_are_the_whole_and_differ_less_than_a_cent_from_exact(amount, weights):
    parts = split(amount, weights)

    assert sum(parts.values()) == amount
    whole = sum(weights.values())
    for name, weight in weights.items():
        share = Fraction(weight) / Fraction(whole) if whole else Fraction(1, len(weights))
        assert abs(Fraction(parts[name]) - Fraction(amount) * share) < Fraction(CENT)


@given(amount=amounts, weights=weights, random=st.randoms())
def test_the_order_in_which_they_are_named_does_not_matter(amount, weights, random):
    shuffled = list(weights.items())
    random.shuffle(shuffled)

    assert split(amount, dict(shuffled)) == split(amount, weights)


@given(amount=amounts, weights=weights)
def test_what_is_given_back_is_split_as_what_is_asked(amount, weights):
    given_back = split(-amount, weights)

    assert given_back == {name: -part for name, part in split(amount, weights).items()}


@pytest.mark.parametrize(
    ("amount", "weights"),
    [("1.00", {}), ("1.00", {"a": Decimal(-1), "b": Decimal(2)}), ("1.001", {"a": Decimal(1)})],
)
def test_nonsense_is_not_split(amount, weights):
    with pytest.raises(ValueError, match=r"must bear it|whole cents"):
        split(Decimal(amount), weights)
