"""What passed by lately is expected to go on: in the month, its days and every part of the tree."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.meters import Measure
from billing.models import MeasuredUse, MeteredResource, Price, PriceUnit, UsageSample, UsageSpan
from billing.services.budget_years import spent_by_node
from billing.services.charge_query import ChargeQuery, Slice
from billing.services.charging import cost_by_day, costs, expected_costs
from billing.services.metering import end_metering
from billing.services.month_costs import day_costs, month_costs
from billing.services.summaries import take_summary
from billing.services.tagged_costs import tagged_months
from portal.core.calendar import Period, month, months_in, start_of_day, year_of
from portal.identity.models import NodeParent, Project
from tests.billing.measured.conftest import GIB, HOUR, NOON, TRAFFIC, Start, at, hours, tell
from tests.factories import make_project
from tests.factories.billing import LONG_AGO, MeteredResourceFactory, SkuFactory

pytestmark = pytest.mark.django_db
NOVEMBER, DECEMBER = month(2026, 11), month(2026, 12)
A_CENT_PER_GIB = Decimal("0.01")


def day(number: int, hour: float = 0, *, of: int = 11) -> datetime:
    return start_of_day(date(2026, of, number)) + timedelta(hours=hour)


def balancer(
    project: Project, since: datetime, told_until: datetime = DECEMBER.end, **facts: Any
) -> MeasuredUse:
    """A load balancer of which the cloud told its count first and last at these moments."""
    use = MeasuredUse.objects.create(
        resource=MeteredResourceFactory(project=project, kind="load_balancer", **facts),
        sku=SkuFactory(code="load_balancer.traffic"),
        measure=Measure.TRAFFIC,
        started_at=since,
    )
    UsageSample.objects.bulk_create(
        UsageSample(use=use, measured_at=moment, value=0) for moment in (since, told_until)
    )
    return use


def passed(use: MeasuredUse, gib: str, since: datetime, until: datetime | None = None) -> None:
    UsageSpan.objects.create(
        resource=use.resource,
        sku=use.sku,
        quantity=Decimal(gib),
        started_at=since,
        ended_at=until or since + HOUR,
    )


def in_office_hours(use: MeasuredUse, first: datetime, until: datetime) -> None:
    """From eight to four 30 GiB an hour, each day: 240 GiB a day."""
    moment = first
    while moment < until:
        if 8 <= moment.astimezone(first.tzinfo).hour < 16:
            passed(use, "30", moment)
        moment += HOUR


def expected(project: Project, at: datetime, period: Period = NOVEMBER) -> Decimal:
    return expected_costs([project.pk], period=period, as_of=at).total


@pytest.fixture
def per_gib(project: Project) -> Price:
    NodeParent.objects.update(valid_from=LONG_AGO)
    return Price.objects.get(unit=PriceUnit.GIB)


@pytest.mark.parametrize("hour", [0, 0.01, 7, 8.5, 12, 15.99, 20, 23.99])
def test_what_passes_each_day_is_expected_until_the_month_ends_whatever_the_time_is(
    project: Project, per_gib: Price, hour: float
) -> None:
    now = day(23, hour)
    in_office_hours(balancer(project, day(1)), day(1), now)

    assert expected(project, now) == 240 * 30 * A_CENT_PER_GIB
    assert costs([project.pk], period=NOVEMBER, as_of=now).total < 240 * 23 * A_CENT_PER_GIB + 1


def test_also_in_the_months_after_it_as_all_that_runs(project: Project, per_gib: Price) -> None:
    in_office_hours(balancer(project, day(1)), day(1), day(23))

    assert expected(project, day(23), DECEMBER) == 240 * 31 * A_CENT_PER_GIB
    both = Period(NOVEMBER.start, DECEMBER.end)
    assert expected(project, day(23), both) == 240 * 61 * A_CENT_PER_GIB


def test_of_the_last_four_weeks_and_of_no_day_before(project: Project, per_gib: Price) -> None:
    use = balancer(project, day(1, of=9))
    passed(use, "100000", day(26, 23, of=10))
    passed(use, "2800", day(27, of=10), day(5))

    # A hundred a day, of this day and the six that are left.
    assert expected(project, day(24)) == 700 * A_CENT_PER_GIB


def test_on_the_first_day_what_passed_is_that_of_a_day(project: Project, per_gib: Price) -> None:
    use = balancer(project, NOON)
    passed(use, "100", NOON, NOON + HOUR)

    assert expected(project, NOON + 2 * HOUR) == 800 * A_CENT_PER_GIB
    # A hundred in a day and a quarter are eighty in a day.
    assert expected(project, NOON + 30 * HOUR) == (100 + 7 * 80) * A_CENT_PER_GIB
    # From the first whole day on only whole days count.
    assert expected(project, NOON + 36 * HOUR) == 100 * A_CENT_PER_GIB


@pytest.mark.parametrize("silent_days", [0, 1, 10, 22])
def test_days_on_which_the_cloud_did_not_answer_are_not_days_without_traffic(
    project: Project, per_gib: Price, silent_days: int
) -> None:
    use = balancer(project, day(1, of=10), told_until=day(23 - silent_days))
    october, november = range(1, 32), range(1, 23 - silent_days)
    for noon in [*(day(n, 12, of=10) for n in october), *(day(n, 12) for n in november)]:
        passed(use, "100", noon)

    # Of the days that are over nothing is known, and a hundred of today and the seven to come.
    assert expected(project, day(23)) == (2200 - 100 * silent_days + 800) * A_CENT_PER_GIB


def test_what_is_told_at_last_is_of_all_the_days_since_it_was_told_before(
    project: Project, per_gib: Price, start: Start
) -> None:
    use = start(TRAFFIC)
    tell(use, hours(0.5), 0)
    assert expected(project, hours(60)) == 0

    # Of 72 hours at four GiB an hour two days are whole; today has half of its 96.
    tell(use, hours(72), 286 * GIB)

    assert expected(project, hours(72)) == (286 + 48 + 4 * 96) * A_CENT_PER_GIB
    assert expected(project, hours(80)) == (286 + 48 + 4 * 96) * A_CENT_PER_GIB


def test_it_goes_on_as_it_did_however_long_the_cloud_does_not_answer(
    project: Project, per_gib: Price
) -> None:
    use = balancer(project, day(1, of=9), told_until=day(11, 9, of=9))
    passed(use, "1000", day(1, of=9), day(11, of=9))

    assert expected(project, NOON) == 800 * A_CENT_PER_GIB


def test_before_it_was_told_twice_nothing_is_expected(
    project: Project, per_gib: Price, start: Start
) -> None:
    use = start(TRAFFIC)
    assert expected(project, hours(1)) == 0

    tell(use, hours(1), 500 * GIB)

    assert expected(project, hours(100)) == 0


def test_nothing_is_expected_where_nothing_passed(project: Project, per_gib: Price) -> None:
    balancer(project, day(1))

    assert expected_costs([project.pk], period=NOVEMBER, as_of=NOON).lines == ()


def test_a_day_on_which_more_passed_than_usual_counts_as_it_was(
    project: Project, per_gib: Price
) -> None:
    use = balancer(project, day(1))
    passed(use, "220", day(1))
    passed(use, "5000", day(23))

    assert expected(project, NOON) == (220 + 5000 + 7 * 10) * A_CENT_PER_GIB


def test_nothing_is_expected_of_what_ended(project: Project, per_gib: Price, start: Start) -> None:
    use = start(TRAFFIC)
    tell(use, NOON, 0)
    tell(use, NOON + HOUR, 100 * GIB)
    assert expected(project, NOON + HOUR) > 1

    end_metering(use.resource.public_id, time=at(NOON + HOUR))

    assert expected(project, NOON + HOUR) == 1


@pytest.mark.parametrize(("last_day", "days"), [(25, 3), (23, 1), (22, 0), (30, 8)])
def test_it_is_expected_to_its_end_date(
    project: Project, per_gib: Price, last_day: int, days: int
) -> None:
    use = balancer(project, day(1), end_date=date(2026, 11, last_day))
    passed(use, "2200", day(1))

    assert expected(project, day(23)) == (2200 + 100 * days) * A_CENT_PER_GIB


def test_tiers_count_on_from_what_passed_before(project: Project, per_gib: Price) -> None:
    now = day(23)
    Price.objects.create(
        price_list=per_gib.price_list,
        sku=per_gib.sku,
        organization_id=project.parent_id,
        unit=PriceUnit.GIB,
        amount=0,
        tier_quantities=[Decimal(2500)],
        tier_amounts=[A_CENT_PER_GIB],
        valid_from=LONG_AGO,
    )
    for begin in (day(1), day(1, 1)):
        passed(balancer(project, day(1), public_id=UUID(int=begin.hour)), "1100", begin)

    # 2200 passed, and a hundred a day are to come; in December again the first are included.
    assert expected(project, now) == 500 * A_CENT_PER_GIB
    assert expected(project, now, DECEMBER) == 600 * A_CENT_PER_GIB


def test_a_price_that_is_announced_holds_from_its_day_on(project: Project, per_gib: Price) -> None:
    Price.objects.create(
        price_list=per_gib.price_list,
        sku=per_gib.sku,
        organization_id=project.parent_id,
        unit=PriceUnit.GIB,
        amount=2 * A_CENT_PER_GIB,
        valid_from=day(28),
    )
    passed(balancer(project, day(1)), "2200", day(1))

    assert expected(project, day(23)) == (2200 + 5 * 100 + 2 * 3 * 100) * A_CENT_PER_GIB


@pytest.mark.parametrize("period", [NOVEMBER, DECEMBER], ids=["running", "future"])
def test_summary_usage_days_tags_and_budget_expect_the_same(
    project: Project, per_gib: Price, period: Period, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed(balancer(project, day(3)), "777.777777", day(5), day(6))
    organization_id = project.parent_id
    (usage,) = month_costs([organization_id], [period], at=NOON)
    monkeypatch.setattr("billing.services.summary_reading._FEW", -1)
    take_summary(period, at=NOON)

    (kept,) = month_costs([organization_id], [period], at=NOON)
    days = cost_by_day([organization_id], month=period, as_of=NOON, until=period.end)
    (tagged,) = tagged_months([organization_id], "fase", [period], at=NOON)
    year = spent_by_node([organization_id], 2026, at=NOON)[organization_id]
    in_budget = {one.month.start: one.expected for one in year.months}[period.start]

    assert usage.expected.total > usage.realised.total
    assert kept.summary_id
    assert kept.expected == usage.expected
    assert [one.expected for one in day_costs([organization_id], kept)] == [
        one.exact for one in days
    ]
    assert sum(one.exact for one in days) == sum(line.exact for line in usage.expected.lines)
    assert sum(part.total for part in tagged.expected.values()) == usage.expected.total
    assert in_budget == usage.expected.total


def test_it_takes_no_query_more(project: Project, per_gib: Price) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            month_costs([project.pk], months_in(year_of(NOON)), at=NOON)
        return len(queries)

    without = count()
    passed(balancer(project, day(1)), "2200", day(1))

    assert count() == without


def text_for(project: Project, *, as_of: datetime, until: datetime) -> str:
    query = ChargeQuery(
        node_ids=[project.pk],
        slices=[Slice(period=NOVEMBER, month_seconds=NOVEMBER.seconds)],
        as_of=as_of,
        until=until,
    )
    return query.statement("SELECT * FROM charge")[0]


def test_only_what_looks_ahead_of_something_measured_has_it_in_the_statement(
    project: Project, per_gib: Price
) -> None:
    elsewhere = make_project()
    use = balancer(project, day(1))

    assert "trend_span" in text_for(project, as_of=NOON, until=NOVEMBER.end)
    assert "trend_span" not in text_for(project, as_of=NOON, until=NOON)
    assert "trend_span" not in text_for(elsewhere, as_of=NOON, until=NOVEMBER.end)

    MeasuredUse.objects.filter(pk=use.pk).update(ended_at=NOON)
    assert "trend_span" not in text_for(project, as_of=NOON, until=NOVEMBER.end)
    assert MeteredResource.objects.count() == 1
