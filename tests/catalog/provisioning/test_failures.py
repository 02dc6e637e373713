"""What the engine does when the cloud says no, says wait, or breaks what it made."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from catalog.kinds.base import Done
from catalog.kinds.steps.inventory import GONE_FOR_GOOD
from catalog.models import (
    ClaimState,
    Operation,
    OperationKind,
    OperationState,
    OrderState,
    ResourceState,
    Step,
    StepFault,
    StepState,
)
from catalog.placement_errors import PlacementRefused
from catalog.placement_words import Score
from catalog.provisioning import sweeping
from catalog.provisioning.runner import QUOTA_PATIENCE
from catalog.services.operations import resume_operation
from catalog.services.undoing import compensate_operation
from portal.cloud.models import Flavor, Image, VolumeType
from portal.cloud.ports import CloudQuotaRefused, CloudRefused, CloudUnavailable
from tests.factories import classify

pytestmark = pytest.mark.django_db


def state_of(*rows):
    for row in rows:
        row.refresh_from_db()
    return [row.state for row in rows]


def test_unavailable_cloud_makes_the_order_wait_and_go_through(engine, cloud, operation, resource):
    for _ in range(20):
        cloud.fail_next("create_project", CloudUnavailable("connection refused"))

    engine.run()

    assert state_of(operation, resource) == [OperationState.SUCCEEDED, ResourceState.ACTIVE]


@pytest.mark.parametrize("model", [Flavor, Image, VolumeType])
@pytest.mark.parametrize("is_seen", [True, False], ids=["just missed", "not yet seen"])
def test_cloud_that_is_still_being_built_makes_the_order_wait(
    engine, operation, resource, model, is_seen
):
    # Its services answer before its operator has put images and sizes in.
    before = model.objects.values_list("openstack_id", flat=True)[0]
    model.objects.update(**({"gone_at": now()} if is_seen else {"openstack_id": ""}))
    for _ in range(20):
        engine.let_delays_pass()
        engine.run_one()
    assert state_of(operation) == [OperationState.RUNNING]

    model.objects.update(openstack_id=before, gone_at=None)
    engine.run()

    assert state_of(operation, resource) == [OperationState.SUCCEEDED, ResourceState.ACTIVE]


def test_bug_at_the_end_of_the_last_step_is_shown_to_a_person(
    engine, operation, resource, monkeypatch
):
    # Else its lease would end, and the next worker would meet the same bug, for ever.
    def raise_bug(*_args, **_kwargs):
        raise LookupError("no such meter")

    monkeypatch.setattr("catalog.services.resources.start_metering", raise_bug)
    monkeypatch.setattr("catalog.kinds.steps.server.Wait", lambda external_id: Done(external_id))

    with pytest.raises(LookupError):
        engine.run()

    assert state_of(operation, resource) == [OperationState.FAILED, ResourceState.FAILED]
    assert "no such meter" in operation.steps.get(name="attachment").last_error


def test_image_that_the_cloud_withdrew_waits_for_a_person(engine, operation):
    Image.objects.update(gone_at=now() - GONE_FOR_GOOD - timedelta(minutes=1))

    engine.run()

    assert state_of(operation) == [OperationState.FAILED]
    assert "Debian 12" in operation.steps.get(name="server").last_error


def test_delay_grows_and_the_page_can_tell_why(engine, cloud, operation):
    error = CloudUnavailable("503 Service Unavailable", request_id="req-7")
    cloud.fail_next("create_project", error)
    cloud.fail_next("create_project", error)

    engine.run_one()
    engine.let_delays_pass()
    engine.run_one()

    step = operation.steps.get(name="project")
    assert step.state == StepState.TODO
    assert step.failures == 2
    assert timedelta(seconds=1) < step.due_at - now() < timedelta(seconds=3)
    assert (step.last_error, step.last_request_id) == ("503 Service Unavailable", "req-7")


def test_cloud_that_asks_for_a_pause_gets_it(engine, cloud, operation):
    pause = timedelta(seconds=90)
    cloud.fail_next("create_project", CloudUnavailable("429 Too Many", retry_after=pause))

    engine.run_one()

    assert timedelta(seconds=80) < operation.steps.get(name="project").due_at - now() <= pause


def test_refusal_waits_for_a_person(engine, cloud, approved, operation, resource):
    cloud.fail_next("create_port", CloudRefused("no more addresses", request_id="req-1"))

    engine.run()

    assert state_of(approved, operation, resource) == [
        OrderState.FAILED,
        OperationState.FAILED,
        ResourceState.FAILED,
    ]
    step = operation.steps.get(state=StepState.FAILED)
    assert (step.name, step.last_error, step.last_request_id) == (
        "port",
        "no more addresses",
        "req-1",
    )
    resource.claim.refresh_from_db()
    assert resource.claim.state == ClaimState.COMMITTED


def test_resumed_operation_goes_on_where_it_stopped(
    engine, cloud, approved, operation, resource, requester
):
    cloud.fail_next("create_port", CloudRefused("no more addresses"))
    engine.run()

    engine.call(resume_operation, operation.public_id, actor=requester)
    engine.run()

    assert state_of(approved, operation, resource) == [
        OrderState.COMPLETED,
        OperationState.SUCCEEDED,
        ResourceState.ACTIVE,
    ]
    assert cloud.calls["create_volume"] == 1


def test_where_it_may_not_stand_any_more_nobody_goes_on_but_it_can_be_undone(
    engine, cloud, operation, resource, requester
):
    cloud.fail_next("create_port", CloudRefused("no more addresses"))
    engine.run()
    classify(resource.project, integrity=Score.VERY_HIGH)

    with pytest.raises(PlacementRefused):
        engine.call(resume_operation, operation.public_id, actor=requester)
    engine.call(compensate_operation, operation.public_id, actor=requester)
    engine.run()

    assert state_of(operation, resource) == [OperationState.ABANDONED, ResourceState.RETIRED]


def test_server_in_error_is_removed_and_made_again(engine, cloud, operation, resource):
    cloud.servers_become("ERROR", "No valid host was found.")
    step = engine.run_until("server", StepState.AWAITING)
    while step.remakes == 0:
        engine.let_delays_pass()
        engine.run_one()
        step.refresh_from_db()

    cloud.servers_become("ACTIVE")
    engine.run()

    assert state_of(operation, resource) == [OperationState.SUCCEEDED, ResourceState.ACTIVE]
    assert (cloud.count("server"), cloud.calls["create_server"]) == (1, 2)
    assert resource.cloud_ids["server"] in cloud.things


def test_third_error_waits_for_a_person(engine, cloud, operation, resource):
    cloud.servers_become("ERROR", "No valid host was found.")

    engine.run()

    assert state_of(operation, resource) == [OperationState.FAILED, ResourceState.FAILED]
    step = operation.steps.get(name="server")
    assert (step.state, step.last_error) == (StepState.FAILED, "No valid host was found.")
    assert cloud.calls["create_server"] == 3


def test_after_three_errors_a_person_can_have_it_tried_again(
    engine, cloud, operation, resource, requester
):
    cloud.servers_become("ERROR", "No valid host was found.")
    engine.run()

    cloud.servers_become("ACTIVE")
    engine.call(resume_operation, operation.public_id, actor=requester)
    engine.run()

    assert state_of(operation, resource) == [OperationState.SUCCEEDED, ResourceState.ACTIVE]
    assert cloud.count("server") == 1


def test_compensation_removes_what_was_made(
    engine, cloud, approved, operation, resource, requester
):
    cloud.servers_become("ERROR", "No valid host was found.")
    engine.run()

    engine.call(compensate_operation, operation.public_id, actor=requester)
    engine.run()

    resource.claim.refresh_from_db()
    assert state_of(approved, operation, resource) == [
        OrderState.CANCELED,
        OperationState.ABANDONED,
        ResourceState.RETIRED,
    ]
    assert resource.claim.state == ClaimState.RELEASED
    assert [cloud.count(kind) for kind in ("server", "volume", "port")] == [0, 0, 0]


def test_compensation_of_what_never_began(engine, cloud, operation, resource, requester):
    cloud.fail_next("create_project", CloudRefused("no such domain"))
    engine.run()

    engine.call(compensate_operation, operation.public_id, actor=requester)
    engine.run()

    assert state_of(resource) == [ResourceState.RETIRED]
    assert cloud.count("project") == 0


def test_compensation_finds_a_server_whose_creation_was_never_answered(
    engine, cloud, operation, resource, requester
):
    cloud.lose_next_reply("create_server")
    cloud.fail_next("find_servers", CloudRefused("forbidden"))
    engine.run()
    assert cloud.count("server") == 1

    engine.call(compensate_operation, operation.public_id, actor=requester)
    engine.run()

    assert cloud.count("server") == 0


def test_failure_past_its_term_is_undone_without_a_person(engine, cloud, operation, resource):
    cloud.fail_next("create_port", CloudRefused("no more addresses"))
    engine.run()
    engine.sweep()
    assert not Operation.objects.filter(kind=OperationKind.COMPENSATE).exists()

    Operation.objects.update(failed_at=now() - timedelta(hours=72, minutes=1))
    engine.sweep()
    engine.run()

    assert state_of(resource) == [ResourceState.RETIRED]


def test_failure_that_cannot_be_undone_for_a_bug_keeps_no_other_from_it(
    engine, cloud, start, monkeypatch
):
    # The newest comes first, so that is what the bug is met with.
    for hours in (74, 73):
        failed = start().operations.get()
        cloud.fail_next("create_port", CloudRefused("no more addresses"))
        engine.run()
        Operation.objects.filter(pk=failed.pk).update(failed_at=now() - timedelta(hours=hours))
    undo = sweeping.compensate_operation

    def meet_a_bug(public_id, *, actor):
        if public_id == failed.public_id:
            raise KeyError("before")
        return undo(public_id, actor=actor)

    monkeypatch.setattr(sweeping, "compensate_operation", meet_a_bug)

    with pytest.raises(ExceptionGroup, match="not everything"):
        engine.sweep()

    undone = Operation.objects.get(kind=OperationKind.COMPENSATE)
    assert undone.resource_id != failed.resource_id


def test_quota_of_the_cloud_that_somebody_lowered_is_raised_again(
    engine, cloud, operation, resource
):
    engine.run_until("volume", StepState.AWAITING)
    (project,) = (thing for thing in cloud.things.values() if thing.kind == "project")
    cloud.limits[project.id]["servers"] = 0

    engine.run()

    assert state_of(operation, resource) == [OperationState.SUCCEEDED, ResourceState.ACTIVE]
    assert cloud.limits[project.id]["servers"] == 1


def test_quota_that_stays_too_small_waits_for_a_person(engine, cloud, operation):
    for _ in range(QUOTA_PATIENCE + 1):
        cloud.fail_next("create_server", CloudQuotaRefused("Quota exceeded for cores"))

    engine.run()

    assert state_of(operation) == [OperationState.FAILED]
    assert operation.steps.get(name="server").last_error == "Quota exceeded for cores"


def test_bug_is_shown_to_a_person_and_to_who_watches_the_workers(
    engine, cloud, operation, resource, monkeypatch
):
    monkeypatch.setattr(cloud, "find_networks", lambda *_: {}["intern"])

    with pytest.raises(KeyError, match="intern"):
        engine.run()

    assert state_of(operation, resource) == [OperationState.FAILED, ResourceState.FAILED]
    assert operation.steps.get(name="network").last_error == "KeyError: 'intern'"


def test_wait_without_end_is_shown_to_a_person(engine, cloud, operation):
    cloud.polls_until_settled = 10**6
    engine.run_until("volume", StepState.AWAITING)

    Step.objects.update(due_at=now() - timedelta(minutes=61))
    engine.run()

    assert state_of(operation) == [OperationState.FAILED]
    step = operation.steps.get(name="volume")
    assert "more than 60 minutes" in step.last_error
    assert step.fault == StepFault.TOO_SLOW


def test_retirement_that_is_refused_waits_and_can_be_resumed(
    engine, cloud, resource, retire, requester
):
    engine.run()
    operation = retire(resource)
    cloud.fail_next("delete_port", CloudRefused("forbidden"))
    engine.run()
    assert state_of(operation, resource) == [OperationState.FAILED, ResourceState.RETIRING]

    engine.call(resume_operation, operation.public_id, actor=requester)
    engine.run()

    assert state_of(operation, resource) == [OperationState.SUCCEEDED, ResourceState.RETIRED]


def test_what_somebody_removed_by_hand_retires_all_the_same(engine, cloud, resource, retire):
    engine.run()
    for thing in list(cloud.things.values()):
        if thing.kind in {"server", "volume", "port"}:
            del cloud.things[thing.id]

    retire(resource)
    engine.run()

    assert state_of(resource) == [ResourceState.RETIRED]
