"""The term is over: stopped, later cleaned up, and nobody who renewed or protected is overtaken."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils.timezone import now

from catalog.models import (
    ClaimState,
    Ending,
    EndingState,
    Operation,
    OperationKind,
    OperationState,
    Order,
    Resource,
    ResourceState,
)
from catalog.services import end_dates
from catalog.services.approvals import reject_order
from catalog.services.changes import place_change
from catalog.services.operations import abandon_operation
from catalog.services.orders import expire_orders, withdraw_order
from catalog.services.protection import protect_resource, unprotect_resource
from catalog.services.resources import act_on_resource
from portal.audit.models import AuditEntry
from portal.cloud.ports import CloudRefused, CloudUnavailable
from tests.catalog.end_dates.conftest import (
    LAST_DAY,
    acts_on,
    after,
    before,
    ending_of,
    reminders_of,
    until,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
GRACE = 14


def plans(resource):
    return [operation.plan for operation in acts_on(resource)]


def state_of(resource):
    resource.refresh_from_db()
    return resource.state


class TestInTime:
    def test_on_the_last_day_it_is_left_alone(self, strike, server):
        strike(after(0))

        assert acts_on(server) == []
        assert not Ending.objects.exists()

    def test_the_day_after_it_is_stopped(self, strike, server, cloud):
        strike(after(1))

        (stop,) = acts_on(server)
        assert (stop.plan, stop.state) == ("server.act.stop", OperationState.SUCCEEDED)
        assert (stop.requested_by, stop.queue) == (None, "bulk")
        server.refresh_from_db()
        assert (server.state, server.facts["status"]) == (ResourceState.ACTIVE, "SHUTOFF")
        assert ending_of(server).stop == stop
        assert ending_of(server).clean_up_on == LAST_DAY + (GRACE + 1) * DAY

    def test_within_the_grace_nothing_more_happens_and_it_is_paid(self, strike, server):
        for days in range(1, GRACE + 1):
            strike(after(days))

        assert plans(server) == ["server.act.stop"]
        assert server.claim.state == ClaimState.COMMITTED

    def test_after_the_grace_it_goes_with_its_quota(self, strike, server, cloud):
        strike(after(1))
        strike(after(GRACE + 1))

        *_, retirement = acts_on(server)
        assert retirement.kind == OperationKind.RETIRE
        assert (retirement.requested_by, retirement.queue) == (None, "bulk")
        assert state_of(server) == ResourceState.RETIRED
        server.claim.refresh_from_db()
        assert server.claim.state == ClaimState.RELEASED
        assert server.cloud_ids["server"] not in cloud.things
        assert ending_of(server).state == EndingState.CLEANED_UP

    @pytest.mark.parametrize("version", [3], indirect=True)
    def test_the_grace_is_that_of_the_offering(self, strike, version, server):
        strike(after(1))
        strike(after(3))
        assert state_of(server) == ResourceState.ACTIVE

        strike(after(4))
        assert state_of(server) == ResourceState.RETIRED

    def test_everything_stands_in_the_trail_as_done_by_nobody(self, strike, server):
        strike(before(30))
        strike(after(1))
        strike(after(GRACE + 1))

        entries = AuditEntry.objects.filter(subject_public_id=server.public_id)
        events = [entry.event for entry in entries.order_by("at", "id")]
        wanted = ["resource.end_reminded", "resource.term_ended", "resource.retirement_requested"]
        assert [event for event in events if event in wanted] == wanted
        assert {entry.actor_id for entry in entries.filter(event__in=wanted)} == {None}

    def test_without_an_end_date_nothing_ends(self, strike, server):
        until(None, server)
        strike(after(1000))

        assert acts_on(server) == []

    def test_what_is_off_already_is_not_stopped_again(self, engine, strike, server, requester):
        engine.call(act_on_resource, server.public_id, action="stop", actor=requester)
        engine.run()
        strike(after(1))

        assert plans(server) == ["server.act.stop"]
        assert ending_of(server).stop is None
        strike(after(GRACE + 1))
        assert state_of(server) == ResourceState.RETIRED

    def test_a_kind_without_a_stop_only_gets_its_grace(self, strike, server, monkeypatch):
        monkeypatch.setattr("catalog.kinds.server.Server.ends_with", "")
        strike(after(1))
        assert acts_on(server) == []
        assert ending_of(server).handled_at

        strike(after(GRACE + 1))
        assert state_of(server) == ResourceState.RETIRED


class TestWaitsForADecision:
    @pytest.fixture
    def renew(self, server, requester):
        """Asks for another last day."""

        def ask(last_day):
            order, _ = place_change(
                requested_by=requester,
                resource=server,
                answers={},
                end_date=last_day,
                purpose="Nog een maand",
                idempotency_key="renewal",
            )
            return order

        return ask

    @pytest.fixture
    def end(self, requester, approver):
        """Lets a renewal come to nothing, in one of the ways there are."""

        def withdraw(order):
            withdraw_order(order.public_id, actor=requester)

        def reject(order):
            reject_order(order.public_id, approver=approver, reason="Te duur")

        def expire(order):
            Order.objects.filter(pk=order.pk).update(expires_at=now())
            assert expire_orders() == 1

        return {"withdrawn": withdraw, "rejected": reject, "expired": expire}

    @pytest.mark.parametrize("last_day", [LAST_DAY + 30 * DAY, None])
    def test_a_renewal_that_waits_for_a_decision_holds_it_up(self, strike, server, renew, last_day):
        renew(last_day)
        strike(after(1))
        strike(after(GRACE + 1))

        assert state_of(server) == ResourceState.ACTIVE

    @pytest.mark.parametrize("how", ["withdrawn", "rejected", "expired"])
    def test_when_it_comes_to_nothing_the_grace_begins_anew(self, strike, server, renew, end, how):
        order = renew(LAST_DAY + 30 * DAY)
        strike(after(1))
        strike(after(100))
        end[how](order)
        strike(after(100 + GRACE - 1))
        assert state_of(server) == ResourceState.ACTIVE

        strike(after(100 + GRACE))
        assert state_of(server) == ResourceState.RETIRED

    def test_an_order_for_no_longer_term_gives_no_grace(self, strike, server, renew, end):
        order = renew(LAST_DAY - 10 * DAY)
        strike(after(1))
        end["withdrawn"](order)

        assert ending_of(server).clean_up_on == LAST_DAY + (GRACE + 1) * DAY


class TestLate:
    def test_a_clock_that_missed_three_weeks_still_gives_all_the_grace(self, strike, server):
        strike(before(40))
        strike(after(21))

        assert plans(server) == ["server.act.stop"]
        assert ending_of(server).clean_up_on == LAST_DAY + (21 + GRACE) * DAY
        strike(after(21 + GRACE - 1))
        assert state_of(server) == ResourceState.ACTIVE
        strike(after(21 + GRACE))
        assert state_of(server) == ResourceState.RETIRED

    def test_a_clock_that_missed_the_day_itself_cleans_up_once(self, strike, server):
        strike(after(1))
        strike(after(GRACE + 21))
        strike(after(GRACE + 22))

        assert plans(server) == ["server.act.stop", "server.retire"]

    def test_two_beats_do_everything_once(self, strike, server):
        for _ in range(2):
            strike(after(1), hangs=True)
        strike(after(2))

        assert plans(server) == ["server.act.stop"]
        assert Ending.objects.count() == 1

    def test_a_lost_message_is_found_by_the_sweep(self, engine, strike, server):
        strike(after(1), hangs=True)
        engine.sweep()
        engine.run()

        assert acts_on(server)[0].state == OperationState.SUCCEEDED


class TestRenewed:
    def test_in_the_grace_it_is_not_cleaned_up(self, strike, server):
        strike(after(1))
        until(LAST_DAY + 90 * DAY, server)
        strike(after(GRACE + 1))

        assert plans(server) == ["server.act.stop"]  # starting again is a person's
        assert ending_of(server).state == EndingState.WITHDRAWN
        assert AuditEntry.objects.filter(event="resource.ending_withdrawn").count() == 1

    def test_a_stop_that_was_not_carried_out_is_taken_back(self, strike, server, cloud):
        strike(after(1), hangs=True)
        until(LAST_DAY + 90 * DAY, server)
        strike(after(1))

        (stop,) = acts_on(server)
        assert (stop.state, stop.cancel_requested_by) == (OperationState.CANCELED, None)
        assert cloud.calls["stop_server"] == 0

    def test_the_new_term_has_reminders_and_an_end_of_its_own(self, strike, server):
        strike(before(1))
        strike(after(1))
        renewed = LAST_DAY + 40 * DAY
        until(renewed, server)
        for days in (2, 10, 33, 39, 41, 41 + GRACE):
            strike(after(days))

        assert reminders_of(server) == [(LAST_DAY, 1), (renewed, 30), (renewed, 7), (renewed, 1)]
        assert [ending.state for ending in Ending.objects.order_by("pk")] == [
            EndingState.WITHDRAWN,
            EndingState.CLEANED_UP,
        ]
        assert state_of(server) == ResourceState.RETIRED

    def test_what_a_person_cleaned_up_is_not_withdrawn(self, strike, server, retire, engine):
        strike(after(1))
        retire(server)
        engine.run()
        strike(after(2))

        assert ending_of(server).state == EndingState.CLEANED_UP


class TestBusy:
    @pytest.fixture
    def rebooting(self, engine, server, requester):
        return engine.call(act_on_resource, server.public_id, action="reboot", actor=requester)

    def test_other_work_goes_first_and_the_grace_runs(self, engine, strike, server, rebooting):
        strike(after(1), hangs=True)
        assert plans(server) == ["server.act.reboot"]
        assert ending_of(server).handled_at is None

        engine.run()
        strike(after(2))
        assert plans(server) == ["server.act.reboot", "server.act.stop"]
        assert ending_of(server).clean_up_on == LAST_DAY + (GRACE + 1) * DAY

    def test_what_is_busy_is_cleaned_up_later(self, engine, strike, server, requester):
        strike(after(1))
        engine.call(act_on_resource, server.public_id, action="start", actor=requester)
        strike(after(GRACE + 1), hangs=True)
        assert state_of(server) == ResourceState.ACTIVE

        engine.run()
        strike(after(GRACE + 2))
        assert state_of(server) == ResourceState.RETIRED

    def test_a_stop_that_failed_waits_for_a_person(self, strike, server, cloud, requester):
        cloud.fail_next("stop_server", CloudRefused("policy does not allow this"))
        strike(after(1))
        strike(after(GRACE + 5))
        (stop,) = acts_on(server)
        assert stop.state == OperationState.FAILED
        assert state_of(server) == ResourceState.ACTIVE

        abandon_operation(stop.public_id, actor=requester)
        strike(after(GRACE + 6))
        assert state_of(server) == ResourceState.RETIRED

    def test_a_cloud_that_is_busy_is_asked_later(self, strike, server, cloud):
        cloud.fail_next("delete_server", CloudUnavailable("in use", status=409))
        strike(after(1))
        strike(after(GRACE + 1))

        assert state_of(server) == ResourceState.RETIRED

    def test_what_the_cloud_refuses_to_let_go_waits_for_a_person(self, strike, server, cloud):
        strike(after(1))
        cloud.fail_next("delete_server", CloudRefused("locked"))
        strike(after(GRACE + 1))
        strike(after(GRACE + 2))

        assert state_of(server) == ResourceState.RETIRING
        assert Operation.objects.get(kind=OperationKind.RETIRE).state == OperationState.FAILED


class TestHangs:
    """Somebody's work failed, and nobody looks at it."""

    @pytest.fixture
    def fails(self, engine, server, requester, cloud):
        """Has an action fail, and returns its operation."""

        def ask(action):
            cloud.fail_next(f"{action}_server", CloudRefused("policy does not allow this"))
            operation = engine.call(
                act_on_resource, server.public_id, action=action, actor=requester
            )
            engine.run()
            operation.refresh_from_db()
            assert operation.state == OperationState.FAILED
            return operation

        return ask

    def test_an_action_that_failed_is_given_up_before_the_stop(self, fails, strike, server):
        reboot = fails("reboot")
        strike(after(1))

        reboot.refresh_from_db()
        assert reboot.state == OperationState.ABANDONED
        left = AuditEntry.objects.get(event="operation.abandoned")
        assert (left.subject_public_id, left.actor_id) == (reboot.public_id, None)
        assert ending_of(server).stop.state == OperationState.SUCCEEDED
        strike(after(GRACE + 1))
        assert state_of(server) == ResourceState.RETIRED

    def test_what_failed_in_the_grace_does_not_keep_it(self, fails, strike, server):
        strike(after(1))
        start = fails("start")
        strike(after(GRACE))
        start.refresh_from_db()
        assert start.state == OperationState.FAILED  # who wants it may still have it tried again

        strike(after(GRACE + 1))
        start.refresh_from_db()
        assert start.state == OperationState.ABANDONED
        assert state_of(server) == ResourceState.RETIRED

    def test_until_its_end_it_is_left_to_people(self, fails, strike):
        reboot = fails("reboot")
        strike(after(0))

        reboot.refresh_from_db()
        assert reboot.state == OperationState.FAILED


