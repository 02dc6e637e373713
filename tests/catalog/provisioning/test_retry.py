"""Trying again from an earlier step, and how long a step is tried at all."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils.timezone import now

from catalog.errors import NotRepeatable
from catalog.kinds.steps import volume as volume_steps
from catalog.models import OperationState, ResourceState, Step, StepFault, StepState
from catalog.provisioning.outcomes import LONGEST_TRYING
from catalog.services.operations import (
    repeatable_positions,
    resume_operation,
    retry_operation,
)
from catalog.services.resources import act_on_resource
from portal.audit.models import AuditEntry
from portal.cloud.ports import CloudRefused, CloudUnavailable

pytestmark = pytest.mark.django_db


@pytest.fixture
def retry(engine, requester):
    def ask(operation, position):
        again = {"position": position, "actor": requester}
        return engine.call(retry_operation, operation.public_id, **again)

    return ask


@pytest.fixture
def stopped(engine, cloud, operation):
    """A delivery that stopped at its sixth step."""
    cloud.fail_next("create_server", CloudRefused("no valid host"))
    engine.run()
    operation.refresh_from_db()
    return operation


@pytest.fixture
def too_slow(engine, cloud, operation):
    """The volume of a delivery that stopped since the cloud was busy with it for too long."""
    cloud.polls_until_settled = 10**6
    step = engine.run_until("volume", StepState.AWAITING)
    Step.objects.filter(pk=step.pk).update(due_at=now() - timedelta(minutes=61))
    engine.run()
    step.refresh_from_db()
    assert (step.state, step.fault) == (StepState.FAILED, StepFault.TOO_SLOW)
    return cloud.things[step.external_id]


@pytest.fixture
def resume(engine, operation, requester):
    def ask():
        engine.call(resume_operation, operation.public_id, actor=requester)

    return ask


def finish(cloud, volume, status="AVAILABLE"):
    cloud.polls_until_settled = 1
    volume.polls_left, volume.on_settled, volume.status = 0, None, status


def state_of(*rows):
    for row in rows:
        row.refresh_from_db()
    return [row.state for row in rows]


@pytest.mark.parametrize("position", range(1, 7))
def test_what_still_stands_is_taken_over(engine, cloud, stopped, resource, retry, position):
    before = {thing.id for thing in cloud.things.values() if thing.kind != "server"}

    retry(stopped, position)
    engine.run()

    assert state_of(stopped, resource) == [OperationState.SUCCEEDED, ResourceState.ACTIVE]
    after = {thing.id for thing in cloud.things.values() if thing.kind != "server"}
    assert after == before
    entry = AuditEntry.objects.get(event="operation.retried")
    assert entry.data == {"position": position}


def test_what_somebody_removed_is_made_anew(engine, cloud, stopped, resource, retry):
    volume = stopped.steps.get(name="volume")
    del cloud.things[volume.external_id]

    retry(stopped, volume.position)
    engine.run()

    resource.refresh_from_db()
    assert resource.state == ResourceState.ACTIVE
    assert resource.cloud_ids["volume"] != volume.external_id
    assert (cloud.count("volume"), cloud.count("server")) == (1, 1)


def test_removal_is_tried_again_from_the_start(engine, cloud, resource, retire, retry):
    engine.run()
    removal = retire(resource)
    cloud.fail_next("delete_port", CloudRefused("forbidden"))
    engine.run()

    retry(removal, 1)
    engine.run()

    assert state_of(removal, resource) == [OperationState.SUCCEEDED, ResourceState.RETIRED]


@pytest.mark.parametrize("position", [0, 7, 99])
def test_steps_that_were_not_reached_cannot_be_begun_with(stopped, retry, position):
    with pytest.raises(NotRepeatable):
        retry(stopped, position)

    assert state_of(stopped) == [OperationState.FAILED]


def test_what_runs_is_not_tried_again(operation, retry):
    with pytest.raises(NotRepeatable):
        retry(operation, 1)


def test_action_is_not_carried_out_twice(engine, cloud, deliver, requester):
    server = deliver()
    action = engine.call(act_on_resource, server.public_id, action="stop", actor=requester)
    # As a plan of two steps would be, of which the first is done.
    step = action.steps.get()
    step.state = StepState.DONE
    step.save(update_fields=["state"])
    Step.objects.create(
        operation=action, position=2, name="stop", state=StepState.FAILED, due_at=now()
    )
    action.state = OperationState.FAILED

    assert repeatable_positions(action) == [2]


def test_step_that_cannot_be_done_for_a_day_needs_a_person(engine, cloud, operation):
    for _ in range(3):
        cloud.fail_next("create_port", CloudUnavailable("gateway timeout", request_id="req-1"))
    step = engine.run_until("port", StepState.TODO)
    while step.failures == 0:
        engine.let_delays_pass()
        engine.run_one()
        step.refresh_from_db()
    assert step.fault == StepFault.UNAVAILABLE
    Step.objects.filter(pk=step.pk).update(started_at=now() - LONGEST_TRYING - timedelta(minutes=1))

    engine.run()

    step.refresh_from_db()
    assert state_of(operation) == [OperationState.FAILED]
    assert (step.state, step.fault) == (StepState.FAILED, StepFault.TOO_SLOW)
    assert (step.last_error, step.last_request_id) == ("gateway timeout", "req-1")


def test_day_begins_anew_when_a_person_has_it_tried_again(engine, cloud, stopped, requester):
    Step.objects.filter(name="server").update(started_at=now() - LONGEST_TRYING * 2)

    engine.call(resume_operation, stopped.public_id, actor=requester)
    cloud.fail_next("create_server", CloudUnavailable("gateway timeout"))
    engine.run()

    assert state_of(stopped) == [OperationState.SUCCEEDED]
    assert stopped.steps.get(name="server").fault == ""


def test_what_the_cloud_finished_after_the_time_out_is_taken_over(
    engine, cloud, resource, too_slow, resume
):
    finish(cloud, too_slow)

    resume()
    engine.run()

    assert state_of(resource) == [ResourceState.ACTIVE]
    assert resource.cloud_ids["volume"] == too_slow.id
    assert (cloud.calls["create_volume"], cloud.calls["delete_volume"]) == (1, 0)


def test_what_the_cloud_is_still_busy_with_is_waited_for_anew(engine, cloud, too_slow, resume):
    resume()
    step = engine.run_until("volume", StepState.AWAITING)

    assert now() - step.due_at < timedelta(minutes=1)
    assert (step.external_id, step.fault) == (too_slow.id, "")
    assert cloud.calls["delete_volume"] == 0


def test_what_broke_after_the_time_out_is_removed_and_made_again(
    engine, cloud, resource, too_slow, resume
):
    finish(cloud, too_slow, "ERROR")

    resume()
    engine.run()

    assert state_of(resource) == [ResourceState.ACTIVE]
    assert resource.cloud_ids["volume"] != too_slow.id
    assert cloud.count("volume") == 1


def test_what_somebody_removed_after_the_time_out_is_made_again(
    engine, cloud, resource, too_slow, resume
):
    finish(cloud, too_slow)
    del cloud.things[too_slow.id]

    resume()
    engine.run()

    assert state_of(resource) == [ResourceState.ACTIVE]
    assert cloud.count("volume") == 1


def test_retry_from_an_earlier_step_takes_over_what_took_too_long(
    engine, cloud, operation, resource, too_slow, retry
):
    finish(cloud, too_slow)

    retry(operation, 1)
    engine.run()

    assert state_of(resource) == [ResourceState.ACTIVE]
    assert resource.cloud_ids["volume"] == too_slow.id


def test_what_was_made_survives_a_bug_of_ours_in_judging_it(
    engine, cloud, operation, resource, resume, monkeypatch
):
    engine.run_until("volume", StepState.AWAITING)
    with monkeypatch.context() as broken:
        broken.setattr(volume_steps, "volume_facts", lambda _volume: {}["size"])
        with pytest.raises(KeyError):
            engine.run()
    volume_id = operation.steps.get(name="volume").external_id

    resume()
    engine.run()

    assert state_of(resource) == [ResourceState.ACTIVE]
    assert resource.cloud_ids["volume"] == volume_id
