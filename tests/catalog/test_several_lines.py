"""An order for several things: all of it or nothing, and each line goes its own way afterwards."""

import threading
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.utils.timezone import localdate, now
from hypothesis import given
from hypothesis import strategies as st

from billing.models import Budget
from catalog.errors import ConditionsChanged, LineRefused, NameTaken
from catalog.models import (
    ORDER_TRANSITIONS,
    Metric,
    Order,
    OrderState,
    Quota,
    QuotaClaim,
    ResourceState,
)
from catalog.quota_errors import QuotaExceeded
from catalog.services import orders
from catalog.services.approvals import approve_order
from catalog.services.conditions import changed_conditions
from catalog.services.limits import set_limit
from catalog.services.order_lines import MOST_LINES
from catalog.services.order_states import LineState, line_state, state_of_lines
from catalog.services.orders import withdraw_order
from catalog.services.preview import preview_of_order
from catalog.services.quota_checks import find_differences
from catalog.services.quotas import claim_quota
from portal.cloud.models import Flavor
from portal.core.calendar import end_of_day
from portal.core.errors import InvalidInput
from tests.factories import SPEC, asked, place_lines
from tests.races import at_once

pytestmark = pytest.mark.django_db


def claimed(project, metric=Metric.SERVERS):
    return Quota.objects.get(node=project, metric=metric).claimed


def limit_to(project, metric, amount):
    set_limit(project, metric, Decimal(amount), valid_from=now(), actor=None)


class TestPlacing:
    def test_all_lines_are_claimed_and_priced_together(self, requester, project, version):
        order = place_lines(requester, project, asked(version, "web-01"), asked(version, "web-02"))

        assert [line.name for line in order.lines.all()] == ["web-01", "web-02"]
        assert order.monthly_price == 2 * Decimal("41.8")
        assert claimed(project) == 2

    def test_it_is_decided_on_before_the_first_end_date(self, requester, project, version):
        soon = localdate() + timedelta(days=2)
        order = place_lines(
            requester, project, asked(version, "web-01"), asked(version, "web-02", end_date=soon)
        )

        assert order.expires_at == end_of_day(soon)

    def test_the_line_that_does_not_fit_is_named_and_nothing_is_ordered(
        self, requester, project, version
    ):
        limit_to(project, Metric.SERVERS, 1)

        with pytest.raises(LineRefused, match=r"“web-02” .*0 van 1 vrij voor Servers") as refusal:
            place_lines(requester, project, asked(version, "web-01"), asked(version, "web-02"))

        assert isinstance(refusal.value.refusal, QuotaExceeded)
        assert refusal.value.field == "lines.2"
        assert not Order.objects.exists()
        assert not QuotaClaim.objects.exists()
        assert claimed(project) == 0

    def test_two_lines_have_two_names(self, requester, project, version):
        with pytest.raises(LineRefused) as refusal:
            place_lines(requester, project, asked(version, "web"), asked(version, "web"))

        assert isinstance(refusal.value.refusal, NameTaken)
        assert refusal.value.field == "lines.2.name"

    def test_what_is_wrong_in_several_lines_is_said_at_once(self, requester, project, version):
        with pytest.raises(InvalidInput) as refusal:
            place_lines(
                requester,
                project,
                asked(version, "NO"),
                asked(version, "web-02", spec={**SPEC, "volume_gib": 1}),
            )

        assert set(refusal.value.errors) == {"lines.1.name", "lines.2.volume_gib"}

    @pytest.mark.parametrize("count", [0, MOST_LINES + 1])
    def test_there_is_a_least_and_a_most(self, requester, project, version, count):
        with pytest.raises(InvalidInput) as refusal:
            place_lines(
                requester, project, *[asked(version, f"web-{number}") for number in range(count)]
            )

        assert set(refusal.value.errors) == {"lines"}

    def test_same_key_gives_the_same_order(self, requester, project, version):
        lines = [asked(version, "web-01"), asked(version, "web-02")]

        first = place_lines(requester, project, *lines, key="k-1")
        second = place_lines(requester, project, *lines, key="k-1")

        assert first == second
        assert claimed(project) == 2

    def test_withdrawing_frees_all_of_it(self, requester, project, version):
        order = place_lines(requester, project, asked(version, "web-01"), asked(version, "web-02"))

        withdraw_order(order.public_id, actor=requester)

        assert claimed(project) == 0
        assert find_differences() == []


