"""One line of an order fails while the others go on: it is resumed, or given up by itself."""

import pytest

from catalog.kinds.base import Done
from catalog.models import (
    ClaimState,
    Operation,
    OperationKind,
    OrderState,
    ResourceState,
    StepState,
)
from catalog.provisioning.claims import claim_next_step
from catalog.provisioning.outcomes import complete_step
from catalog.services.approvals import approve_order
from catalog.services.operations import resume_operation, retry_operation
from catalog.services.quota_checks import find_differences
from catalog.services.resources import retire_resource
from catalog.services.undoing import cancel_operation, compensate_operation
from portal.audit.models import AuditEntry
from portal.cloud.ports import CloudRefused
from tests.factories import asked, place_lines

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(engine, requester, approver, project, version):
    lines = [asked(version, name) for name in ("web-01", "web-02", "web-03")]
    placed = place_lines(requester, project, *lines)
    return engine.call(approve_order, placed.public_id, approver=approver)


@pytest.fixture
def stopped(engine, cloud, order):
    """The order, after the engine came to rest with one of its servers refused."""
    cloud.fail_next("create_server", CloudRefused("no valid host"))
    engine.run()
    order.refresh_from_db()
    return order


def delivery_that_failed():
    return Operation.objects.get(kind=OperationKind.PROVISION, state="failed")


def resource_states(order):
    return sorted(line.resource.state for line in order.lines.all())


def state(order):
    order.refresh_from_db()
    return order.state


def test_all_lines_are_delivered(engine, order):
    engine.run()

    assert state(order) == OrderState.COMPLETED
    assert order.settled_at is not None
    assert AuditEntry.objects.filter(event="order.completed").count() == 1


def test_room_is_made_once_for_all_lines(engine, cloud, order):
    engine.run()

    assert cloud.calls["set_quota"] == 1


def end_step(operation, name, done):
    """The step of this name, done whether or not its turn has come."""
    operation.steps.filter(position__lt=operation.steps.get(name=name).position).update(
        state=StepState.DONE
    )
    held = claim_next_step(operation.pk)
    assert held.step.name == name
    complete_step(held, done)


def test_a_line_for_which_room_was_made_waits_for_nothing_that_is_shared(order):
    first, second, _third = Operation.objects.order_by("pk")
    end_step(first, "project", Done(external_id="room", project="room"))
    end_step(first, "volume", Done(external_id="volume"))
    assert claim_next_step(first.pk).step.name == "network"

    held = claim_next_step(second.pk)

    assert (held.step.name, held.beside) == ("project", "room")
    assert held.step.operation.resource.cloud_project.openstack_project_id == "room"


def test_what_was_made_for_another_line_is_done_with_the_step_before_it(order, sent_tasks):
    first, second, _third = Operation.objects.order_by("pk")
    for name in ("project", "network", "security_group"):
        end_step(first, name, Done(external_id=f"the {name}"))
    second.steps.filter(name="project").update(state=StepState.DONE)
    volume = claim_next_step(second.pk)
    sent_tasks.clear()

    following = complete_step(volume, Done(external_id="volume"), goes_on=True)

    assert following.step.name == "port"
    assert following.step.operation.resource.cloud_ids == {
        "volume": "volume",
        "network": "the network",
        "security_group": "the security_group",
    }
    assert sent_tasks == []


def test_a_line_that_is_tried_from_the_start_makes_room_again(engine, cloud, stopped, requester):
    cloud.calls.clear()

    engine.call(retry_operation, delivery_that_failed().public_id, position=1, actor=requester)
    engine.run()

    assert cloud.calls["set_quota"] == 1


def test_one_that_fails_holds_up_no_other(stopped):
    assert stopped.state == OrderState.FAILED
    assert resource_states(stopped) == ["active", "active", "failed"]
    assert AuditEntry.objects.filter(event="order.failed").count() == 1


def test_resumed_it_completes_the_order(engine, stopped, requester):
    engine.call(resume_operation, delivery_that_failed().public_id, actor=requester)
    assert state(stopped) == OrderState.PROVISIONING

    engine.run()

    assert state(stopped) == OrderState.COMPLETED


def test_given_up_alone_the_others_stay_and_its_quota_is_free(engine, stopped, requester):
    failed = delivery_that_failed().resource
    engine.call(compensate_operation, delivery_that_failed().public_id, actor=requester)
    assert state(stopped) == OrderState.FAILED

    engine.run()

    assert state(stopped) == OrderState.COMPLETED
    assert resource_states(stopped) == ["active", "active", "retired"]
    failed.claim.refresh_from_db()
    assert failed.claim.state == ClaimState.RELEASED
    assert find_differences() == []


def test_given_up_while_others_are_under_way_the_order_goes_on(engine, order, requester):
    first = order.lines.first().resource
    engine.call(cancel_operation, first.operations.get().public_id, actor=requester)
    assert state(order) == OrderState.FAILED

    engine.run()

    assert state(order) == OrderState.COMPLETED
    assert resource_states(order) == ["active", "active", "retired"]


def test_all_given_up_the_order_is_undone(engine, order, requester):
    for line in order.lines.all():
        engine.call(cancel_operation, line.resource.operations.get().public_id, actor=requester)

    engine.run()

    assert state(order) == OrderState.CANCELED
    assert find_differences() == []


def test_cleaned_up_before_the_last_came_it_was_delivered_all_the_same(engine, stopped, requester):
    delivered = next(
        line.resource for line in stopped.lines.all() if line.resource.state == ResourceState.ACTIVE
    )
    engine.call(retire_resource, delivered.public_id, actor=requester, confirmation=delivered.name)
    engine.call(resume_operation, delivery_that_failed().public_id, actor=requester)

    engine.run()

    assert state(stopped) == OrderState.COMPLETED
