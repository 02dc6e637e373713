"""What a page reads of a month: as last reckoned while that holds, and otherwise from usage."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import tasks
from billing.models import (
    MonthSummary,
    OutdatedMonth,
    PriceUnit,
    SummaryDay,
    SummaryLine,
    UsageSpan,
)
from billing.services import summaries
from billing.services.charging import cost_by_day, costs, expected_costs
from billing.services.month_costs import day_costs, month_costs, month_totals
from billing.services.month_figures import MonthCosts
from billing.services.summaries import keep_summaries, rest_after, take_summary
from portal.core.calendar import Period, month, start_of_day
from portal.identity.models import CostCentre, Node, NodeParent, Organization, Project
from tests.factories import make_organization, make_project
from tests.factories.billing import (
    LONG_AGO,
    MeteredResourceFactory,
    SkuFactory,
    UsageSpanFactory,
    set_price,
)

OCTOBER, NOVEMBER, DECEMBER = month(2026, 10), month(2026, 11), month(2026, 12)
NOW = start_of_day(date(2026, 11, 16)) + timedelta(hours=13, seconds=7)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_is_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """So little usage would otherwise be read itself."""
    monkeypatch.setattr("billing.services.summary_reading._FEW", -1)


def on(number: int, day: int, **later: int) -> datetime:
    return start_of_day(date(2026, number, day)) + timedelta(**later)


@pytest.fixture
def ministry() -> Organization:
    return make_organization(name="Ministerie")


@pytest.fixture
def project(ministry: Organization) -> Project:
    project = make_project(make_organization(ministry))
    NodeParent.objects.update(valid_from=LONG_AGO)
    return project


@pytest.fixture
def world(ministry: Organization, project: Project) -> list[Node]:
    """Use of every sort, with a price that changes and a project that gets another payer."""
    other = make_organization(name="Ander")
    nomad = make_project(other)
    NodeParent.objects.update(valid_from=LONG_AGO)
    turn = on(11, 9, hours=3, seconds=11)
    set_price("38.40", until=turn)
    set_price("41.013377", since=turn)
    set_price("0.013777", sku="volume", unit=PriceUnit.GIB_MONTH)
    set_price("7.77", sku="volume", unit=PriceUnit.GIB_MONTH, organization=other, since=turn)
    set_price("0.05", sku="hour", unit=PriceUnit.HOUR)
    set_price("12.5", sku="setup", unit=PriceUnit.ONE_OFF)
    for number, home in enumerate((project, nomad, project)):
        server = MeteredResourceFactory(project=home, end_date=date(2026, 11, 20 + number))
        UsageSpanFactory(resource=server, started_at=on(9, 30, seconds=number + 1))
        for sku, quantity in (("volume", "33.3"), ("hour", "2"), ("setup", "1")):
            volume = MeteredResourceFactory(project=home)
            UsageSpanFactory(
                resource=volume,
                sku=SkuFactory(code=sku),
                quantity=Decimal(quantity),
                started_at=on(10, 20 + 4 * number),
                ended_at=on(11, 3 + number, seconds=1),
            )
            UsageSpanFactory(
                resource=volume, sku=SkuFactory(code=sku), started_at=on(11, 3 + number, hours=1)
            )
    UsageSpanFactory(
        resource=MeteredResourceFactory(project=nomad), sku=SkuFactory(code="without-price")
    )
    move(nomad, project.parent, at=on(11, 12, hours=7))
    return [ministry, other, project.parent, project, nomad]


def move(node: Node, parent: Node, *, at: datetime) -> None:
    NodeParent.objects.filter(node=node).update(valid_until=at)
    NodeParent.objects.create(node=node, parent=parent, valid_from=at)


def forget_marks() -> None:
    OutdatedMonth.objects.all().delete()


def used(project: Project, **facts: Any) -> UsageSpan:
    span: UsageSpan = UsageSpanFactory(resource=MeteredResourceFactory(project=project), **facts)
    return span


def the(node: Node, period: Period = NOVEMBER, *, at: datetime = NOW, **options: Any) -> MonthCosts:
    (found,) = month_costs([node.pk], [period], at=at, **options)
    return found


# --- it says the same --------------------------------------------------------------------------


@pytest.mark.parametrize("period", [OCTOBER, NOVEMBER, DECEMBER], ids=["past", "running", "future"])
def test_a_summary_says_what_usage_says_of_every_part(world: list[Node], period: Period) -> None:
    take_summary(period, at=NOW)
    as_of = min(NOW, period.end)
    parts: list[Sequence[Node]] = [*([node] for node in world), world[:2], world[2:]]
    for part in parts:
        node_ids = [node.pk for node in part]

        (found,) = month_costs(node_ids, [period], at=NOW)

        assert found.summary_id
        assert found.as_of == as_of
        assert found.realised == costs(node_ids, period=period, as_of=as_of)
        assert found.expected == expected_costs(node_ids, period=period, as_of=as_of)
        days = cost_by_day(node_ids, month=period, as_of=as_of)
        later = cost_by_day(node_ids, month=period, as_of=as_of, until=period.end)
        assert [(day.day, day.realised, day.expected) for day in day_costs(node_ids, found)] == [
            (one.day, one.exact, other.exact) for one, other in zip(days, later, strict=True)
        ]
    assert SummaryLine.objects.exists() or period == DECEMBER


def test_usage_itself_says_the_same_of_many_months(world: list[Node]) -> None:
    months = [OCTOBER, NOVEMBER, DECEMBER]
    node_ids = [node.pk for node in world[:2]]
    take_summary(OCTOBER, at=NOW)
    take_summary(NOVEMBER, at=NOW)
    some = month_costs(node_ids, months, at=NOW)
    MonthSummary.objects.all().delete()
    with CaptureQueriesContext(connection) as queries:
        none = month_costs(node_ids, months, at=NOW)

    assert [found.summary_id is None for found in some] == [False, False, True]
    assert [found.summary_id for found in none] == [None] * 3
    assert [(one.as_of, one.realised, one.expected) for one in some] == [
        (other.as_of, other.realised, other.expected) for other in none
    ]
    assert len(queries) == 7


def test_totals_are_the_sums_of_lines(world: list[Node]) -> None:
    """Each line is rounded to cents before it is added up."""
    months = [OCTOBER, NOVEMBER, DECEMBER]
    take_summary(NOVEMBER, at=NOW)
    for node in world:
        found = month_costs([node.pk], months, at=NOW)

        totals = month_totals([node.pk], months, at=NOW)

        assert [(one.realised, one.expected, one.is_price_missing) for one in totals] == [
            (one.realised.total, one.expected.total, one.expected.is_price_missing) for one in found
        ]
        assert [one.has_lines for one in totals] == [bool(one.realised.lines) for one in found]


def test_totals_of_a_cost_centre_are_the_sums_of_its_lines(
    world: list[Node], project: Project
) -> None:
    CostCentre.objects.create(node=project, code="100", valid_from=on(10, 5), valid_until=on(11, 5))
    CostCentre.objects.create(node=project, code="200", valid_from=on(11, 5))
    months = [OCTOBER, NOVEMBER, DECEMBER]
    take_summary(NOVEMBER, at=NOW)
    for code in ("100", "200", ""):
        found = [one.of_center(code) for one in month_costs([world[0].pk], months, at=NOW)]

        totals = month_totals([world[0].pk], months, at=NOW, cost_center=code)

        assert found[1].summary_id
        assert [(one.realised, one.expected, one.is_price_missing) for one in totals] == [
            (one.realised.total, one.expected.total, one.expected.is_price_missing) for one in found
        ]
        assert [one.has_lines for one in totals] == [bool(one.realised.lines) for one in found]


def test_it_takes_as_many_queries_for_a_year(world: list[Node]) -> None:
    year = [month(2026, number) for number in range(1, 13)]
    keep_summaries(at=NOW)
    for period in year:
        take_summary(period, at=NOW)

    with CaptureQueriesContext(connection) as queries:
        found = month_costs([world[0].pk], year, at=NOW)

    assert all(one.summary_id for one in found)
    assert len(queries) == 6


# --- it says so only while it holds ------------------------------------------------------------


@pytest.fixture
def reckoned(project: Project) -> Project:
    """What October and November cost is known, and what it stands on does not change by itself."""
    set_price("38.40")
    used(project, started_at=on(9, 1))
    forget_marks()
    for period in (OCTOBER, NOVEMBER):
        take_summary(period, at=NOW)
    assert the(project).summary_id
    assert the(project, OCTOBER).summary_id
    return project


def test_late_use_outdates_the_months_since_and_no_other(reckoned: Project) -> None:
    september = month(2026, 9)
    take_summary(september, at=NOW)

    used(reckoned, started_at=on(10, 16), ended_at=on(10, 16, hours=1))

    assert the(reckoned, september).summary_id
    found = the(reckoned, OCTOBER)
    assert found.summary_id is None
    assert found.realised == costs([reckoned.pk], period=OCTOBER, as_of=OCTOBER.end)
    take_summary(OCTOBER, at=NOW)
    assert the(reckoned, OCTOBER).summary_id
    assert the(reckoned, OCTOBER).realised == found.realised


def test_use_that_turns_out_to_have_ended_outdates_since_its_end(reckoned: Project) -> None:
    UsageSpan.objects.update(ended_at=on(10, 20))

    assert the(reckoned, OCTOBER).summary_id is None
    assert the(reckoned, OCTOBER).realised.total == Decimal("23.50")


def test_a_price_of_the_past_outdates(reckoned: Project) -> None:
    set_price("10", organization=reckoned.parent.organization, since=on(10, 1))

    assert the(reckoned, OCTOBER).realised.total == 10


def test_who_paid_in_the_past_outdates(reckoned: Project, ministry: Organization) -> None:
    move(reckoned, ministry, at=on(10, 16))

    assert the(reckoned, OCTOBER).summary_id is None
    assert len(the(reckoned, OCTOBER).realised.lines) == 2


def test_an_organization_that_moved_is_counted_where_it_stood(
    reckoned: Project, ministry: Organization
) -> None:
    part, other = reckoned.parent, make_organization(name="Ander")
    move(part, other, at=on(11, 10))
    Node.objects.filter(pk=part.pk).update(parent=other, ancestor_ids=[other.pk])
    Node.objects.filter(pk=reckoned.pk).update(ancestor_ids=[other.pk, part.pk])
    forget_marks()

    assert the(ministry).realised.total == Decimal("11.52")
    assert the(other).realised.total == costs([other.pk], period=NOVEMBER, as_of=NOW).total > 0


def test_what_runs_is_too_old_after_some_rounds(reckoned: Project) -> None:
    soon, later = NOW + timedelta(minutes=4), NOW + timedelta(minutes=5)

    assert (the(reckoned, at=soon).summary_id, the(reckoned, at=soon).as_of) == (
        the(reckoned).summary_id,
        NOW,
    )
    assert the(reckoned, at=later).as_of == later
    assert the(reckoned, OCTOBER, at=later).summary_id


def test_a_running_month_that_ended_meanwhile_is_not_whole(reckoned: Project) -> None:
    take_summary(NOVEMBER, at=NOVEMBER.end - timedelta(seconds=3))

    assert the(reckoned, at=NOVEMBER.end + timedelta(seconds=1)).as_of == NOVEMBER.end
    assert the(reckoned, at=NOVEMBER.end + timedelta(seconds=1)).summary_id is None


def test_what_runs_and_is_little_is_told_to_the_second(
    reckoned: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.services.summary_reading._FEW", 2)
    later = NOW + timedelta(seconds=9)

    assert the(reckoned, at=later).as_of == later
    assert the(reckoned, OCTOBER, at=later).summary_id
    for _ in range(2):
        used(reckoned, started_at=on(11, 2))
    take_summary(NOVEMBER, at=NOW)
    assert the(reckoned, at=later).as_of == NOW


def test_who_decides_on_money_gets_it_to_the_second(reckoned: Project) -> None:
    later = NOW + timedelta(seconds=9)

    assert the(reckoned, at=later, is_fresh=True).as_of == later
    assert the(reckoned, OCTOBER, at=later, is_fresh=True).summary_id


def test_what_was_found_can_still_be_read_after_the_next_round(reckoned: Project) -> None:
    found = the(reckoned)
    take_summary(NOVEMBER, at=NOW + timedelta(minutes=9))

    days = day_costs([reckoned.pk], found)

    assert sum(day.realised for day in days) > 0


# --- it is reckoned again ----------------------------------------------------------------------


def kept() -> list[tuple[datetime, datetime]]:
    found = MonthSummary.objects.order_by("month_start", "pk")
    return list(found.values_list("month_start", "taken_at"))


def test_everything_since_the_first_use_is_reckoned_once(reckoned: Project) -> None:
    keep_summaries(at=NOW)
    keep_summaries(at=NOW + timedelta(seconds=1))

    months = [month(2026, number).start for number in (9, 10, 11, 12)]
    assert kept() == [(start, NOW) for start in months]


def test_what_runs_is_reckoned_again_after_a_rest(reckoned: Project) -> None:
    later = NOW + rest_after(0)
    keep_summaries(at=NOW)
    keep_summaries(at=later)

    assert [taken for start, taken in kept() if start == NOVEMBER.start] == [NOW, later]
    assert [taken for start, taken in kept() if start == OCTOBER.start] == [NOW]


def test_what_takes_long_is_seldom_done(reckoned: Project) -> None:
    MonthSummary.objects.update(seconds=30)
    keep_summaries(at=NOW + timedelta(minutes=9))

    assert [taken for start, taken in kept() if start == NOVEMBER.start] == [NOW]
    assert the(reckoned, at=NOW + timedelta(minutes=9)).as_of == NOW


def test_what_was_outdated_is_reckoned_again(reckoned: Project) -> None:
    keep_summaries(at=NOW)
    used(reckoned, started_at=on(10, 16), ended_at=on(10, 16, hours=1))
    later = NOW + timedelta(minutes=1)

    keep_summaries(at=later)

    assert [taken for start, taken in kept() if start == OCTOBER.start] == [NOW, later]
    assert not OutdatedMonth.objects.filter(month_start=OCTOBER.start).exists()


def test_a_month_that_just_ended_is_reckoned_until_it_has_settled(reckoned: Project) -> None:
    end = NOVEMBER.end
    moments = [end + timedelta(minutes=minutes) for minutes in (1, 58, 61, 120, 180)]
    for moment in moments:
        keep_summaries(at=moment)

    assert [taken for start, taken in kept() if start == NOVEMBER.start] == [moments[1], moments[2]]


def test_old_ones_are_thrown_away(reckoned: Project) -> None:
    later = NOW + timedelta(hours=1)
    take_summary(NOVEMBER, at=later)

    assert [taken for start, taken in kept() if start == NOVEMBER.start] == [later]
    summary_ids = set(MonthSummary.objects.values_list("pk", flat=True))
    assert set(SummaryDay.objects.values_list("summary_id", flat=True)) <= summary_ids


def test_a_crash_in_the_middle_leaves_what_there_was(
    reckoned: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    used(reckoned, started_at=on(10, 16), ended_at=on(10, 16, hours=1))
    before = kept()
    monkeypatch.setattr(summaries, "_WRITE_DAYS", "SELECT 1 / 0")

    with pytest.raises(Exception, match="division by zero"):
        take_summary(OCTOBER, at=NOW)

    assert kept() == before
    assert the(reckoned, OCTOBER).summary_id is None


@pytest.mark.parametrize("is_mine", [True, False])
def test_one_process_at_a_time(
    reckoned: Project, monkeypatch: pytest.MonkeyPatch, is_mine: bool
) -> None:
    called: list[datetime] = []
    monkeypatch.setattr(tasks, "only_one", lambda _lock: nullcontext(is_mine))
    monkeypatch.setattr(summaries, "keep_summaries", lambda *, at: called.append(at))

    tasks.keep_summaries()

    assert len(called) == is_mine
