"""Bars fit, ticks are round, and the axis starts at zero."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.charts import make_bar_chart

amounts = st.decimals(0, "9999999", places=2)


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        ("0", ["0.04", "0.03", "0.02", "0.01", "0.00"]),
        ("1.28", ["2.0", "1.5", "1.0", "0.5", "0.0"]),
        ("10", ["10.0", "7.5", "5.0", "2.5", "0.0"]),
        ("81", ["100", "75", "50", "25", "0"]),
        ("4000.01", ["8000", "6000", "4000", "2000", "0"]),
    ],
)
def test_ticks_are_round_and_reach_the_highest_bar(highest: str, ticks: list[str]) -> None:
    chart = make_bar_chart([(Decimal(highest), Decimal(0))])

    assert [tick.amount for tick in chart.ticks] == [Decimal(tick) for tick in ticks]
    assert [tick.y for tick in chart.ticks] == ["0", "25", "50", "75", "100"]


def test_expected_stands_on_top_of_what_was_realised() -> None:
    chart = make_bar_chart([(Decimal(50), Decimal(25)), (Decimal(0), Decimal(100))])

    assert [(part.x, part.y, part.width, part.height) for part in chart.parts] == [
        ("10", "50", "30", "50"),
        ("10", "25", "30", "25"),
        ("60", "0", "30", "100"),
    ]
    assert [part.is_expected for part in chart.parts] == [False, True, True]


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=31))
def test_every_bar_stays_inside(bars: list[tuple[Decimal, Decimal]]) -> None:
    chart = make_bar_chart(bars)

    for part in chart.parts:
        assert Decimal(part.y) >= Decimal("-0.01")
        assert Decimal(part.y) + Decimal(part.height) <= Decimal("100.01")
        assert Decimal(part.x) + Decimal(part.width) <= 100


def test_no_bars_make_an_empty_chart() -> None:
    assert make_bar_chart([]).parts == ()
