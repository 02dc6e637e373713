"""How busy something was between two counts, and which size has room for that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.loads import Count, Evidence, Size, Worked, is_enough, worked_between

START = datetime(2026, 5, 20, 10, tzinfo=UTC)
HOUR_MS = 3_600_000


def count(hours: float = 0, **facts: Any) -> Count:
    defaults = {"processors": 2, "cpu_milliseconds": 0, "uptime_seconds": None}
    return Count(at=START + timedelta(hours=hours), **{**defaults, **facts})


def evidence(**facts: Any) -> Evidence:
    defaults = {
        "days": 14,
        "processors": Decimal("0.1"),
        "memory": Decimal("0.3"),
        "busiest_memory": Decimal("0.3"),
    }
    return Evidence(**{**defaults, **facts})


def test_share_is_of_all_processors_together():
    worked = worked_between(count(), count(1, cpu_milliseconds=HOUR_MS))

    assert worked == Worked(HOUR_MS, 2 * HOUR_MS)
    assert worked.share == Decimal("0.5")


def test_a_round_that_comes_late_still_counts():
    assert worked_between(count(), count(1.5, cpu_milliseconds=HOUR_MS)) is not None


def test_a_peak_shorter_than_an_hour_does_not_show():
    minutes = 11.9
    done = int(4 * minutes * 60_000)
    worked = worked_between(count(processors=4), count(1, processors=4, cpu_milliseconds=done))

    assert worked.share == Decimal("0.1984")  # all four at work; hence "on average"


def test_share_is_rounded_up():
    assert Worked(1, 30_000).share == Decimal("0.0001")


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (count(cpu_milliseconds=9), count(1, cpu_milliseconds=8)),  # set back
        (count(uptime_seconds=9), count(1, cpu_milliseconds=10, uptime_seconds=8)),  # restarted
        (count(processors=4), count(1)),  # resized
        (count(), count(1.51)),  # too long ago: a mean over more would hide a busy hour
        (count(1), count(1)),
        (count(1), count(0)),  # a clock that went back
        (count(), count(1, cpu_milliseconds=3 * HOUR_MS)),  # more than there is
        (count(processors=0), count(1, processors=0)),
    ],
)
def test_nothing_is_known_of_what_two_counts_do_not_tell(earlier, later):
    assert worked_between(earlier, later) is None


def test_clocks_that_do_not_tick_alike_make_it_all_of_the_time():
    worked = worked_between(count(), count(1, cpu_milliseconds=2 * HOUR_MS + 1))

    assert worked == Worked(2 * HOUR_MS, 2 * HOUR_MS)
    assert worked.share == 1


PIECES = st.lists(
    st.tuples(
        st.integers(60, 2 * 3600),  # seconds until the next count
        st.integers(0, 100),  # how busy
        st.booleans(),  # restarted at some moment of it
        st.integers(0, 100),  # after how much of the work
    ),
    min_size=1,
    max_size=8,
)


@given(pieces=PIECES, processors=st.integers(1, 8))
def test_whatever_is_restarted_never_more_is_counted_than_was_worked(pieces, processors):
    at, counted = START, 0
    last = Count(at=at, processors=processors, cpu_milliseconds=0, uptime_seconds=None)
    for seconds, busy, is_restarted, where in pieces:
        really = seconds * 10 * processors * busy
        counted = really * where // 100 if is_restarted else counted + really
        at += timedelta(seconds=seconds)
        told = Count(at=at, processors=processors, cpu_milliseconds=counted, uptime_seconds=None)
        worked = worked_between(last, told)
        if worked is not None:
            assert 0 <= worked.done <= really
            assert worked.done == really or is_restarted
            assert worked.possible == seconds * 1000 * processors
        last = told


@pytest.mark.parametrize(
    ("facts", "is_so"),
    [
        ({}, True),
        ({"days": 13}, False),
        ({"processors": Decimal("0.2")}, False),
        ({"processors": Decimal("0.1999")}, True),
        ({"busiest_memory": Decimal("0.4")}, False),
        ({"memory": None, "busiest_memory": Decimal("0.4")}, False),
        ({"memory": None, "busiest_memory": None}, True),
    ],
)
def test_oversized_is_what_was_never_busy_for_two_weeks(facts, is_so):
    assert evidence(**facts).is_oversized is is_so


@pytest.mark.parametrize(
    ("size", "facts", "is_so"),
    [
        (Size(2, 4096), {}, True),
        (Size(4, 8192), {}, False),  # it has that already
        (Size(4, 4096), {}, True),
        (Size(8, 4096), {}, False),
        (Size(2, 16384), {}, False),
        (Size(2, 0), {}, False),
        (Size(1, 4096), {}, True),
        (Size(1, 4096), {"processors": Decimal("0.17")}, False),  # 0.17 of 4, times 1.5, > 1
        (Size(2, 4096), {"memory": Decimal("0.35")}, False),  # 0.35 of 8192, times 1.5, > 4096
        (Size(2, 4096), {"memory": None}, False),
        (Size(2, 8192), {"memory": None}, True),
    ],
)
def test_enough_is_room_for_half_as_much_again(size, facts, is_so):
    assert is_enough(size, instead_of=Size(4, 8192), evidence=evidence(**facts)) is is_so


@given(
    processors=st.integers(1, 64),
    memory=st.integers(1, 1 << 20),
    smaller=st.tuples(st.integers(0, 64), st.integers(0, 1 << 20)),
    used=st.tuples(st.decimals(0, 1, places=4), st.none() | st.decimals(0, 1, places=4)),
)
def test_whatever_was_used_fits_in_what_is_enough(processors, memory, smaller, used):
    told = evidence(processors=used[0], memory=used[1], busiest_memory=used[1])

    if is_enough(Size(*smaller), instead_of=Size(processors, memory), evidence=told):
        assert smaller[0] >= used[0] * processors
        assert smaller[1] >= (1 if used[1] is None else used[1]) * memory
        assert smaller <= (processors, memory)
