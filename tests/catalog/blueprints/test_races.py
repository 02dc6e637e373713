"""Two needs that come to their end at the same moment: real threads, real transactions."""

import pytest

from catalog.kinds.base import Done
from catalog.models import Operation, OperationKind, Step, StepState
from catalog.provisioning import outcomes
from catalog.provisioning.claims import claim_next_step
from catalog.provisioning.outcomes import complete_step
from catalog.services import completion, resources, waiting
from catalog.services.approvals import approve_order
from catalog.services.operations import lock_resource
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def last_needs(sent_tasks, cloud, order, approver):
    """Both servers are at their last step, and all else that the entrance needs runs."""
    approve_order(order.public_id, approver=approver)
    deliveries = {
        operation.resource.order_line.part: operation
        for operation in Operation.objects.select_related("resource__order_line")
    }
    finish(deliveries["network"])
    finish(deliveries["web"])
    held = []
    for key in ("web-1", "web-2"):
        steps = deliveries[key].steps
        last = steps.order_by("position").last()
        steps.exclude(pk=last.pk).update(state=StepState.DONE)
        held.append(claim_next_step(deliveries[key].pk))
    sent_tasks.clear()
    return held, deliveries["entrance"]


def finish(operation):
    """Complete its last step, as if all before it were done."""
    last = operation.steps.order_by("position").last()
    operation.steps.exclude(pk=last.pk).update(state=StepState.DONE)
    complete_step(claim_next_step(operation.pk), Done())


def rung(sent_tasks, operation):
    return [task for task, values in sent_tasks if values.get("operation_id") == operation.pk]


def meet_before_ringing(monkeypatch):
    """Both have let their own thing run before either looks who waits for it."""
    activate = completion.activate_resource
    meet = meeting(lambda resource, facts: activate(resource, **facts))
    monkeypatch.setattr(
        completion, "activate_resource", lambda resource, **facts: meet(resource, facts)
    )


def test_the_second_of_two_rings(monkeypatch, sent_tasks, last_needs):
    held, entrance = last_needs
    meet_before_ringing(monkeypatch)

    ended = at_once(*[lambda one=one: complete_step(one, Done()) for one in held])

    assert ended == ["done", "done"]
    assert rung(sent_tasks, entrance)
    assert claim_next_step(entrance.pk) is not None


def test_without_the_lock_on_the_order_nobody_rings(monkeypatch, sent_tasks, last_needs):
    """The twin: each sees only its own, and only the sweep finds what waits."""
    held, entrance = last_needs
    look = meeting(completion.ring_those_that_waited)
    monkeypatch.setattr(completion, "ring_those_that_waited", look)
    monkeypatch.setattr(outcomes, "lock_order_and_resource", lock_resource)
    monkeypatch.setattr(resources, "lock_order_and_resource", lock_resource)
    monkeypatch.setattr(resources, "_follow", lambda order: None)
    monkeypatch.setattr(resources, "record", lambda *what, **facts: None)  # locks the trail

    at_once(*[lambda one=one: complete_step(one, Done()) for one in held])

    assert not rung(sent_tasks, entrance)
    due = Step.objects.filter(operation=entrance, position=1, state=StepState.TODO)
    waits = Operation.objects.filter(waiting.HAS_TO_WAIT, kind=OperationKind.PROVISION)
    assert due.exists()
    assert not waits.filter(pk=entrance.pk).exists()