class TestProtected:
    def test_it_stays_stopped_and_is_not_cleaned_up(self, strike, server, requester):
        protect_resource(server.public_id, actor=requester)
        strike(after(1))
        strike(after(1000))

        assert plans(server) == ["server.act.stop"]
        assert state_of(server) == ResourceState.ACTIVE

    def test_without_protection_the_grace_begins_anew(self, strike, server, requester):
        protect_resource(server.public_id, actor=requester)
        strike(after(1))
        strike(after(100))
        unprotect_resource(server.public_id, actor=requester)
        strike(after(100 + GRACE - 1))
        assert state_of(server) == ResourceState.ACTIVE

        strike(after(100 + GRACE))
        assert state_of(server) == ResourceState.RETIRED


def test_trouble_with_one_keeps_no_other_waiting(strike, server, deliver, monkeypatch):
    other = until(LAST_DAY, deliver())
    begin = end_dates._begin_ending

    def fail(resource, *arguments):
        if resource == server:
            raise RuntimeError("no luck")
        return begin(resource, *arguments)

    monkeypatch.setattr(end_dates, "_begin_ending", fail)
    with pytest.raises(ExceptionGroup):
        strike(after(1))

    assert [ending.resource for ending in Ending.objects.all()] == [other]


def test_looking_costs_the_same_however_much_there_is(
    strike, server, deliver, django_assert_num_queries
):
    until(LAST_DAY, deliver())
    strike(before(100))
    with django_assert_num_queries(10):
        strike(before(99), hangs=True)
    Resource.objects.update(end_date=LAST_DAY + 365 * DAY)
    with django_assert_num_queries(10):
        strike(before(98), hangs=True)
