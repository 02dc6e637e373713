"""Trying again from an earlier step, and how long a step is tried at all."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils.timezone import now

from catalog.errors import NotRepeatable
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
