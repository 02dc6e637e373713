"""Two needs that come to their end at the same moment: real threads, real transactions."""

import pytest

from catalog.kinds.base import Done
from catalog.models import Operation, OperationKind, Step, StepState
from catalog.provisioning import outcomes
from catalog.provisioning.claims import claim_next_step
from catalog.provisioning.outcomes import complete_step
from catalog.services import waiting
from catalog.services.approvals import approve_order
from catalog.services.operations import lock_resource
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def last_needs(sent_tasks, cloud, order, approver):
    """Both servers are about to have an address, and nothing else keeps the entrance waiting."""
    approve_order(order.public_id, approver=approver)
    deliveries = {
        operation.resource.order_line.part: operation
        for operation in Operation.objects.select_related("resource__order_line")
    }
    complete_step(about_to(deliveries["network"], "subnet"), Done())
    complete_step(about_to(deliveries["web"], "security_group"), Done())
    held = [about_to(deliveries[key], "port") for key in ("web-1", "web-2")]
    deliveries["entrance"].steps.filter(goes_ahead=True).update(state=StepState.DONE)
    sent_tasks.clear()
    return held, deliveries["entrance"]


def about_to(operation, name):
    """Take the step, as if all before it were done."""
    step = operation.steps.get(name=name)
    operation.steps.filter(position__lt=step.position).update(state=StepState.DONE)
    return claim_next_step(operation.pk)


def rung(sent_tasks, operation):
    return [task for task, values in sent_tasks if values.get("operation_id") == operation.pk]


def test_the_second_of_two_rings(monkeypatch, sent_tasks, last_needs):
    """Neither looks who waits for it before both have written what they did."""
    held, entrance = last_needs
    monkeypatch.setattr(outcomes, "_remember", meeting(outcomes._remember))

    ended = at_once(*[lambda one=one: complete_step(one, Done()) for one in held])

    assert ended == ["done", "done"]
    assert rung(sent_tasks, entrance)
    assert claim_next_step(entrance.pk) is not None


def test_without_the_lock_on_the_order_nobody_rings(monkeypatch, sent_tasks, last_needs):
    """The twin: each sees only its own, and only the sweep finds what waits."""
    held, entrance = last_needs
    monkeypatch.setattr(
        outcomes, "ring_those_that_waited", meeting(outcomes.ring_those_that_waited)
    )
    monkeypatch.setattr(
        outcomes, "lock_for_end", lambda operation: lock_resource(operation.resource)
    )

    at_once(*[lambda one=one: complete_step(one, Done()) for one in held])

    assert not rung(sent_tasks, entrance)
    due = Step.objects.filter(operation=entrance, name="network", state=StepState.TODO)
    waits = Operation.objects.filter(waiting.HAS_TO_WAIT, kind=OperationKind.PROVISION)
    assert due.exists()
    assert not waits.filter(pk=entrance.pk).exists()
