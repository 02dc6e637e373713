"""What the cloud counts becomes use by rule, whatever it tells, and whenever."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from billing.errors import SkuUnknown
from billing.meters import Measure, Meter
from billing.models import MeasuredUse, SampleProblem, UsageSample, UsageSpan
from billing.services.charging import costs
from billing.services.measuring import MOST_A_SECOND, MOST_STORED, take_sample
from billing.services.metering import change_metering, end_metering, metered_now, start_metering
from portal.core.calendar import Period, month
from tests.billing.measured.conftest import GIB, NOON, STORED, TRAFFIC, at, hours, spans, tell
from tests.factories.billing import SkuFactory

pytestmark = pytest.mark.django_db(transaction=True)
HELD = Meter("object", Decimal(5))


def test_what_is_stored_is_used_until_it_is_measured_otherwise(stored):
    for hour, value in [(1, 0), (2, 3 * GIB), (3, 3 * GIB), (4, GIB // 2), (5, 0)]:
        assert tell(stored, hours(hour), value)

    assert spans(stored) == [
        (Decimal(3), hours(2), hours(4)),
        (Decimal("0.5"), hours(4), hours(5)),
    ]


def test_missed_hours_leave_what_was_known_in_force(stored):
    tell(stored, hours(1), GIB)
    tell(stored, hours(30), GIB)

    assert spans(stored) == [(Decimal(1), hours(1), None)]


def test_only_the_first_that_is_stored_is_a_beginning(stored):
    for hour, value in [(1, GIB), (2, 2 * GIB), (3, 0), (4, GIB)]:
        tell(stored, hours(hour), value)

    rows = UsageSpan.objects.order_by("started_at")
    assert list(rows.values_list("is_beginning", flat=True)) == [True, False, False]


def test_traffic_is_what_passed_since_the_last_sample_and_the_first_says_from_where(traffic):
    for hour, value in [(1, 7 * GIB), (2, 9 * GIB), (3, 9 * GIB), (4, 10 * GIB)]:
        assert tell(traffic, hours(hour), value)

    assert spans(traffic) == [
        (Decimal(2), hours(1), hours(2)),
        (Decimal(1), hours(3), hours(4)),
    ]


def test_traffic_is_charged_once_per_gib_however_long_it_took(traffic):
    tell(traffic, hours(1), 0)
    tell(traffic, hours(20), 250 * GIB)

    found = costs([traffic.resource.project_id], period=month(2026, 11), as_of=hours(40))

    assert found.total == Decimal("2.50")


def test_traffic_over_the_end_of_a_month_is_of_the_month_in_which_its_time_begins(traffic):
    end = month(2026, 11).end
    tell(traffic, end - timedelta(minutes=30), 0)
    tell(traffic, end + timedelta(minutes=30), 100 * GIB)

    def cost(period: Period) -> Decimal:
        return costs([traffic.resource.project_id], period=period, as_of=period.end).total

    assert [cost(month(2026, 11)), cost(month(2026, 12))] == [Decimal("1.00"), Decimal("0.00")]


def test_count_that_was_set_back_begins_anew_and_nobody_pays_twice(traffic):
    # Octavia keeps counting for a machine that is gone, and forgets it later: a part goes back.
    for hour, value in [(1, 0), (2, 100 * GIB), (3, 40 * GIB), (4, 45 * GIB), (5, 0), (6, GIB)]:
        assert tell(traffic, hours(hour), value)

    assert [quantity for quantity, *_ in spans(traffic)] == [100, 5, 1]


@pytest.mark.parametrize("late", [hours(2), hours(1), hours(0.5)])
def test_sample_that_is_not_newer_changes_nothing(traffic, late):
    tell(traffic, hours(1), 0)
    tell(traffic, hours(2), 5 * GIB)

    assert not tell(traffic, late, 9 * GIB)

    assert UsageSample.objects.count() == 2
    assert spans(traffic) == [(Decimal(5), hours(1), hours(2))]


def test_clock_that_went_back_loses_nothing_that_passed(traffic):
    for moment, value in [(1, 0), (3, GIB), (2, 2 * GIB), (4, 3 * GIB)]:
        tell(traffic, hours(moment), value)

    assert sum(quantity for quantity, *_ in spans(traffic)) == 3


@pytest.mark.parametrize("value", [-1, MOST_STORED + 1, 2**63, 10**30])
def test_what_cannot_be_stored_is_not_believed(stored, value):
    tell(stored, hours(1), GIB)

    assert not tell(stored, hours(2), value)

    stored.refresh_from_db()
    assert stored.problem == SampleProblem.INCREDIBLE
    assert spans(stored) == [(Decimal(1), hours(1), None)]
    assert tell(stored, hours(3), 2 * GIB)
    stored.refresh_from_db()
    assert stored.problem == SampleProblem.NONE


@pytest.mark.parametrize("value", [-1, MOST_A_SECOND * 3600 + 1, 2**63])
def test_traffic_that_cannot_have_passed_is_not_believed(traffic, value):
    tell(traffic, hours(1), 0)

    assert not tell(traffic, hours(2), value)

    assert spans(traffic) == []


def test_most_that_can_pass_is_believed(traffic):
    tell(traffic, hours(1), 0)

    assert tell(traffic, hours(2), MOST_A_SECOND * 3600)


def test_answer_to_an_earlier_question_is_passed_over(traffic):
    tell(traffic, hours(1), 0)
    MeasuredUse.objects.update(tried_at=hours(3))

    assert not take_sample(traffic.pk, measured_at=hours(2), value=GIB)


def test_before_it_was_measured_and_after_it_ended_nothing_is_used(stored):
    assert not tell(stored, NOON - timedelta(seconds=1), GIB)
    tell(stored, hours(1), GIB)

    with transaction.atomic():
        end_metering(stored.resource.public_id, time=at(hours(2)))

    stored.refresh_from_db()
    assert stored.ended_at == hours(2)
    assert not take_sample(stored.pk, measured_at=hours(1), value=2 * GIB)
    assert spans(stored) == [(Decimal(1), hours(1), hours(2))]
    assert not metered_now([stored.resource.public_id])


def test_somebody_pays_for_what_is_empty_too(stored):
    assert metered_now([stored.resource.public_id])


def test_metering_twice_measures_once(stored):
    resource = stored.resource
    facts = {name: getattr(resource, name) for name in ("public_id", "project", "cloud", "kind")}
    again = {"name": "archief", "openstack_id": "archief", "meters": [STORED], "time": at(hours(1))}

    with transaction.atomic():
        start_metering(**facts, **again)

    assert MeasuredUse.objects.get() == stored


def test_what_goes_on_being_measured_is_not_cut_by_another_change(stored):
    tell(stored, hours(1), GIB)
    SkuFactory(code="object")

    with transaction.atomic():
        change_metering(stored.resource.public_id, meters=[HELD, STORED], time=at(hours(2)))

    assert spans(stored) == [(Decimal(1), hours(1), None)]
    assert MeasuredUse.objects.get().ended_at is None


def test_from_use_to_size_and_back(stored):
    public_id = stored.resource.public_id
    SkuFactory(code="object")
    tell(stored, hours(1), GIB)

    with transaction.atomic():
        change_metering(public_id, meters=[HELD], time=at(hours(2)))
    with transaction.atomic():
        change_metering(public_id, meters=[STORED], time=at(hours(4)))
    again = MeasuredUse.objects.get(ended_at=None)
    tell(again, hours(5), 2 * GIB)

    rows = UsageSpan.objects.order_by("started_at")
    assert list(rows.values_list("sku__code", "quantity", "started_at", "ended_at")) == [
        ("object.used", Decimal(1), hours(1), hours(2)),
        ("object", Decimal(5), hours(2), hours(4)),
        ("object.used", Decimal(2), hours(5), None),
    ]


def test_sku_without_a_price_list_is_refused(start):
    with pytest.raises(SkuUnknown):
        start(Meter.measured("unknown", Measure.STORED))


def refusal(act):
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        act()
    return caught.value.__cause__.diag.constraint_name


def test_samples_and_what_is_measured_never_change(stored):
    tell(stored, hours(1), GIB)
    sample = UsageSample.objects.filter(use=stored)
    use = MeasuredUse.objects.filter(pk=stored.pk)

    assert refusal(lambda: sample.update(value=1)) == "usage_sample_append_only"
    assert refusal(sample.delete) == "usage_sample_append_only"
    assert refusal(lambda: use.update(started_at=hours(1))) == "measured_use_only_ends"
    use.update(ended_at=hours(2))
    assert refusal(lambda: use.update(ended_at=None)) == "measured_use_only_ends"


def test_traffic_and_storage_are_measured_beside_each_other(start):
    first, second = start(STORED), start(TRAFFIC, "lb-1")

    tell(first, hours(1), GIB)
    tell(second, hours(1), GIB)

    assert (len(spans(first)), len(spans(second))) == (1, 0)
