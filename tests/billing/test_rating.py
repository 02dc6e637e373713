"""What use costs, by hand."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from billing.models import PriceUnit
from billing.rating import Unit, UnitPrice, Usage, rate, rate_piece, split_by_month
from portal.core.calendar import BUSINESS_TIME, month, start_of_day

PER_MONTH = UnitPrice(Unit.MONTH, Decimal("38.40"))
PER_HOUR = UnitPrice(Unit.HOUR, Decimal("0.05"))
ONCE = UnitPrice(Unit.ONE_OFF, Decimal("25.00"))


def used(start: datetime, end: datetime, quantity: str = "1") -> Usage:
    return Usage(Decimal(quantity), start, end)


def days(first: date, last: date, quantity: str = "1") -> Usage:
    return used(start_of_day(first), start_of_day(last), quantity)


@pytest.mark.parametrize("number", range(1, 13))
@pytest.mark.parametrize("year", [2026, 2028])
def test_full_month_costs_exactly_its_price(year: int, number: int) -> None:
    period = month(year, number)

    assert rate(used(period.start, period.end), PER_MONTH) == Decimal("38.40")


def test_half_of_november_costs_half() -> None:
    assert rate(days(date(2026, 11, 1), date(2026, 11, 16)), PER_MONTH) == Decimal("19.20")


def test_part_of_a_month_is_price_times_seconds_over_the_seconds_of_that_month() -> None:
    start = start_of_day(date(2026, 11, 3))

    assert rate(used(start, start + timedelta(seconds=1)), PER_MONTH) == Decimal("0.000015")


def test_march_has_an_hour_less_so_its_days_cost_more() -> None:
    march = rate(days(date(2026, 3, 1), date(2026, 3, 2)), PER_MONTH)
    may = rate(days(date(2026, 5, 1), date(2026, 5, 2)), PER_MONTH)

    assert march == Decimal("1.240377")  # 38.40 x 24 / 743
    assert may == Decimal("1.238710")  # 38.40 x 24 / 744


def test_the_day_on_which_the_clock_goes_back_has_25_hours() -> None:
    assert rate(days(date(2026, 10, 25), date(2026, 10, 26)), PER_HOUR) == Decimal("1.25")


def test_the_two_hours_called_half_past_two_are_an_hour_apart() -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=BUSINESS_TIME)

    assert used(first, first.replace(fold=1)).seconds == 3600


def test_gib_months_count_the_size() -> None:
    price = UnitPrice(Unit.GIB_MONTH, Decimal("0.085"))

    assert rate(days(date(2026, 11, 1), date(2026, 12, 1), "40"), price) == Decimal("3.40")


def test_months_are_rated_one_by_one() -> None:
    usage = days(date(2026, 11, 16), date(2027, 1, 1))

    assert [piece.seconds for piece in split_by_month(usage)] == [15 * 86400, 31 * 86400]
    assert rate(usage, PER_MONTH) == Decimal("57.60")


def test_one_off_is_due_once_where_the_use_begins() -> None:
    pieces = list(split_by_month(days(date(2026, 11, 16), date(2027, 2, 1), "2")))

    assert [rate_piece(piece, ONCE) for piece in pieces] == [Decimal(50), Decimal(0), Decimal(0)]


def test_rounds_half_up_at_six_decimals() -> None:
    start = start_of_day(date(2026, 11, 3))
    half = UnitPrice(Unit.HOUR, Decimal("0.000001"))

    assert rate(used(start, start + timedelta(minutes=30)), half) == Decimal("0.000001")
    assert rate(used(start, start + timedelta(minutes=29)), half) == Decimal("0.000000")


def test_largest_quantity_and_price_keep_all_their_digits() -> None:
    largest = Decimal("999999999999.999999")
    period = month(2026, 11)

    cost = rate(used(period.start, period.end, str(largest)), UnitPrice(Unit.MONTH, largest))

    assert cost == Decimal("999999999999999998000000.000000")


def test_no_seconds_cost_nothing() -> None:
    moment = start_of_day(date(2026, 11, 3))

    assert rate(used(moment, moment), PER_MONTH) == 0
    assert rate(used(moment, moment), ONCE) == 0


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime(2026, 11, 3), datetime(2026, 11, 4)),  # noqa: DTZ001  (naive on purpose)
        (datetime(2026, 11, 4, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)),
    ],
)
def test_naive_or_reversed_moments_are_refused(start: datetime, end: datetime) -> None:
    with pytest.raises(ValueError, match="usage"):
        used(start, end)


def test_a_piece_stays_within_its_month() -> None:
    with pytest.raises(ValueError, match="passes the end of a month"):
        rate_piece(days(date(2026, 11, 1), date(2026, 12, 2)), PER_MONTH)


def test_the_model_knows_the_same_units() -> None:
    assert PriceUnit.values == [unit.value for unit in Unit]
