"""Messages are doorbells: lost, doubled or late, they change nothing of what happens."""

from datetime import timedelta

import pytest
from celery import current_app
from django.utils.timezone import now
from hypothesis import given
from hypothesis import strategies as st

from catalog.models import OperationState, ResourceState, Step, StepFault, StepState
from catalog.provisioning.delays import LONGEST_DELAY, pause_after, poll_delay, retry_delay
from catalog.provisioning.polling import poll_cloud_project
from catalog.provisioning.sweeping import RING_LASTS
from portal.cloud.models import CloudProject
from portal.cloud.ports import CloudMissing, CloudRefused, CloudUnavailable

pytestmark = pytest.mark.django_db


def test_every_message_may_come_twice(engine, cloud, resource):
    while engine.messages:
        engine.let_delays_pass()
        engine.messages.append(engine.messages[0])
        engine.run_one()
        if Step.objects.filter(state=StepState.DONE).count() == 7:
            break

    resource.refresh_from_db()
    assert resource.state == ResourceState.ACTIVE
    assert cloud.count("server") == 1


def test_every_message_may_be_lost(engine, cloud, resource):
    for _ in range(30):
        engine.sweep()
        while engine.messages:
            name, kwargs = engine.messages.popleft()
            engine.call(current_app.tasks[name], **kwargs)
            engine.messages.clear()

    resource.refresh_from_db()
    assert resource.state == ResourceState.ACTIVE


def test_sweep_rings_for_nothing_that_is_on_its_way(engine, operation):
    Step.objects.update(due_at=now())
    engine.messages.clear()

    engine.call(current_app.tasks["catalog.sweep"])

    assert not engine.messages


@pytest.mark.parametrize(
    ("ring", "lasts"), [("run_operation", None), ("sweep", RING_LASTS.total_seconds())]
)
def test_only_what_is_rung_again_anyway_is_thrown_away(engine, operation, monkeypatch, ring, lasts):
    engine.let_delays_pass()
    engine.messages.clear()
    sent = []
    monkeypatch.setattr(
        "portal.core.dispatch.current_app.send_task",
        lambda _name, *, expires, **_options: sent.append(expires),
    )
    facts = {} if ring == "sweep" else {"operation_id": operation.pk}

    engine.call(current_app.tasks[f"catalog.{ring}"], **facts)

    assert set(sent) == {lasts}


def test_what_beat_sends_often_does_not_pile_up(settings):
    entries = settings.CELERY_BEAT_SCHEDULE.values()
    often = [entry for entry in entries if isinstance(entry["schedule"], float)]

    assert often
    assert all(entry["options"]["expires"] >= 2 * entry["schedule"] for entry in often)


def test_tasks_that_are_named_in_messages_and_in_the_schedule_exist(settings):
    named = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} | {
        "catalog.run_operation",
        "catalog.poll_cloud_project",
        "catalog.look_for_late_arrivals",
    }
    current_app.autodiscover_tasks(force=True)
    assert named <= set(current_app.tasks)


def test_one_look_settles_everything_that_waits_in_a_project(engine, cloud, start):
    resources = [start(), start(), start()]
    while Step.objects.filter(state=StepState.AWAITING).count() < len(resources):
        engine.let_delays_pass()
        engine.run_one()
    cloud.calls.clear()
    engine.let_delays_pass()

    can_go_on = engine.call(poll_cloud_project, resources[0].cloud_project_id)

    assert len(can_go_on) == len(resources)
    assert cloud.calls == {"list_volumes": 1}


def test_second_message_for_the_same_look_is_spent(engine, cloud, resource, monkeypatch):
    """At one moment: where a second passes between the messages another look is due."""
    cloud.polls_until_settled = 99
    engine.run_until("volume", StepState.AWAITING)
    engine.let_delays_pass()
    cloud.calls.clear()
    at = now()
    monkeypatch.setattr("catalog.provisioning.polling.now", lambda: at)

    for _ in range(3):
        engine.call(poll_cloud_project, resource.cloud_project_id)

    assert cloud.calls == {"list_volumes": 1}


def test_look_that_fails_is_told_and_done_again(engine, cloud, operation, resource):
    engine.run_until("volume", StepState.AWAITING)
    engine.let_delays_pass()
    engine.messages.clear()
    cloud.fail_next("list_volumes", CloudUnavailable("read timed out", request_id="req-3"))

    engine.call(poll_cloud_project, resource.cloud_project_id)

    assert operation.steps.get(name="volume").last_request_id == "req-3"
    assert CloudProject.objects.get(pk=resource.cloud_project_id).next_poll_at > now()
    engine.run()
    resource.refresh_from_db()
    assert resource.state == ResourceState.ACTIVE


