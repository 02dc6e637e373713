"""A level hands out no more than it has, at any moment, unless an administrator says so."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils.timezone import now

from catalog.models import LimitChange, Metric, Quota, QuotaLimit
from catalog.quota_errors import LimitsRefused
from catalog.services.governing import change_limits
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