class TestDeciding:
    def test_the_budget_is_that_of_all_lines(self, requester, project, version):
        Budget.objects.create(node=project, year=localdate().year, amount=5000)
        order = place_lines(requester, project, asked(version, "web-01"), asked(version, "web-02"))
        alone = preview_of_order(order).budget.asked / 2
        Budget.objects.update(amount=alone * Decimal("1.5"))

        (change,) = changed_conditions(order)
        assert "budget" in change

    def test_the_line_that_got_worse_is_named(self, requester, approver, project, version):
        order = place_lines(requester, project, asked(version, "web-01"), asked(version, "web-02"))
        Flavor.objects.update(gone_at=now())

        with pytest.raises(ConditionsChanged, match=r"web-01: .*gp\.small.*; web-02: "):
            approve_order(order.public_id, approver=approver)

    def test_it_makes_a_resource_for_each_line(self, requester, approver, project, version):
        order = place_lines(requester, project, asked(version, "web-01"), asked(version, "web-02"))

        approve_order(order.public_id, approver=approver)

        assert [line.resource.state for line in order.lines.all()] == [
            ResourceState.PROVISIONING,
            ResourceState.PROVISIONING,
        ]


STATES = st.lists(st.sampled_from(LineState), min_size=1)


class TestStateOfLines:
    @given(STATES)
    def test_what_stopped_asks_for_a_person_and_else_what_moves_counts(self, lines):
        state = state_of_lines(lines)

        assert (state == OrderState.FAILED) == (LineState.STOPPED in lines)
        if LineState.STOPPED not in lines:
            assert (state == OrderState.PROVISIONING) == (LineState.UNDER_WAY in lines)
        assert (state == OrderState.CANCELED) == (set(lines) == {LineState.UNDONE})

    @given(STATES)
    def test_the_order_of_lines_does_not_matter(self, lines):
        assert state_of_lines(lines) == state_of_lines(lines[::-1])

    @given(STATES, st.data())
    def test_wherever_one_line_goes_the_order_may_follow(self, lines, data):
        ways = {
            LineState.UNDER_WAY: [LineState.STOPPED, LineState.DELIVERED],
            LineState.STOPPED: [LineState.UNDER_WAY, LineState.UNDONE],
            LineState.DELIVERED: [LineState.DELIVERED],
            LineState.UNDONE: [LineState.UNDONE],
        }
        number = data.draw(st.integers(0, len(lines) - 1))
        after = list(lines)
        after[number] = data.draw(st.sampled_from(ways[lines[number]]))

        before, target = state_of_lines(lines), state_of_lines(after)
        assert target == before or target in ORDER_TRANSITIONS[before]

    @pytest.mark.parametrize("state", [ResourceState.RETIRING, ResourceState.RETIRED])
    def test_what_was_delivered_once_stays_delivered(self, state):
        assert line_state(state, now()) == LineState.DELIVERED
        assert line_state(state, None) != LineState.DELIVERED


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    """Two people ask for the same things, each in another order."""

    @pytest.fixture
    def both(self, requester, project, version, disk, monkeypatch):
        """Has the disk claimed first by one of them, before the other begins with its server."""
        disk_is_claimed, never = threading.Event(), threading.Event()
        server = asked(version, "web-01")
        store = asked(disk, "data-01", spec={"volume_gib": 5})

        def claim(project, demand, **terms):
            is_disk = Metric.SERVERS not in demand
            if not is_disk:
                disk_is_claimed.wait(timeout=1)
            held = claim_quota(project, demand, **terms)
            if is_disk and not disk_is_claimed.is_set():
                disk_is_claimed.set()
                never.wait(timeout=1)
            return held

        monkeypatch.setattr(orders, "claim_quota", claim)
        return lambda: at_once(
            partial(place_lines, requester, project, server, store),
            partial(place_lines, requester, project, store, server),
        )

    def test_neither_waits_for_the_other_for_ever(self, both):
        assert sorted(both()) == ["LineRefused", "done"]
        assert find_differences() == []

    def test_the_race_is_real_when_the_counters_are_locked_line_by_line(self, both, monkeypatch):
        monkeypatch.setattr(orders, "lock_counters", lambda project, demands: None)

        assert "OperationalError" in both()
