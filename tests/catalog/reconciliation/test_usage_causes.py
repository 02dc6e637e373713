"""Why metered time and the cloud's own differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.reconciliation.usage_causes import (
    NEGLIGIBLE_SECONDS,
    Compared,
    Stretch,
    compare_sizes,
    compare_times,
)
from portal.cloud.ports import CloudObject, ServerUsage
from portal.core.calendar import Period

START = datetime(2026, 5, 1, tzinfo=UTC)
HOURS = 100
ASKED = Period(START, START + timedelta(hours=HOURS))
OURS = UUID(int=7)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def stretch(first: float, last: float | None) -> Stretch:
    return Stretch.within(ASKED, at(first), None if last is None else at(last))


def usage(first: float, last: float | None, known: str = "srv-1") -> ServerUsage:
    """As a cloud counts it: of what is still there until the end of what was asked."""
    used = min(at(HOURS if last is None else last), ASKED.end) - max(at(first), START)
    return ServerUsage(
        id=known,
        name="web",
        project="p",
        started_at=at(first),
        ended_at=None if last is None else at(last),
        seconds=max(0, round(used.total_seconds())),
    )


def compare(ours: list[Stretch], usages: list[ServerUsage]) -> Compared:
    return compare_times(
        ASKED, ours, usages, name="web", openstack_id="srv-1", resource=OURS if ours else None
    )


def why(compared: Compared) -> dict[str, Decimal]:
    return {cause.cause.value: cause.difference for cause in compared.causes}


def test_the_same_time_has_no_cause():
    compared = compare([stretch(-5, None), stretch(-5, None)], [usage(-5, None)])

    assert (compared.metered, compared.told) == (HOURS, HOURS)
    assert why(compared) == {}


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([(10, 20)], [(8, 20)], {"begins": -2}),
        ([(10, 20)], [(12, 20)], {"begins": 2}),
        ([(10, 20)], [(10, 25)], {"ends": -5}),
        ([(10, 20)], [(10, None)], {"ends": -80}),
        ([(10, 12), (15, 20)], [(10, 20)], {"paused": -3}),
        ([(10, 20)], [(10, 12), (13, 20)], {"paused": 1}),
        ([(10, 20)], [], {"absent": 10}),
        ([], [(10, 20)], {"unknown": -10}),
        ([(10, 14), (14, 20)], [(9, 15), (16, 18)], {"begins": -1, "ends": 2, "paused": 1}),
        ([(-9, 20)], [(-2, 20)], {}),  # both before what was asked
    ],
)
def test_cause_is_told_with_what_it_is_good_for(ours, theirs, expected):
    compared = compare([stretch(*one) for one in ours], [usage(*one) for one in theirs])

    assert why(compared) == expected
    assert compared.metered - compared.told == sum(expected.values())


def test_less_than_a_minute_is_in_the_sum_alone():
    seconds = NEGLIGIBLE_SECONDS / 3600

    compared = compare([stretch(1 + seconds, 10)], [usage(1, 10)])

    assert why(compared) == {}
    assert compared.metered - compared.told == Decimal("-0.016667")


TIMES = st.lists(
    st.tuples(st.integers(-20, HOURS + 20), st.integers(1, 60)).map(
        lambda pair: (pair[0], pair[0] + pair[1])
    ),
    max_size=4,
)


@given(ours=TIMES, theirs=st.sampled_from([[], [(3, 40)], [(0, 10), (20, 30)], [(-5, 200)]]))
def test_causes_are_the_whole_of_the_difference(ours, theirs):
    compared = compare([stretch(*one) for one in ours], [usage(*one) for one in theirs])

    assert compared.metered - compared.told == sum(why(compared).values())


@pytest.mark.parametrize(
    ("ours", "sizes", "cause"),
    [(5, [2, 3], ""), (5, [8], "size"), (5, [], "absent"), (0, [8], "unknown")],
)
def test_sizes(ours, sizes, cause):
    things = [
        CloudObject(id=str(size), name="", status="AVAILABLE", details={"size_gib": size})
        for size in sizes
    ]

    compared = compare_sizes(Decimal(ours), things, name="schijf")

    assert (compared.metered, compared.told) == (ours, sum(sizes))
    assert why(compared) == ({cause: ours - sum(sizes)} if cause else {})
