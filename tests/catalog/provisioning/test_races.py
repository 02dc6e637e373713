"""Two workers, one step: real PostgreSQL, real threads, real transactions."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.utils.timezone import now

from catalog.kinds.base import Broken, Done, Wait
from catalog.models import Operation, OperationState, Step, StepState
from catalog.provisioning import claims
from catalog.provisioning.claims import Overtaken, claim_next_step
from catalog.provisioning.context import WorkingContext
from catalog.provisioning.outcomes import (
    await_cloud,
    complete_step,
    fail_step,
    remake_or_fail,
    try_later,
)
from catalog.provisioning.polling import poll_cloud_project
from catalog.provisioning.runner import advance
from catalog.services.approvals import approve_order
from tests.catalog.provisioning.test_lost_replies import ONE_OF_EACH, counted
from tests.factories import place

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
PATIENCE = 60  # seconds


@pytest.fixture
def started(sent_tasks, cloud, requester, approver, project, version):
    """Operations of two approved orders in one project; no worker has seen them."""
    orders = [place(requester, project, version) for _ in range(2)]
    for order in orders:
        approve_order(order.public_id, approver=approver)
    return [Operation.objects.get(resource__order_line__order=order) for order in orders]


def at_once(*actions):
    """Run each action in a thread of its own; returns what they returned."""
    results = []

    def run(action):
        try:
            results.append(action())
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return results


def meeting_before(take):
    """Both rivals have looked at the step before either takes it."""
    both_looked = threading.Barrier(2, timeout=PATIENCE)

    def meet_then_take(step, at):
        both_looked.wait()
        return take(step, at)

    return meet_then_take


def take_without_condition(step, at):
    """What the conditional UPDATE replaces: it was free when we looked, so it is ours."""
    return Step.objects.filter(pk=step.pk).update(
        state=StepState.RUNNING, leased_until=at + timedelta(minutes=1)
    )


@pytest.fixture
def next_is_ordinary(started):
    """The first operation's next step makes nothing shared, so no other lock is in the way."""
    operation = started[0]
    operation.steps.filter(position__lte=4).update(state=StepState.DONE)
    return operation


def test_the_race_is_real_when_the_condition_is_taken_out(next_is_ordinary, monkeypatch):
    # Proves that the next test can fail: without the condition both rivals get the step.
    monkeypatch.setattr(claims, "take", meeting_before(take_without_condition))
    claim = lambda: claim_next_step(next_is_ordinary.pk)  # noqa: E731

    assert None not in at_once(claim, claim)


def test_only_one_of_two_workers_gets_the_step(next_is_ordinary, monkeypatch):
    monkeypatch.setattr(claims, "take", meeting_before(claims.take))
    claim = lambda: claim_next_step(next_is_ordinary.pk)  # noqa: E731

    held = [result for result in at_once(claim, claim) if result]

    assert len(held) == 1
    assert Step.objects.get(pk=held[0].step.pk).attempts == 1


def test_shared_things_are_made_by_one_operation_at_a_time(started, sent_tasks):
    first, second = started

    held = claim_next_step(first.pk)

    assert claim_next_step(second.pk) is None
    sent_tasks.clear()
    complete_step(held, Done())
    assert sent_tasks == [("catalog.run_operation", {"operation_id": second.pk})]
    assert claim_next_step(second.pk) is not None


def test_who_goes_on_gets_the_next_step_as_the_one_before_is_done(next_is_ordinary):
    held = claim_next_step(next_is_ordinary.pk)

    following = complete_step(held, Done(facts={"seen": True}), goes_on=True)

    done, taken = Step.objects.filter(operation=next_is_ordinary, position__in=[5, 6])
    assert (done.state, taken.state, taken.attempts) == (StepState.DONE, StepState.RUNNING, 1)
    assert (following.step, following.rest[0].position) == (taken, 7)
    assert following.step.operation.resource.facts["seen"]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"state": StepState.TODO, "attempts": F("attempts") + 1}, id="another's"),
        pytest.param({"due_at": now() + timedelta(days=9)}, id="not due"),
    ],
)
def test_nobody_goes_on_with_a_step_that_is_not_free(next_is_ordinary, changes):
    held = claim_next_step(next_is_ordinary.pk)
    rest = list(next_is_ordinary.steps.filter(position__gt=held.step.position))
    Step.objects.filter(pk=rest[0].pk).update(**changes)

    assert complete_step(replace(held, rest=rest), Done(), goes_on=True) is None

    assert Step.objects.get(pk=rest[0].pk).state == StepState.TODO


def test_four_workers_with_the_same_messages_make_one_of_everything(started, cloud):
    operation = started[0]
    cloud_project_id = operation.resource.cloud_project_id

    def work():
        until = now() + timedelta(seconds=PATIENCE)
        while now() < until:
            advance(operation.pk)
            for ready in poll_cloud_project(cloud_project_id):
                advance(ready.pk)
            if Operation.objects.get(pk=operation.pk).state != OperationState.RUNNING:
                return

    at_once(work, work, work, work)

    operation.refresh_from_db()
    assert operation.state == OperationState.SUCCEEDED
    assert counted(cloud) == ONE_OF_EACH
    assert {cloud.calls[f"create_{kind}"] for kind in ONE_OF_EACH} == {1}


@pytest.mark.parametrize(
    "write",
    [
        lambda held: complete_step(held, Done(external_id="made by the slow one")),
        lambda held: await_cloud(held, Wait(external_id="made by the slow one")),
        lambda held: remake_or_fail(held, Broken("broken by the slow one")),
        lambda held: fail_step(held, "refused to the slow one"),
        try_later,
    ],
    ids=["complete", "wait", "remake", "fail", "retry"],
)
def test_worker_that_overstayed_its_lease_writes_nothing(started, sent_tasks, write):
    operation = started[0]
    slow = claim_next_step(operation.pk)
    Step.objects.filter(pk=slow.step.pk).update(leased_until=now() - timedelta(seconds=1))
    quick = claim_next_step(operation.pk)
    sent_tasks.clear()

    with pytest.raises(Overtaken):
        write(slow)

    operation.refresh_from_db()
    assert operation.state == OperationState.RUNNING
    step = Step.objects.get(pk=slow.step.pk)
    assert (step.state, step.attempts, step.external_id) == (StepState.RUNNING, 2, "")
    assert sent_tasks == []
    complete_step(quick, Done(external_id="made by the quick one"))
    assert Step.objects.get(pk=slow.step.pk).external_id == "made by the quick one"


def test_worker_that_overstayed_its_lease_creates_nothing(started):
    operation = started[0]
    slow = claim_next_step(operation.pk)
    Step.objects.filter(pk=slow.step.pk).update(leased_until=now() - timedelta(seconds=1))
    claim_next_step(operation.pk)

    with pytest.raises(Overtaken):
        WorkingContext(slow).ensure(find=list, create=pytest.fail, remove=pytest.fail)