def test_service_that_is_down_keeps_nobody_waiting_for_another(engine, cloud, start):
    one = start()
    engine.run_until("server", StepState.AWAITING)
    engine.messages.clear()
    other = start()
    engine.run_one()
    assert other.operations.get().steps.get(name="volume").state == StepState.AWAITING
    engine.let_delays_pass()
    cloud.fail_next("list_volumes", CloudUnavailable("connection refused"))

    can_go_on = engine.call(poll_cloud_project, one.cloud_project_id)

    assert can_go_on == [one.operations.get()]
    assert one.operations.get().steps.get(name="server").last_error == ""
    waiting = other.operations.get().steps.get(name="volume")
    assert (waiting.state, waiting.last_error) == (StepState.AWAITING, "connection refused")


@pytest.mark.parametrize(
    ("error", "waited", "is_over"),
    [
        (CloudRefused("403 Forbidden", request_id="req-4"), timedelta(minutes=59), False),
        (CloudRefused("403 Forbidden", request_id="req-4"), timedelta(minutes=61), True),
        (CloudMissing("404 no such project", request_id="req-4"), timedelta(minutes=61), True),
        (CloudUnavailable("503", request_id="req-4"), timedelta(hours=23, minutes=59), False),
        (CloudUnavailable("503", request_id="req-4"), timedelta(hours=24, minutes=1), True),
    ],
    ids=str,
)
def test_what_can_be_seen_by_no_look_is_shown_to_a_person_at_last(
    engine, cloud, operation, error, waited, is_over
):
    step = engine.run_until("volume", StepState.AWAITING)
    Step.objects.filter(pk=step.pk).update(due_at=now() - waited)
    cloud.fail_next("list_volumes", error)

    engine.let_delays_pass()
    engine.run_one()

    step.refresh_from_db()
    operation.refresh_from_db()
    assert (step.last_error, step.last_request_id) == (str(error), "req-4")
    assert step.state == (StepState.FAILED if is_over else StepState.AWAITING)
    assert operation.state == (OperationState.FAILED if is_over else OperationState.RUNNING)
    assert step.fault == (StepFault.TOO_SLOW if is_over else StepFault.UNAVAILABLE)


@given(failures=st.integers(min_value=1, max_value=10_000))
def test_delay_is_never_long_and_never_nothing(failures):
    assert timedelta(seconds=0.7) < retry_delay(failures) <= 1.25 * LONGEST_DELAY


@pytest.mark.parametrize(("age", "delay"), [(0, 0.25), (14.9, 0.25), (15, 1), (60, 5), (4000, 5)])
def test_what_takes_long_is_looked_at_less_often(age, delay):
    assert poll_delay(timedelta(seconds=age)) == timedelta(seconds=delay)


@pytest.mark.parametrize(("look", "pause"), [(0, 0.25), (0.08, 0.25), (0.4, 1.2), (60, 5)])
def test_a_slow_look_is_followed_by_a_longer_pause(look, pause):
    assert pause_after(timedelta(seconds=look), timedelta(seconds=0.25)) == timedelta(seconds=pause)


def test_who_begins_to_wait_joins_a_look_that_comes_soon(engine, cloud, start, monkeypatch):
    """Each of twenty that begin to wait would otherwise bring a look of its own."""
    start()
    engine.run_until("volume", StepState.AWAITING)
    engine.messages.clear()
    soon = now() + timedelta(seconds=0.9)
    CloudProject.objects.update(next_poll_at=soon)
    sent = []
    monkeypatch.setattr(
        "catalog.provisioning.outcomes.enqueue_on_commit",
        lambda name, **facts: sent.append((name, facts.get("delay"))),
    )

    start()
    engine.run_one()

    ((_name, delay),) = [one for one in sent if one[0] == "catalog.poll_cloud_project"]
    assert delay <= timedelta(seconds=0.9)
    assert CloudProject.objects.get().next_poll_at == soon


def test_who_begins_to_wait_brings_a_distant_look_forward(engine, cloud, start):
    start()
    engine.run_until("volume", StepState.AWAITING)
    engine.messages.clear()
    CloudProject.objects.update(next_poll_at=now() + timedelta(seconds=5))

    start()
    engine.run_one()

    assert CloudProject.objects.get().next_poll_at < now() + timedelta(seconds=0.5)
