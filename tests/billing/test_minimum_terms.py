"""What begins at a price with a minimum term is due until that ends, at that price."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction

from billing.meters import Meter
from billing.models import MeteredResource, MinimumTerm, Price, UsageSpan
from billing.rating import LONGEST_MINIMUM_MONTHS
from billing.services.metered_use import gib_metered_now, spans_within
from billing.services.metering import (
    UsageTime,
    change_metering,
    end_metering,
    metered_now,
    start_metering,
)
from portal.core.calendar import BUSINESS_TIME, Period, months_later, start_of_day
from portal.identity.models import Organization, Project
from tests.factories import CloudFactory, make_organization, make_project
from tests.factories.billing import SkuFactory, set_price

DISK, SMALL, LARGE = "volume.standard", "server.gp.small", "server.gp.large"
AGREED = dict.fromkeys((DISK, SMALL, LARGE), LONGEST_MINIMUM_MONTHS)
pytestmark = pytest.mark.django_db


def day(month: int, number: int = 1, year: int = 2026) -> datetime:
    return start_of_day(date(year, month, number))


def here(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BUSINESS_TIME)


def at(moment: datetime) -> UsageTime:
    return UsageTime(cloud=moment, intended=moment, observed=moment)


@pytest.fixture
def organization() -> Organization:
    return make_organization(make_organization())


@pytest.fixture
def project(organization: Organization) -> Project:
    return make_project(organization)


@pytest.fixture
def price(db: None) -> Price:
    """A disk is paid for at least twelve months."""
    SkuFactory(code=LARGE)
    set_price("40", sku=SMALL)
    return set_price("0.1", sku=DISK, unit="gib_month", minimum_months=12)


def disk(quantity: int) -> Meter:
    return Meter(DISK, Decimal(quantity))


class Use:
    """One resource, and what becomes of it."""

    def __init__(self, project: Project) -> None:
        self.public_id = uuid4()
        self.project = project
        self.cloud = CloudFactory()

    def start(
        self, moment: datetime, *meters: Meter, agreed: Mapping[str, int] = AGREED
    ) -> MeteredResource:
        return start_metering(
            public_id=self.public_id,
            project=self.project,
            cloud=self.cloud,
            kind="volume",
            name="zaak-data",
            openstack_id="cinder-1",
            meters=meters,
            time=at(moment),
            agreed_months=agreed,
        )

    def change(self, moment: datetime, *meters: Meter, agreed: Mapping[str, int] = AGREED) -> None:
        change_metering(self.public_id, meters=meters, time=at(moment), agreed_months=agreed)

    def end(self, moment: datetime, *, never_came: Collection[UUID] = ()) -> None:
        end_metering(self.public_id, time=at(moment), never_came=never_came)

    @property
    def resource(self) -> MeteredResource:
        return MeteredResource.objects.get(public_id=self.public_id)

    @property
    def term(self) -> MinimumTerm:
        return self.resource.terms.get()

    def spans(self, *, unused: bool, sku: str = DISK) -> list[tuple[Any, ...]]:
        rows = self.resource.spans.filter(is_unused=unused, sku__code=sku)
        return list(
            rows.order_by("started_at", "pk").values_list("quantity", "started_at", "ended_at")
        )


@pytest.fixture
def use(project: Project, price: Price) -> Use:
    return Use(project)


class TestMonthsLater:
    @pytest.mark.parametrize(
        ("moment", "months", "then"),
        [
            ("2026-01-31 09:00", 1, "2026-02-28 09:00"),
            ("2027-12-31 00:00", 2, "2028-02-29 00:00"),
            ("2026-11-15 08:30", 60, "2031-11-15 08:30"),
            ("2026-12-01 00:00", 12, "2027-12-01 00:00"),
        ],
    )
    def test_is_the_same_day_and_time_here(self, moment: str, months: int, then: str) -> None:
        assert months_later(here(moment).astimezone(UTC), months) == here(then)

    def test_of_an_hour_that_is_skipped_or_comes_twice_it_is_one_moment(self) -> None:
        skipped = months_later(datetime(2026, 1, 29, 1, 30, tzinfo=UTC), 2)
        twice = months_later(datetime(2026, 9, 25, 0, 30, tzinfo=UTC), 1)

        assert skipped == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 3:30 here
        assert twice == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


class TestBeginning:
    def test_use_at_a_price_with_a_term_begins_one(self, use: Use, price: Price) -> None:
        use.start(day(3, 14), disk(100), Meter(SMALL, Decimal(1)))

        term = use.term
        assert (term.price, term.sku, term.quantity) == (price, price.sku, 100)
        assert (term.started_at, term.ends_at) == (day(3, 14), day(3, 14, year=2027))
        assert use.spans(unused=True) == []
        assert [span.term for span in use.resource.spans.order_by("pk")] == [term, None]

    def test_the_nearest_price_says_whether(self, use: Use, organization: Organization) -> None:
        """Theirs has none, so nothing is due any longer than it is used."""
        set_price("0.2", sku=DISK, unit="gib_month", organization=organization)

        use.start(day(3), disk(100))
        use.end(day(4))

        assert not MinimumTerm.objects.exists()
        assert use.spans(unused=True) == []

    def test_what_is_in_use_when_the_price_gets_a_term_has_none(self, use: Use) -> None:
        set_price("40", sku=LARGE, until=day(6))
        set_price("40", sku=LARGE, since=day(6), minimum_months=12)
        use.start(day(3), Meter(LARGE, Decimal(1)))

        use.change(day(7), Meter(LARGE, Decimal(2)))
        use.end(day(8))
        use.start(day(9), Meter(LARGE, Decimal(2)))
        use.end(day(10))

        assert not MinimumTerm.objects.exists()

    def test_what_was_not_agreed_binds_nobody(self, use: Use) -> None:
        """The price got its term after this was ordered, or nobody ordered it."""
        use.start(day(3), disk(100), agreed={})
        use.change(day(4), Meter(LARGE, Decimal(1)), agreed={SMALL: 12})
        use.end(day(5))

        assert not MinimumTerm.objects.exists()
        assert use.spans(unused=True) == []

    @pytest.mark.parametrize(("agreed", "ends_at"), [(6, day(9, 3)), (24, day(3, 3, year=2027))])
    def test_no_term_is_longer_than_was_agreed_or_than_the_price_has(
        self, use: Use, agreed: int, ends_at: datetime
    ) -> None:
        use.start(day(3, 3), disk(100), agreed={DISK: agreed})

        assert use.term.ends_at == ends_at

    def test_a_message_that_comes_twice_begins_one_term(self, use: Use) -> None:
        for _time in range(2):
            use.start(day(3), disk(100))
        for _time in range(2):
            use.end(day(4))

        assert use.term.ends_at == day(3, year=2027)
        assert use.spans(unused=True) == [(100, day(4), day(3, year=2027))]

    def test_use_of_no_second_owes_nothing(self, use: Use) -> None:
        """A delivery that was undone before anybody could use it."""
        use.start(day(3), disk(100))
        use.end(day(3))

        assert use.term.ends_at == use.term.started_at
        assert use.spans(unused=True) == []

        use.start(day(4), disk(100))

        assert [term.ends_at for term in use.resource.terms.order_by("pk")] == [
            day(3),
            day(4, year=2027),
        ]


class TestUnused:
    def test_what_ends_early_is_due_until_the_end_of_the_term(self, use: Use) -> None:
        use.start(day(3), disk(100))
        use.end(day(5))

        assert use.spans(unused=False) == [(100, day(3), day(5))]
        assert use.spans(unused=True) == [(100, day(5), day(3, year=2027))]

    def test_of_a_smaller_one_the_rest_is_due(self, use: Use) -> None:
        use.start(day(3), disk(100))
        use.change(day(5), disk(30))

        assert use.spans(unused=True) == [(70, day(5), day(3, year=2027))]

        use.change(day(6), disk(80))
        use.change(day(7), disk(150))
        use.change(day(8), disk(100))
        use.end(day(9))

        assert use.spans(unused=True) == [
            (70, day(5), day(6)),
            (20, day(6), day(7)),
            (100, day(9), day(3, year=2027)),
        ]

    def test_what_comes_back_is_used_again(self, use: Use) -> None:
        use.start(day(3), disk(100))
        use.end(day(5))
        use.start(day(6), disk(100))

        assert use.spans(unused=True) == [(100, day(5), day(6))]
        assert use.spans(unused=False)[1:] == [(100, day(6), None)]
        assert {span.term for span in use.resource.spans.all()} == {use.term}

    def test_another_size_owes_both_until_it_goes_back(self, use: Use) -> None:
        use.start(day(3), disk(100))
        use.change(day(5), Meter(SMALL, Decimal(1)))
        use.change(day(6), disk(100))

        assert use.spans(unused=True) == [(100, day(5), day(6))]

    def test_after_the_term_use_ends_when_it_ends(self, use: Use) -> None:
        use.start(day(3), disk(100))
        use.change(day(4, year=2027), disk(50))
        use.end(day(5, year=2027))

        assert use.spans(unused=True) == []
        assert list(use.resource.spans.order_by("pk").values_list("term", flat=True)) == [
            use.term.pk,
            None,
        ]

    def test_nobody_takes_it_for_use(self, use: Use) -> None:
        use.start(day(3), disk(100))
        use.end(day(5))

        assert metered_now([use.public_id]) == set()
        assert gib_metered_now(use.cloud, ["volume"]) == {}
        found = spans_within(use.cloud, ["volume"], Period(day(1), day(12)))
        assert [(span.started_at, span.ended_at) for span in found] == [(day(3), day(5))]


class TestWhatNeverCame:
    """Two disks that were ordered as one."""

    @pytest.fixture
    def other(self, project: Project, use: Use) -> Use:
        return Use(project)

    def test_nothing_is_due_of_it_that_was_not_used(self, use: Use, other: Use) -> None:
        use.start(day(3), disk(100))
        other.start(day(3), disk(100))
        use.change(day(4), disk(30))
        use.end(day(5))
        both = [use.public_id, other.public_id]

        for _message in range(2):
            other.end(day(6), never_came=both)

        assert use.spans(unused=False) == [(100, day(3), day(4)), (30, day(4), day(5))]
        assert other.spans(unused=False) == [(100, day(3), day(6))]
        for one in (use, other):
            assert all(start == end for _quantity, start, end in one.spans(unused=True))

    def test_what_is_still_used_goes_on(self, use: Use, other: Use) -> None:
        use.start(day(3), disk(100))
        other.start(day(3), disk(100))
        use.change(day(4), disk(30))
        both = [use.public_id, other.public_id]

        other.end(day(6), never_came=both)
        assert use.spans(unused=False)[-1] == (30, day(4), None)
        use.end(day(5), never_came=both)

        assert use.spans(unused=False)[-1] == (30, day(4), day(5))
        assert all(start == end for _quantity, start, end in use.spans(unused=True))


class TestTheDatabaseKeepsIt:
    def test_a_term_never_changes(self, use: Use) -> None:
        use.start(day(3), disk(100))

        for change in ({"quantity": 1}, {"ends_at": day(4)}, {"ends_at": day(3)}):
            with pytest.raises(IntegrityError, match="minimum term"), transaction.atomic():
                MinimumTerm.objects.update(**change)
        with pytest.raises(IntegrityError, match="minimum term"), transaction.atomic():
            MinimumTerm.objects.all()._raw_delete("default")

    def test_a_term_is_of_a_price_that_has_one(self, use: Use) -> None:
        use.start(day(3), disk(100))
        other = set_price("1", sku=LARGE)

        with pytest.raises(IntegrityError, match="minimum term"), transaction.atomic():
            MinimumTerm.objects.create(
                resource=use.resource,
                sku=other.sku,
                price=other,
                quantity=1,
                started_at=day(3),
                ends_at=day(4),
            )

    def test_two_terms_of_one_thing_never_overlap(self, use: Use, price: Price) -> None:
        use.start(day(3), disk(100))

        with pytest.raises(IntegrityError, match="minimum_term_one"), transaction.atomic():
            MinimumTerm.objects.create(
                resource=use.resource,
                sku=price.sku,
                price=price,
                quantity=1,
                started_at=day(4),
                ends_at=day(5),
            )

    @pytest.mark.parametrize(
        ("changes", "refusal"),
        [
            ({"started_at": day(2)}, "begins in it"),
            ({"started_at": day(4, year=2027), "ended_at": day(5, year=2027)}, "begins in it"),
            ({"ended_at": day(4, year=2027)}, "begins in it"),
            ({"term": None}, "unused_is_of_a_term"),
            ({"ended_at": None}, "begins in it"),
            ({"is_beginning": True}, "unused_is_of_a_term"),
        ],
    )
    def test_what_is_unused_is_of_its_term(
        self, use: Use, price: Price, changes: dict[str, Any], refusal: str
    ) -> None:
        use.start(day(3), disk(100))
        facts = {
            "resource": use.resource,
            "sku": price.sku,
            "quantity": 1,
            "term": use.term,
            "is_unused": True,
            "is_beginning": False,
            "started_at": day(4),
            "ended_at": day(5),
        }

        with pytest.raises(IntegrityError, match=refusal), transaction.atomic():
            UsageSpan.objects.create(**{**facts, **changes})

    def test_what_is_unused_is_only_ever_cut(self, use: Use) -> None:
        use.start(day(3), disk(100))
        use.end(day(5))
        unused = UsageSpan.objects.filter(is_unused=True)

        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            unused.update(ended_at=day(4, year=2027))
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            unused.update(is_unused=False)
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            unused.update(term=None)
        unused.update(ended_at=day(6))
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            UsageSpan.objects.filter(is_unused=False).update(ended_at=day(4))
