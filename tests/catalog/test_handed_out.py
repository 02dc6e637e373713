"""A level hands out no more than it has, at any moment, unless an administrator says so."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from hypothesis import given, strategies

from catalog.models import LimitChange, Metric, Quota, QuotaLimit
from catalog.quota_errors import LimitsRefused
from catalog.services.governing import change_limits
from catalog.services.handed_out import Balance, Excess, _Held, _steps, find_excess
from catalog.services.limits import NewLimit, allow_overcommit, set_limit, set_limits
from catalog.services.tree import move_node
from portal.core.errors import NotAllowed
from portal.identity.models import Role
from tests.factories import (
    PersonFactory,
    administrator_of,
    grant,
    make_organization,
    make_project,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ministry():
    made = make_organization(name="Ministerie")
    give(made, 10)
    return made


@pytest.fixture
def projects(ministry):
    return [make_project(ministry, name=name) for name in ("Een", "Twee", "Drie")]


def give(node, amount, *, start=None, end=None):
    return set_limit(
        node,
        Metric.SERVERS,
        None if amount is None else Decimal(amount),
        valid_from=start or now(),
        valid_until=end,
        actor=None,
    )


def refuse(node, amount, **period):
    """It is refused, and nothing changed."""
    before = list(QuotaLimit.objects.order_by("pk").values())
    with pytest.raises(LimitsRefused) as refused, transaction.atomic():
        give(node, amount, **period)
    assert list(QuotaLimit.objects.order_by("pk").values()) == before
    return str(refused.value)


_MOMENTS = [datetime(2027, 1, day, tzinfo=UTC) for day in range(1, 13)]
_PERIODS = strategies.lists(
    strategies.tuples(
        strategies.one_of(strategies.none(), strategies.integers(0, 9)),
        strategies.integers(0, 10),
        strategies.one_of(strategies.none(), strategies.integers(1, 5)),
    ),
    max_size=8,
)


@given(_PERIODS)
def test_one_walk_finds_what_holds_at_each_moment(periods):
    """Beside a reckoning that looks at every limit for every moment."""
    handed = [
        _Held(
            None if amount is None else Decimal(amount),
            _MOMENTS[begin],
            None if days is None else _MOMENTS[begin] + timedelta(days=days),
        )
        for amount, begin, days in periods
    ]
    own = [_Held(Decimal(7), _MOMENTS[2], _MOMENTS[5]), _Held(None, _MOMENTS[5], _MOMENTS[8])]

    excess = Excess(_steps(handed, own, _MOMENTS[0]))

    for moment in _MOMENTS:
        amounts = [one.amount for one in handed if holds(one, moment)]
        limits = [one.amount for one in own if holds(one, moment)]
        assert excess.at(moment) == Balance(
            unlimited=amounts.count(None),
            finite=sum((amount for amount in amounts if amount is not None), Decimal(0)),
            limit=limits[0] if limits else Decimal(0),
        )
    assert list(excess.moments) == sorted(excess.moments)


def holds(one, moment):
    return one.since <= moment and (one.until is None or one.until > moment)


def test_limits_that_are_over_are_not_read(ministry, projects):
    since = now() - timedelta(days=100)
    for number in range(20):
        begin = since + timedelta(days=number)
        give(projects[0], 1, start=begin, end=begin + timedelta(hours=1))
    give(projects[0], 2)

    with CaptureQueriesContext(connection) as captured:
        excess = find_excess([(ministry.pk, Metric.SERVERS)])

    assert list(excess[ministry.pk, Metric.SERVERS].moments.values()) == [
        Balance(finite=Decimal(2), limit=Decimal(10))
    ]
    read = [query["sql"] for query in captured if "catalog_quotalimit" in query["sql"]]
    assert all("valid_until" in sql.split("WHERE")[1] for sql in read)


def test_as_much_as_there_is_and_no_more(projects):
    give(projects[0], 6)
    give(projects[1], 4)

    assert "zou 11 van 10 uitdelen voor Servers" in refuse(projects[2], 1)
    assert LimitChange.objects.count() == 3


def test_a_parent_does_not_take_back_what_it_handed_out(ministry, projects):
    give(projects[0], 6)

    assert "zou 6 van 5 uitdelen" in refuse(ministry, 5)
    give(ministry, 6)


def test_without_a_limit_there_is_nothing_to_hand_out(projects):
    bare = make_project(make_organization(), name="Los")

    assert "zou 1 van 0 uitdelen" in refuse(bare, 1)
    give(bare, 0)


def test_unlimited_is_more_than_any_limit(ministry, projects):
    assert "zou Onbeperkt van 10 uitdelen" in refuse(projects[0], None)
    give(ministry, None)
    give(projects[0], None)


def test_parent_and_child_change_at_once(ministry, projects):
    both = [
        NewLimit(node=node, metric=Metric.SERVERS, amount=Decimal(20), valid_from=now())
        for node in (projects[0], ministry)
    ]

    set_limits(both, actor=None)

    assert set(Quota.objects.values_list("limit_now", flat=True)) == {Decimal(20)}


class TestTime:
    def test_a_limit_of_later_counts_from_then_on(self, projects):
        later = now() + timedelta(days=30)
        give(projects[0], 8, start=later)

        assert "Vanaf" in refuse(projects[1], 3)
        give(projects[1], 3, end=later)

    def test_what_a_parent_has_for_a_time_it_hands_out_for_that_time(self, ministry, projects):
        end = now() + timedelta(days=30)
        give(ministry, 30, end=end)

        assert "Vanaf" in refuse(projects[0], 25)
        give(projects[0], 25, end=end)


class TestOvercommit:
    def test_an_administrator_allows_it(self, ministry, projects):
        allow_overcommit(ministry, Metric.SERVERS, is_allowed=True, actor=None)

        for project in projects:
            give(project, 10)

    def test_taken_away_it_becomes_no_worse(self, ministry, projects):
        allow_overcommit(ministry, Metric.SERVERS, is_allowed=True, actor=None)
        give(projects[0], 20)
        allow_overcommit(ministry, Metric.SERVERS, is_allowed=False, actor=None)

        refuse(projects[1], 1)
        refuse(ministry, 9)
        give(projects[0], 19)
        give(ministry, 15)

    def test_what_is_unlimited_hides_nothing_of_the_others(self, ministry, projects):
        allow_overcommit(ministry, Metric.SERVERS, is_allowed=True, actor=None)
        give(projects[0], None)
        allow_overcommit(ministry, Metric.SERVERS, is_allowed=False, actor=None)

        refuse(projects[1], None)
        refuse(projects[1], 11)
        give(projects[1], 10)
        refuse(ministry, 9)


class TestMovedMeanwhile:
    """The tree may change between reading a part and setting its limit."""

    @pytest.fixture
    def elsewhere(self, ministry):
        return make_organization(ministry, name="Elders")

    def test_room_is_that_of_where_it_stands_now(self, ministry, projects, elsewhere):
        stale = projects[0]
        move_node(stale.public_id, new_parent=elsewhere.public_id, actor=administrator_of(ministry))

        assert "“Elders” zou 1 van 0 uitdelen" in refuse(stale, 1)

    def test_who_governed_it_does_no_longer(self, ministry, elsewhere):
        place = make_organization(ministry, name="Directie")
        give(place, 5)
        project = make_project(place, name="Verhuist")
        person = PersonFactory()
        grant(person, Role.QUOTA_ADMINISTRATOR, place)
        move_node(
            project.public_id, new_parent=elsewhere.public_id, actor=administrator_of(ministry)
        )
        new = NewLimit(node=project, metric=Metric.SERVERS, amount=Decimal(1), valid_from=now())

        with pytest.raises(NotAllowed):
            change_limits([new], reason="Groei", actor=person)
