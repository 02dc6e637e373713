"""What is read each day, and where a line through the days leads."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now
from hypothesis import given
from hypothesis import strategies as st

import catalog.tasks
from catalog.models import Metric, Quota, QuotaReading
from catalog.services import quota_history
from catalog.services.limits import set_limit
from catalog.services.quota_history import (
    FARTHEST_DAYS,
    LEAST_DAYS,
    SHOWN_DAYS,
    DayUse,
    fill_days,
    forget_readings,
    make_trend,
    read_quotas,
    trend_of,
)
from portal.core.calendar import start_of_day
from tests.factories import make_organization

DAY = timedelta(days=1)
MONDAY = date(2027, 3, 1)
LAST = MONDAY + 89 * DAY


def days_of(amounts, limit=Decimal(100)):
    first = LAST - (len(amounts) - 1) * DAY
    return [DayUse(first + n * DAY, Decimal(a), limit) for n, a in enumerate(amounts)]


class TestLine:
    """Least squares over the days, and from what is in use now to the limit."""

    def test_by_hand(self):
        amounts = [1, 3, 2, 4] + [4] * 10
        # Of y over x = 0 … 13: 14 · Σxy - Σx · Σy over 14 · Σx² - (Σx)².
        expected = Decimal(14 * 359 - 91 * 50) / Decimal(14 * 819 - 91 * 91)

        assert sum(n * a for n, a in enumerate(amounts)) == 359
        assert make_trend(days_of(amounts), []).per_day == expected

    @given(
        begin=st.integers(0, 1_000),
        step=st.decimals("0.001", "50", places=3),
        count=st.integers(LEAST_DAYS, SHOWN_DAYS),
        room=st.integers(1, FARTHEST_DAYS),
    )
    def test_a_straight_line_gives_its_slope_and_the_exact_day(self, begin, step, count, room):
        amounts = [begin + n * step for n in range(count)]
        on_the_day = make_trend(days_of(amounts, amounts[-1] + room * step), [])
        a_bit_more = make_trend(days_of(amounts, amounts[-1] + room * step + Decimal("0.0001")), [])

        assert on_the_day.per_day == step
        assert on_the_day.full_on == LAST + room * DAY
        later = room + 1
        assert a_bit_more.full_on == (LAST + later * DAY if later <= FARTHEST_DAYS else None)

    def test_two_weeks_are_needed(self):
        assert make_trend(days_of(range(13)), []).per_day is None
        assert make_trend(days_of(range(13)), []).full_on is None
        assert make_trend(days_of(range(14)), []).per_day == 1

    @pytest.mark.parametrize("amounts", [[5] * 20, range(40, 20, -1), [0] * 20])
    def test_what_does_not_grow_is_never_full(self, amounts):
        assert make_trend(days_of(amounts), []).full_on is None

    def test_without_a_limit_nothing_is_full(self):
        assert make_trend(days_of(range(20), limit=None), []).full_on is None

    def test_what_is_full_is_full_today(self):
        assert make_trend(days_of([*range(20), 100]), []).full_on == LAST
        assert make_trend(days_of([*range(20), 120]), []).full_on == LAST

    def test_nothing_of_nothing_is_not_full(self):
        assert make_trend(days_of([0] * 20, limit=Decimal(0)), []).full_on is None

    def test_planned_limits_count_from_their_day(self):
        growing = days_of(range(81))  # 80 of 100 now, one a day
        lower, higher = (LAST + 5 * DAY, Decimal(84)), (LAST + 10 * DAY, Decimal(200))

        assert make_trend(growing, []).full_on == LAST + 20 * DAY
        assert make_trend(growing, [lower]).full_on == LAST + 5 * DAY
        assert make_trend(growing, [higher]).full_on == LAST + 120 * DAY
        assert make_trend(growing, [(LAST + 10 * DAY, None)]).full_on is None
        assert make_trend(growing, [(LAST + 800 * DAY, Decimal(1))]).full_on == LAST + 20 * DAY

    def test_a_temporary_limit_that_ends_is_full_though_nothing_grows(self):
        assert make_trend(days_of([60] * 20), [(LAST + 9 * DAY, Decimal(50))]).full_on == (
            LAST + 9 * DAY
        )


class TestDays:
    """A day without a reading is as the one before it."""

    def test_the_last_reading_before_the_window_holds_at_its_beginning(self):
        old, new = DayUse(MONDAY - 200 * DAY, Decimal(1), None), DayUse(LAST, Decimal(2), None)
        days = fill_days([old, new], LAST)

        assert [day.day for day in days] == [MONDAY + n * DAY for n in range(SHOWN_DAYS)]
        assert [day.claimed for day in days] == [1] * 89 + [2]

    def test_before_the_first_reading_nothing_is_known(self):
        days = fill_days([DayUse(LAST - 2 * DAY, Decimal(1), Decimal(5))], LAST)

        assert [day.day for day in days] == [LAST - 2 * DAY, LAST - DAY, LAST]

    def test_across_the_day_on_which_summer_time_begins_no_day_is_lost(self):
        spring = date(2027, 3, 28)
        days = fill_days([DayUse(spring - DAY, Decimal(1), None)], spring + DAY)

        assert [day.day for day in days] == [spring - DAY, spring, spring + DAY]


@pytest.fixture
def quota(db):
    return Quota.objects.create(
        node=make_organization(), metric=Metric.SERVERS, limit_now=Decimal(10)
    )


def use(quota, claimed, limit=10):
    Quota.objects.filter(pk=quota.pk).update(claimed=claimed, limit_now=limit)
    quota.refresh_from_db()


def readings(quota):
    rows = QuotaReading.objects.filter(quota=quota).order_by("day")
    return list(rows.values_list("day", "claimed", "limit"))


class TestReading:
    """Only days that differ have a row."""

    def test_only_what_differs_is_written(self, quota):
        assert read_quotas(MONDAY) == 1
        assert read_quotas(MONDAY) == 0
        assert read_quotas(MONDAY + DAY) == 0
        use(quota, 3)
        assert read_quotas(MONDAY + 2 * DAY) == 1
        use(quota, 3, limit=None)
        assert read_quotas(MONDAY + 3 * DAY) == 1
        assert read_quotas(MONDAY + 4 * DAY) == 0

        assert readings(quota) == [
            (MONDAY, 0, 10),
            (MONDAY + 2 * DAY, 3, 10),
            (MONDAY + 3 * DAY, 3, None),
        ]

    def test_the_last_of_a_day_counts_also_when_it_is_as_the_day_before(self, quota):
        read_quotas(MONDAY)
        use(quota, 3)
        read_quotas(MONDAY + DAY)
        use(quota, 0)
        read_quotas(MONDAY + DAY)

        assert readings(quota)[-1] == (MONDAY + DAY, 0, 10)

    def test_one_statement_for_all(self, quota, django_assert_num_queries):
        for metric in (Metric.VCPUS, Metric.MEMORY_GIB):
            Quota.objects.create(node=quota.node, metric=metric)

        with django_assert_num_queries(4) as captured:  # savepoints, the tree's lock, and the write
            assert read_quotas(MONDAY) == 3
        assert sum("INSERT" in query["sql"] for query in captured) == 1

    @pytest.mark.parametrize(
        ("moment", "day"),
        [
            (datetime(2027, 1, 31, 22, 59, tzinfo=UTC), date(2027, 1, 31)),
            (datetime(2027, 1, 31, 23, 0, tzinfo=UTC), date(2027, 2, 1)),
            (datetime(2027, 3, 28, 21, 59, tzinfo=UTC), date(2027, 3, 28)),  # summer time
            (datetime(2027, 3, 28, 22, 0, tzinfo=UTC), date(2027, 3, 29)),
            (datetime(2027, 10, 31, 22, 59, tzinfo=UTC), date(2027, 10, 31)),  # winter time
        ],
    )
    def test_the_day_is_that_of_the_clock_in_amsterdam(self, quota, monkeypatch, moment, day):
        monkeypatch.setattr(catalog.tasks, "now", lambda: moment)
        catalog.tasks.read_quotas()

        assert [reading[0] for reading in readings(quota)] == [day]

    def test_the_schedule_reads_in_the_last_minute_of_each_hour(self, settings):
        entry = settings.CELERY_BEAT_SCHEDULE["read-quotas"]

        assert entry["task"] == "catalog.read_quotas"
        assert entry["schedule"].minute == {59}
        assert entry["schedule"].hour == set(range(24))

    def test_what_is_old_goes_but_for_what_held_then(self, quota):
        today = date(2030, 3, 1)
        first = date(2027, 3, 1)
        for day in (first - 9 * DAY, first - 5 * DAY, first + 5 * DAY, today):
            QuotaReading.objects.create(quota=quota, day=day, claimed=1)

        assert forget_readings(today) == 1
        assert [row[0] for row in readings(quota)] == [first - 5 * DAY, first + 5 * DAY, today]
        assert forget_readings(date(2032, 2, 29)) == 1


class TestTrendOfQuota:
    def test_today_is_as_the_counter_stands_now(self, quota, monkeypatch):
        monkeypatch.setattr(quota_history, "now", lambda: start_of_day(LAST))
        for number in range(30):
            day = LAST - (30 - number) * DAY
            QuotaReading.objects.create(quota=quota, day=day, claimed=number / 10, limit=10)
        QuotaReading.objects.create(quota=quota, day=LAST + DAY, claimed=9, limit=10)
        use(quota, 3)
        trend = trend_of(quota)

        assert trend.readings[-1] == DayUse(LAST, Decimal(3), Decimal(10))
        assert len(trend.readings) == 31
        assert trend.per_day == Decimal("0.1")

    def test_until_an_earlier_day_counts_readings_only(self, quota):
        QuotaReading.objects.create(quota=quota, day=MONDAY, claimed=2, limit=10)
        use(quota, 7)

        assert trend_of(quota, until=MONDAY + DAY).readings[-1].claimed == 2
        assert trend_of(quota, until=MONDAY - DAY).readings == []

    def test_a_temporary_limit_ends_on_its_day(self, quota, monkeypatch):
        today = quota_history.day_of(now())
        start = start_of_day(today)
        QuotaReading.objects.create(quota=quota, day=today - 30 * DAY, claimed=5, limit=10)
        set_limit(quota.node, Metric.SERVERS, Decimal(4), valid_from=start, actor=None)
        end = start_of_day(today + 9 * DAY)
        set_limit(
            quota.node,
            Metric.SERVERS,
            Decimal(10),
            valid_from=start,
            valid_until=end,
            actor=None,
        )
        use(quota, 5)

        assert trend_of(quota).full_on == today + 9 * DAY

    def test_two_queries(self, quota, django_assert_num_queries):
        with django_assert_num_queries(2):
            trend_of(quota)
