"""A batch makes nobody wait, and no cloud is asked more than its rhythm allows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from celery import current_app
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from catalog.models import (
    Operation,
    OperationKind,
    OperationQueue,
    OperationState,
    ResourceState,
    Step,
    StepState,
)
from catalog.provisioning.pacing import HEAD_START, LONGEST_PAUSE, leave_alone, take_turn
from catalog.services.approvals import approve_order
from catalog.services.queueing import MOST_AT_ONCE
from catalog.services.undoing import compensate_operation
from portal.cloud.models import Cloud, CloudProject
from portal.cloud.ports import CloudRefused, CloudUnavailable
from portal.core import configuration
from portal.identity.models import Role
from tests.factories import PersonFactory, grant, place
from tests.factories.catalog import SPEC

pytestmark = pytest.mark.django_db

RATE = 4.0
SHARE = timedelta(seconds=1 / RATE)


@pytest.fixture
def batch(start):
    """More deliveries of one person than are served as people are."""
    return [start() for _ in range(MOST_AT_ONCE + 2)]


@pytest.fixture
def rhythm(settings, version):
    settings.CLOUD_STEPS_PER_SECOND = {version.cloud.key: RATE}
    return version.cloud


def queue_of(resource):
    return resource.operations.get().queue


def test_what_one_person_asks_beyond_ten_at_once_is_a_batch(batch):
    queues = [queue_of(resource) for resource in batch]

    assert queues == ["interactive"] * MOST_AT_ONCE + ["bulk"] * 2


def test_batch_does_not_make_another_person_wait_with_the_same_approver(
    engine, batch, approver, project, version
):
    other = PersonFactory(name="Collega")
    grant(other, Role.REQUESTER, project)

    order = place(other, project, version, spec=SPEC)
    engine.call(approve_order, order.public_id, approver=approver)

    assert queue_of(order.lines.get().resource) == OperationQueue.INTERACTIVE


def test_batch_that_is_done_is_no_batch_any_more(engine, batch, start):
    engine.run()
    Operation.objects.update(state=OperationState.SUCCEEDED)

    assert queue_of(start()) == OperationQueue.INTERACTIVE


def test_what_the_clock_begins_is_nobodys_to_wait_for(engine, cloud, resource):
    cloud.fail_next("create_server", CloudRefused("no valid host"))
    engine.run()

    engine.call(compensate_operation, resource.operations.get().public_id, actor=None)

    undoing = resource.operations.get(kind=OperationKind.COMPENSATE)
    assert undoing.queue == OperationQueue.BULK


def test_batch_is_not_carried_on_by_who_looked_for_a_person(engine, cloud, start):
    cloud.polls_until_settled = 10**6
    person = start()
    engine.run_until("volume", StepState.AWAITING)
    cloud.polls_until_settled = 1
    batch = start().operations.get()
    Operation.objects.filter(pk=batch.pk).update(queue=OperationQueue.BULK)
    engine.messages.appendleft(engine.messages.pop())
    engine.run_one()
    assert batch.steps.get(name="volume").state == StepState.AWAITING
    engine.let_delays_pass()
    engine.messages.clear()

    look = current_app.tasks["catalog.poll_cloud_project"]
    engine.call(look, cloud_project_id=person.cloud_project_id)

    assert batch.steps.get(name="volume").state == StepState.DONE
    assert batch.steps.get(name="server").attempts == 0
    assert engine.messages[-1] == ("catalog.run_operation", {"operation_id": batch.pk})


def test_person_is_served_at_once_by_who_looked(engine, operation, resource):
    engine.run_until("volume", StepState.AWAITING)
    engine.let_delays_pass()

    look = current_app.tasks["catalog.poll_cloud_project"]
    engine.call(look, cloud_project_id=resource.cloud_project_id)

    assert operation.steps.get(name="server").attempts == 1


def test_no_operation_waits_in_a_queue_that_nobody_serves(operation):
    with pytest.raises(IntegrityError, match="operation_queue_known"), transaction.atomic():
        Operation.objects.filter(pk=operation.pk).update(queue="later")


def test_sweep_rings_for_people_first(engine, batch):
    Step.objects.filter(operation__queue="bulk").update(due_at=now() - timedelta(hours=1))

    engine.sweep()

    rung = [kwargs["operation_id"] for _, kwargs in engine.messages]
    queues = [Operation.objects.get(pk=pk).queue for pk in rung]
    assert queues == ["interactive"] * MOST_AT_ONCE + ["bulk"] * 2


def test_without_a_rhythm_every_step_begins_at_once(version):
    assert [take_turn(version.cloud, "bulk", now()) for _ in range(50)] == [timedelta()] * 50


def test_batch_gets_one_turn_per_share_of_a_second(rhythm):
    at = now()

    begun = sum(not take_turn(rhythm, "bulk", at + tick * SHARE / 5) for tick in range(10 * 5))

    assert begun == 10


def test_person_goes_first_when_a_batch_fills_the_rhythm(rhythm):
    at = now()
    assert not take_turn(rhythm, "bulk", at)
    assert take_turn(rhythm, "bulk", at)

    assert not take_turn(rhythm, "interactive", at)


def test_people_together_stay_within_the_rhythm_as_well(rhythm):
    at = now()

    begun = sum(not take_turn(rhythm, "interactive", at) for _ in range(100))

    assert begun == HEAD_START / SHARE + 1
    assert take_turn(rhythm, "interactive", at + SHARE - timedelta(milliseconds=1))
    assert not take_turn(rhythm, "interactive", at + SHARE)


def test_rhythm_that_nobody_kept_up_with_leaves_no_debt_and_no_credit(rhythm):
    Cloud.objects.update(paced_until=now() - timedelta(days=1))
    at = now()

    assert not take_turn(rhythm, "bulk", at)
    assert take_turn(rhythm, "bulk", at)


def test_step_that_must_wait_is_due_later_and_counts_as_no_failure(engine, rhythm, operation):
    Cloud.objects.update(paced_until=now() + timedelta(hours=1))
    engine.let_delays_pass()

    engine.run_one()

    step = operation.steps.first()
    assert (step.state, step.attempts, step.failures) == (StepState.TODO, 0, 0)
    assert step.due_at > now()
    assert engine.messages == type(engine.messages)(
        [("catalog.run_operation", {"operation_id": operation.pk})]
    )


def test_order_is_delivered_in_the_rhythm_of_its_cloud(engine, rhythm, resource):
    for _ in range(200):
        if not engine.messages:
            break
        Cloud.objects.update(paced_until=None)  # time has passed
        engine.let_delays_pass()
        engine.run_one()

    resource.refresh_from_db()
    assert resource.state == ResourceState.ACTIVE


def too_many(seconds):
    return CloudUnavailable("429", status=429, retry_after=timedelta(seconds=seconds))


def paced_until():
    return Cloud.objects.get().paced_until


def test_cloud_that_is_asked_too_much_is_left_alone_by_everybody(engine, cloud, start):
    told, other = start(), start()
    cloud.fail_next("create_project", too_many(90))
    engine.let_delays_pass()
    engine.run_one()
    asked = sum(cloud.calls.values())

    engine.run_one()

    assert sum(cloud.calls.values()) == asked
    for resource in (told, other):
        step = resource.operations.get().steps.first()
        assert (step.state, step.attempts) == (StepState.TODO, 1 if resource == told else 0)
        assert step.due_at > now() + timedelta(seconds=85)


def test_after_the_pause_everything_goes_on(engine, cloud, start):
    resources = [start(), start()]
    cloud.fail_next("create_project", too_many(90))
    engine.let_delays_pass()
    engine.run_one()

    Cloud.objects.update(paced_until=now())  # time has passed
    engine.run()

    for resource in resources:
        resource.refresh_from_db()
        assert resource.state == ResourceState.ACTIVE


@pytest.mark.parametrize("rate", [None, RATE])
def test_people_go_on_when_the_pause_is_over_and_batches_a_little_later(settings, version, rate):
    settings.CLOUD_STEPS_PER_SECOND = {version.cloud.key: rate} if rate else {}
    at = now()
    leave_alone(version.cloud, too_many(60), at)
    over = at + timedelta(seconds=60)
    early = timedelta(milliseconds=1)
    version.cloud.refresh_from_db()

    assert take_turn(version.cloud, "interactive", over - early)
    assert not take_turn(version.cloud, "interactive", over)
    assert take_turn(version.cloud, "bulk", over + HEAD_START - early)
    assert not take_turn(version.cloud, "bulk", over + HEAD_START + SHARE)


def test_shorter_pause_does_not_end_a_longer_one(version):
    at = now()

    leave_alone(version.cloud, too_many(60), at)
    longer = paced_until()
    leave_alone(version.cloud, too_many(5), at)

    assert paced_until() == longer


def test_cloud_is_left_alone_for_minutes_at_most(version):
    at = now()

    leave_alone(version.cloud, too_many(86_400), at)

    assert paced_until() == at + LONGEST_PAUSE + HEAD_START


@pytest.mark.parametrize(
    "error",
    [
        CloudUnavailable("503", status=503, retry_after=timedelta(seconds=60)),
        CloudUnavailable("429", status=429),
        CloudUnavailable("connection refused"),
        CloudRefused("403", status=403),
    ],
    ids=str,
)
def test_what_one_service_says_of_itself_holds_up_nobody_else(version, error):
    leave_alone(version.cloud, error, now())

    assert paced_until() is None


def test_look_that_is_one_too_many_is_put_off_for_as_long(engine, cloud, resource):
    engine.run_until("volume", StepState.AWAITING)
    cloud.fail_next("list_volumes", too_many(90))

    engine.let_delays_pass()
    engine.run_one()

    soonest = now() + timedelta(seconds=85)
    assert paced_until() > soonest
    assert CloudProject.objects.get().next_poll_at > soonest


def test_ordinary_step_costs_no_question_about_the_pause(version, django_assert_num_queries):
    with django_assert_num_queries(0):
        take_turn(version.cloud, "bulk", now())


@pytest.mark.parametrize(
    "text", ["sovereign", "sovereign=", "sovereign=0", "sovereign=nan", "sovereign=inf",
             "sovereign=1e-300", "other=5", "sovereign=5, sovereign=6", "=5", "sovereign=-1"],
)  # fmt: skip
def test_rhythm_that_makes_no_sense_stops_the_start(monkeypatch, text):
    monkeypatch.setenv("RHYTHM", text)

    with pytest.raises(ImproperlyConfigured, match="RHYTHM must read NAME=NUMBER"):
        configuration.rates("RHYTHM", keys=["sovereign"])


@pytest.mark.parametrize(("text", "rates"), [("", {}), (" sovereign = 0.5 ,", {"sovereign": 0.5})])
def test_rhythm_is_read(monkeypatch, text, rates):
    monkeypatch.setenv("RHYTHM", text)

    assert configuration.rates("RHYTHM", keys=["sovereign"]) == rates
