"""Spans begin and end when the cloud says so, within what we know; nothing is metered twice."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from billing.errors import SkuUnknown
from billing.meters import Meter
from billing.models import MeteredResource, UsageSpan
from billing.services.metering import UsageTime, change_metering, end_metering, start_metering
from portal.core.calendar import start_of_day
from portal.identity.models import Project
from tests.factories import CloudFactory, make_project
from tests.factories.billing import MeteredResourceFactory, SkuFactory, UsageSpanFactory, set_price

NOON = start_of_day(date(2026, 11, 23)) + timedelta(hours=12)
MINUTE = timedelta(minutes=1)
SERVER = Meter("server.gp.small", Decimal(1))
VOLUME = Meter("volume.standard", Decimal(40))
LARGER_VOLUME = Meter("volume.standard", Decimal(60))
pytestmark = pytest.mark.django_db


def seen(observed: datetime, *, cloud: datetime | None = None) -> UsageTime:
    """Asked for a minute before it was seen."""
    return UsageTime(cloud=cloud, intended=observed - MINUTE, observed=observed)


AT_NOON = seen(NOON)


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def start(project: Project) -> Any:
    """Start metering one resource, always the same."""
    for code in ("server.gp.small", "server.gp.large", "volume.standard"):
        SkuFactory(code=code)
    cloud = CloudFactory()
    public_id = uuid4()

    def call(*meters: Meter, time: UsageTime = AT_NOON, **changes: Any) -> MeteredResource:
        values = {
            "public_id": public_id,
            "project": project,
            "cloud": cloud,
            "kind": "server",
            "name": "zaak-app-01",
            "openstack_id": "nova-1",
            "meters": meters,
            "time": time,
        }
        return start_metering(**{**values, **changes})

    return call


def spans(public_id: UUID) -> list[tuple[str, Decimal, datetime, datetime | None]]:
    rows = UsageSpan.objects.filter(resource__public_id=public_id).order_by("started_at", "pk")
    return list(rows.values_list("sku__code", "quantity", "started_at", "ended_at"))


def beginnings(public_id: UUID) -> list[tuple[str, list[bool]]]:
    """By SKU, of each span in turn whether use begins there."""
    rows = UsageSpan.objects.filter(resource__public_id=public_id).order_by("started_at", "pk")
    by_sku: dict[str, list[bool]] = {}
    for code, is_beginning in rows.values_list("sku__code", "is_beginning"):
        by_sku.setdefault(code, []).append(is_beginning)
    return sorted(by_sku.items())


class TestUsageTime:
    @pytest.mark.parametrize(
        ("cloud", "start", "end"),
        [
            (NOON - MINUTE / 2, NOON - MINUTE / 2, NOON - MINUTE / 2),
            (NOON - 2 * MINUTE, NOON - MINUTE, NOON - MINUTE),
            (NOON + MINUTE, NOON, NOON),
            (None, NOON, NOON - MINUTE),
        ],
        ids=["between", "before the intent", "after the observation", "unknown"],
    )
    def test_is_bounded_by_intent_and_observation(
        self, cloud: datetime | None, start: datetime, end: datetime
    ) -> None:
        time = seen(NOON, cloud=cloud)

        assert (time.start, time.end) == (start, end)

    def test_counts_whole_seconds(self) -> None:
        assert seen(NOON + timedelta(microseconds=999_999)).start == NOON


class TestStart:
    def test_opens_a_span_for_each_sku(self, start: Any) -> None:
        time = seen(NOON, cloud=NOON - timedelta(seconds=20))

        resource = start(SERVER, VOLUME, Meter("volume.standard", Decimal(2)), time=time)

        assert spans(resource.public_id) == [
            ("server.gp.small", 1, time.cloud, None),
            ("volume.standard", 42, time.cloud, None),
        ]

    def test_keeps_all_three_times(self, start: Any) -> None:
        resource = start(SERVER, time=seen(NOON))

        assert resource.spans.get().start_facts == {
            "cloud": None,
            "intended": (NOON - MINUTE).isoformat(),
            "observed": NOON.isoformat(),
        }

    def test_twice_meters_nothing_twice(self, start: Any) -> None:
        resource = start(SERVER)
        start(SERVER, VOLUME, time=seen(NOON + MINUTE), openstack_id="other")

        resource.refresh_from_db()
        assert spans(resource.public_id) == [("server.gp.small", 1, NOON, None)]
        assert resource.openstack_id == "nova-1"

    def test_again_after_the_end_continues_the_history(self, start: Any) -> None:
        resource = start(SERVER)
        end_metering(resource.public_id, time=seen(NOON + 9 * MINUTE))
        start(SERVER, time=seen(NOON + 3 * MINUTE), openstack_id="nova-2")

        resource.refresh_from_db()
        assert [row[2:] for row in spans(resource.public_id)] == [
            (NOON, NOON + 8 * MINUTE),
            (NOON + 8 * MINUTE, None),
        ]
        assert resource.openstack_id == "nova-2"

    def test_what_goes_on_as_it_was_is_no_beginning(self, start: Any) -> None:
        """What is paid once was paid, whatever came between."""
        for minute, meters in ((0, (SERVER, VOLUME)), (10, ()), (20, (SERVER, LARGER_VOLUME))):
            resource = start(*meters, time=seen(NOON + minute * MINUTE))
            end_metering(resource.public_id, time=seen(NOON + (minute + 5) * MINUTE))
        start(SERVER, LARGER_VOLUME, time=seen(NOON + 30 * MINUTE))

        assert beginnings(resource.public_id) == [
            ("server.gp.small", [True, False, False]),
            ("volume.standard", [True, True, False]),
        ]

    def test_what_was_never_in_use_begins_when_it_is(self, start: Any) -> None:
        resource = start(SERVER)
        end_metering(resource.public_id, time=seen(NOON))
        start(SERVER, time=seen(NOON + MINUTE))
        end_metering(resource.public_id, time=seen(NOON + MINUTE))
        start(SERVER, time=seen(NOON + 2 * MINUTE))

        assert beginnings(resource.public_id) == [("server.gp.small", [True, True, True])]

    def test_unknown_sku_is_refused(self, start: Any) -> None:
        with pytest.raises(SkuUnknown, match="unheard-of"):
            start(Meter("unheard-of", Decimal(1)))

    def test_what_has_no_meters_is_known_and_costs_nothing(self, start: Any) -> None:
        assert start().spans.count() == 0


class TestEnd:
    def test_ends_every_open_span_at_the_intent(self, start: Any) -> None:
        resource = start(SERVER, VOLUME)

        end_metering(resource.public_id, time=seen(NOON + 10 * MINUTE))

        assert {row[3] for row in spans(resource.public_id)} == {NOON + 9 * MINUTE}

    def test_twice_keeps_the_first_end(self, start: Any) -> None:
        resource = start(SERVER)
        end_metering(resource.public_id, time=seen(NOON + 10 * MINUTE))
        end_metering(resource.public_id, time=seen(NOON + 20 * MINUTE))

        assert spans(resource.public_id)[0][3] == NOON + 9 * MINUTE

    def test_before_the_beginning_costs_nothing(self, start: Any) -> None:
        resource = start(SERVER)

        end_metering(resource.public_id, time=seen(NOON - MINUTE))

        assert spans(resource.public_id) == [("server.gp.small", 1, NOON, NOON)]

    def test_of_what_was_never_metered_changes_nothing(self) -> None:
        end_metering(uuid4(), time=seen(NOON))

        assert not UsageSpan.objects.exists()


class TestChange:
    def test_ends_and_starts_only_what_differs(self, start: Any) -> None:
        resource = start(SERVER, VOLUME)
        later = NOON + 10 * MINUTE
        larger = [Meter("server.gp.large", Decimal(1)), VOLUME]

        for _ in range(2):
            change_metering(resource.public_id, meters=larger, time=seen(later))

        assert spans(resource.public_id) == [
            ("server.gp.small", 1, NOON, later),
            ("volume.standard", 40, NOON, None),
            ("server.gp.large", 1, later, None),
        ]

    def test_of_a_size_is_a_new_span(self, start: Any) -> None:
        resource = start(VOLUME)

        change_metering(
            resource.public_id,
            meters=[Meter("volume.standard", Decimal(80))],
            time=seen(NOON + MINUTE),
        )

        assert [row[1:] for row in spans(resource.public_id)] == [
            (40, NOON, NOON + MINUTE),
            (80, NOON + MINUTE, None),
        ]

    def test_that_arrives_late_never_rewrites_what_is_known(self, start: Any) -> None:
        resource = start(VOLUME)

        change_metering(resource.public_id, meters=[SERVER], time=seen(NOON - 5 * MINUTE))

        assert [row[2:] for row in spans(resource.public_id)] == [(NOON, NOON), (NOON, None)]

    def test_of_what_was_not_metered_goes_on_with_what_stays(self, start: Any) -> None:
        resource = start(SERVER, VOLUME)
        end_metering(resource.public_id, time=seen(NOON + 10 * MINUTE))

        change_metering(
            resource.public_id, meters=[SERVER, LARGER_VOLUME], time=seen(NOON + 20 * MINUTE)
        )

        assert beginnings(resource.public_id) == [
            ("server.gp.small", [True, False]),
            ("volume.standard", [True, True]),
        ]

    def test_back_to_an_earlier_size_begins_anew(self, start: Any) -> None:
        resource = start(VOLUME)
        for minute, meter in ((10, LARGER_VOLUME), (20, VOLUME)):
            change_metering(resource.public_id, meters=[meter], time=seen(NOON + minute * MINUTE))

        assert beginnings(resource.public_id) == [("volume.standard", [True, True, True])]


class TestDatabase:
    def refuses(self, name: str, action: Any) -> None:
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            action()

    def test_refuses_to_change_usage(self, project: Project) -> None:
        span = UsageSpanFactory(resource=MeteredResourceFactory(project=project), ended_at=NOON)
        rows = UsageSpan.objects.filter(pk=span.pk)

        self.refuses("usage is never changed", lambda: rows.update(quantity=2))
        self.refuses("usage is never changed", lambda: rows.update(ended_at=None))
        self.refuses("usage is never changed", rows.delete)

    def test_refuses_to_change_where_use_begins(self, project: Project) -> None:
        span = UsageSpanFactory(resource=MeteredResourceFactory(project=project))
        ending = UsageSpan.objects.filter(pk=span.pk)

        self.refuses(
            "usage is never changed", lambda: ending.update(ended_at=NOON, is_beginning=False)
        )

    def test_refuses_fractions_of_a_second(self, project: Project) -> None:
        resource = MeteredResourceFactory(project=project)
        fraction = NOON + timedelta(microseconds=1)

        self.refuses(
            "usage_span_counts_whole_seconds",
            lambda: UsageSpanFactory(resource=resource, started_at=fraction),
        )
        self.refuses("price_changes_on_a_whole_second", lambda: set_price("1", since=fraction))

    def test_refuses_overlap(self, project: Project) -> None:
        resource = MeteredResourceFactory(project=project)
        UsageSpanFactory(resource=resource)
        set_price("1")

        self.refuses(
            "usage_span_no_overlap_per_resource_and_sku",
            lambda: UsageSpanFactory(resource=resource, started_at=NOON),
        )
        self.refuses(
            "price_one_per_sku_and_organization_at_a_time", lambda: set_price("2", since=NOON)
        )

    def test_keeps_a_metered_resource_in_its_project(self, project: Project) -> None:
        resource = MeteredResourceFactory(project=project)
        rows = MeteredResource.objects.filter(pk=resource.pk)

        rows.update(name="renamed")
        self.refuses("keeps its project", lambda: rows.update(project=make_project()))
        self.refuses("keeps its project", rows.delete)


def test_what_nothing_is_measured_of_asks_nothing_of_that(start: Any) -> None:
    with CaptureQueriesContext(connection) as queries:
        start(SERVER, VOLUME)

    assert not [query for query in queries.captured_queries if "measureduse" in query["sql"]]
