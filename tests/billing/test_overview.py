"""How a month compares with another."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing.overview import percentage_more


@pytest.mark.parametrize(
    ("amount", "before", "more"),
    [("110", "100", "10.0"), ("0", "80", "-100.0"), ("0", "0", "0.0"), ("5", "0", None)],
)
def test_more_than_before_in_per_cent(amount: str, before: str, more: str | None) -> None:
    """Nothing beside nothing did not change; something beside nothing is new."""
    expected = None if more is None else Decimal(more)
    assert percentage_more(Decimal(amount), Decimal(before)) == expected
