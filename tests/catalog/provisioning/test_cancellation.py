"""Stopping at any moment: a delivery is undone, an action is left as it is."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.utils.timezone import now

from billing.models import UsageSpan
from catalog.errors import NotCancelable
from catalog.kinds.base import Done
from catalog.models import (
    ClaimState,
    Operation,
    OperationKind,
    OperationState,
    OrderState,
    ResourceState,
    Step,
    StepState,
)
from catalog.provisioning import claims
from catalog.provisioning.claims import Overtaken, claim_next_step, take
from catalog.provisioning.outcomes import write_outcome
from catalog.provisioning.runner import advance, carry_out
from catalog.services import cancellation
from catalog.services.approvals import approve_order
from catalog.services.resources import act_on_resource
from catalog.services.undoing import cancel_operation
from portal.audit.models import AuditEntry
from portal.cloud.ports import CloudRefused, CloudUnavailable
from tests.factories import place
from tests.races import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def cancel(engine, requester):
    def ask(operation):
        return engine.call(cancel_operation, operation.public_id, actor=requester)

    return ask


def state_of(*rows):
    for row in rows:
        row.refresh_from_db()
    return [row.state for row in rows]


def hold_port(engine, cloud, operation):
    """A worker holds the step that makes the port; nothing was asked of the cloud for it yet."""
    cloud.fail_next("create_port", CloudUnavailable("too busy"))
    while not operation.steps.get(name="port").failures:
        engine.let_delays_pass()
        engine.run_one()
    engine.let_delays_pass()
    return claim_next_step(operation.pk)


def assert_undone(cloud, order, resource):
    assert state_of(order, resource, resource.claim) == [
        OrderState.CANCELED,
        ResourceState.RETIRED,
        ClaimState.RELEASED,
    ]
    assert [cloud.count(kind) for kind in ("server", "volume", "port")] == [0, 0, 0]
    assert not UsageSpan.objects.exists()


@pytest.mark.parametrize(
    ("step", "state"),
    [
        ("project", StepState.TODO),
        ("volume", StepState.AWAITING),
        ("server", StepState.AWAITING),
        ("attachment", StepState.AWAITING),
    ],
)
def test_delivery_is_stopped_wherever_it_is(
    engine, cloud, approved, operation, resource, cancel, step, state
):
    engine.run_until(step, state)

    cancel(operation)

    assert state_of(operation) == [OperationState.CANCELED]
    assert state_of(resource) == [ResourceState.RETIRING]
    engine.run()
    assert_undone(cloud, approved, resource)
    events = set(AuditEntry.objects.values_list("event", flat=True))
    assert {"operation.cancellation_requested", "operation.canceled"} <= events
    assert "order.failed" not in events


def test_step_that_a_worker_holds_is_finished_first(
    engine, cloud, approved, operation, resource, cancel
):
    held = hold_port(engine, cloud, operation)

    cancel(operation)
    assert state_of(operation) == [OperationState.RUNNING]

    engine.call(carry_out, held)
    assert cloud.count("port") == 1
    assert state_of(operation, held.step) == [OperationState.RUNNING, StepState.DONE]

    engine.call(advance, operation.pk)
    assert state_of(operation) == [OperationState.CANCELED]
    engine.run()
    assert_undone(cloud, approved, resource)


def test_nobody_goes_on_with_what_is_to_stop(engine, cloud, operation, cancel):
    held = hold_port(engine, cloud, operation)
    cancel(operation)

    assert engine.call(write_outcome, held, Done(), goes_on=True) is None

    following = operation.steps.get(position=held.step.position + 1)
    assert state_of(operation, following) == [OperationState.RUNNING, StepState.TODO]


def test_last_step_that_comes_too_late_begins_no_costs(
    engine, cloud, approved, operation, resource, cancel
):
    engine.run_until("attachment", StepState.AWAITING)
    Step.objects.filter(name="attachment").update(state=StepState.TODO)
    engine.let_delays_pass()
    held = claim_next_step(operation.pk)
    cancel(operation)

    engine.call(write_outcome, held, Done())

    assert state_of(operation, resource) == [OperationState.RUNNING, ResourceState.PROVISIONING]
    engine.call(advance, operation.pk)
    engine.run()
    assert_undone(cloud, approved, resource)


def test_sweep_stops_what_a_dead_worker_held(engine, cloud, approved, operation, resource, cancel):
    hold_port(engine, cloud, operation)
    Step.objects.filter(name="port").update(create_intended_at=now())
    cancel(operation)
    engine.let_leases_end()
    Operation.objects.update(cancel_requested_at=now() - timedelta(seconds=10))

    engine.sweep()
    engine.run()

    assert_undone(cloud, approved, resource)
    assert operation.steps.get(name="port").outcome_unknown_at is not None


def test_worker_that_wakes_up_too_late_writes_nothing(
    engine, cloud, approved, operation, resource, cancel
):
    held = hold_port(engine, cloud, operation)
    engine.let_leases_end()
    cancel(operation)
    assert state_of(operation) == [OperationState.CANCELED]

    with pytest.raises(Overtaken):
        engine.call(carry_out, held)

    assert cloud.count("port") == 0
    engine.run()
    assert_undone(cloud, approved, resource)


def test_step_that_fails_meanwhile_needs_no_person(
    engine, cloud, approved, operation, resource, cancel
):
    held = hold_port(engine, cloud, operation)
    cancel(operation)
    cloud.fail_next("create_port", CloudRefused("no more addresses"))

    engine.call(carry_out, held)
    engine.call(advance, operation.pk)
    engine.run()

    assert state_of(operation) == [OperationState.CANCELED]
    assert_undone(cloud, approved, resource)


def test_delivery_that_failed_can_be_stopped_too(
    engine, cloud, approved, operation, resource, cancel
):
    cloud.fail_next("create_port", CloudRefused("no more addresses"))
    engine.run()

    cancel(operation)
    engine.run()

    assert_undone(cloud, approved, resource)


def test_asking_twice_is_asking_once(engine, cloud, operation, cancel):
    hold_port(engine, cloud, operation)

    cancel(operation)
    cancel(operation)

    assert AuditEntry.objects.filter(event="operation.cancellation_requested").count() == 1


def test_action_is_left_as_it_is(engine, cloud, deliver, requester, cancel):
    server = deliver()
    cloud.polls_until_settled = 10**6
    action = engine.call(act_on_resource, server.public_id, action="stop", actor=requester)
    engine.run_until("stop", StepState.AWAITING)

    cancel(action)

    assert state_of(action, server) == [OperationState.CANCELED, ResourceState.ACTIVE]
    assert not Operation.objects.filter(kind=OperationKind.COMPENSATE).exists()


def test_what_ended_or_is_being_removed_is_not_stopped(engine, resource, operation, retire, cancel):
    engine.run()
    with pytest.raises(NotCancelable):
        cancel(operation)
    removal = retire(resource)

    with pytest.raises(NotCancelable):
        cancel(removal)


@pytest.fixture
def meet(sent_tasks, cloud, requester, approver, project, version, monkeypatch):
    """A worker that looked at a step before it was stopped, and takes it while it is."""
    order = place(requester, project, version)
    approve_order(order.public_id, approver=approver)
    operation = Operation.objects.get(resource__order_line__order=order)

    def run(is_safe):
        judged, taken, held = threading.Event(), threading.Event(), []

        def judge_then_wait(operation):
            safe = is_safe(operation)
            judged.set()
            taken.wait(timeout=1)  # in vain while the lock keeps the worker outside
            return safe

        def take_once_judged(step, at):
            judged.wait(timeout=30)
            is_taken = take(step, at)
            taken.set()
            return is_taken

        monkeypatch.setattr(cancellation, "_is_safe", judge_then_wait)
        monkeypatch.setattr(claims, "take", take_once_judged)
        outcomes = at_once(
            lambda: held.append(claim_next_step(operation.pk)),
            lambda: cancel_operation(operation.public_id, actor=requester),
        )
        assert outcomes == ["done", "done"]
        return state_of(operation), held[0] is not None

    return run


def is_safe_without_a_lock(operation):
    return not operation.steps.filter(leased_until__gt=now()).exists()


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_a_worker_begins_what_was_stopped(meet):
    assert meet(is_safe_without_a_lock) == ([OperationState.CANCELED], True)


@pytest.mark.django_db(transaction=True)
def test_worker_and_who_stops_it_do_not_both_win(meet):
    assert meet(cancellation._is_safe) == ([OperationState.CANCELED], False)
