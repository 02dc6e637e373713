from __future__ import annotations

from decimal import Decimal

from portal.web.meters import Shape, make_bar


def test_used_new_and_reserved_stand_side_by_side() -> None:
    bar = make_bar(100, 50, new=10, reserved=5)
    assert bar.shapes == (
        Shape("used", "0%", "50%"),
        Shape("new", "50%", "10%"),
        Shape("reserved", "60%", "5%"),
    )
    assert bar.limit_at is None


def test_a_quota_turns_orange_from_85_percent_and_a_budget_does_not() -> None:
    assert make_bar(100, 84).shapes[0].part == "used"
    assert make_bar(100, 80, new=5).shapes[0].part == "high"
    assert make_bar(100, 80, new=5, warns=False).shapes[0].part == "used"


def test_past_the_limit_the_rest_is_red_and_a_line_shows_the_limit() -> None:
    bar = make_bar(1500, 2000)
    assert bar.limit_at == "75%"
    assert bar.shapes == (Shape("used", "0%", "100%"), Shape("over", "75%", "25%"))


def test_without_a_limit_all_use_is_over_it() -> None:
    assert make_bar(0, 3).limit_at == "0%"
    assert make_bar(0, 0).shapes == ()


def test_money_divides_like_pieces() -> None:
    assert make_bar(Decimal("1500.00"), Decimal("499.99")).shapes[0].width == "33.33%"
