"""An engine without a broker and without waiting: the test rings, and says when time has passed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.utils.timezone import now

import catalog.tasks
from catalog.models import Operation, OperationKind, Order, Resource, Step, StepState
from catalog.services.approvals import approve_order
from catalog.services.resources import retire_resource
from portal.cloud import forget_clouds, get_cloud
from portal.cloud.fake import FakeCloud
from portal.cloud.models import CloudProject
from tests.factories import place
from tests.factories.catalog import SPEC

__all__ = ["catalog"]  # the tasks must be registered before a message names one

MOST_MESSAGES = 300


@dataclass
class Engine:
    """Holds the messages that were sent; ``run`` plays the workers, one message at a time."""

    capture: Callable[..., Any]
    cloud: FakeCloud
    messages: deque[tuple[str, dict[str, Any]]] = field(default_factory=deque)

    def send(self, name: str, *, kwargs: dict[str, Any], **_options: Any) -> None:
        self.messages.append((name, kwargs))

    def call(self, action: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call something whose messages are to be sent when its transaction commits."""
        with self.capture(execute=True):
            return action(*args, **kwargs)

    def run(self) -> None:
        """Handle messages until none is left; every delay has passed by then."""
        for _ in range(MOST_MESSAGES):
            if not self.messages:
                return
            self.let_delays_pass()
            self.run_one()
        raise AssertionError("the engine does not come to rest")

    def run_one(self) -> None:
        name, kwargs = self.messages.popleft()
        self.call(current_app.tasks[name], **kwargs)

    def run_until(self, step: str, state: StepState) -> Step:
        """Handle messages until the step is in this state."""
        for _ in range(MOST_MESSAGES):
            found = Step.objects.filter(name=step, state=state).first()
            if found:
                return found
            self.let_delays_pass()
            self.run_one()
        raise AssertionError(f"{step} never became {state}")

    def let_delays_pass(self) -> None:
        """Every retry and poll is due, and the cloud has worked on meanwhile."""
        self.cloud.tick()
        past = now() - timedelta(seconds=10)
        Step.objects.filter(state=StepState.TODO).update(due_at=past)
        CloudProject.objects.update(next_poll_at=None)

    def let_leases_end(self) -> None:
        past = now() - timedelta(seconds=10)
        Step.objects.filter(state=StepState.RUNNING).update(leased_until=past, due_at=past)

    def sweep(self) -> None:
        """Lose every message, and let the sweep find what there is to do."""
        self.messages.clear()
        self.let_delays_pass()
        self.call(current_app.tasks["catalog.sweep"])


@pytest.fixture
def cloud(settings: Any) -> FakeCloud:
    settings.CLOUD_GATEWAY = "portal.cloud.fake.connect"
    forget_clouds()
    fake = get_cloud("sovereign")
    assert isinstance(fake, FakeCloud)
    return fake


@pytest.fixture
def engine(
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., Any],
    cloud: FakeCloud,
) -> Engine:
    engine = Engine(django_capture_on_commit_callbacks, cloud)
    monkeypatch.setattr("portal.core.dispatch.current_app.send_task", engine.send)
    return engine


@pytest.fixture
def approved(engine: Engine, requester: Any, approver: Any, project: Any, version: Any) -> Order:
    """An order that was approved; its first message lies ready."""
    order = place(requester, project, version)
    return engine.call(approve_order, order.public_id, approver=approver)


@pytest.fixture
def operation(approved: Order) -> Operation:
    return Operation.objects.get(resource__order_line__order=approved, kind=OperationKind.PROVISION)


@pytest.fixture
def resource(operation: Operation) -> Resource:
    return operation.resource


@pytest.fixture
def retire(engine: Engine, requester: Any) -> Callable[[Resource], Operation]:
    """Asks for a resource to be cleaned up, as its owner would."""

    def ask(resource: Resource) -> Operation:
        return engine.call(
            retire_resource, resource.public_id, actor=requester, confirmation=resource.name
        )

    return ask


@pytest.fixture
def start(
    engine: Engine, requester: Any, approver: Any, project: Any, version: Any
) -> Callable[..., Resource]:
    """Orders a server and has it approved; its first message lies ready."""

    def order(of: Any = None, **changes: Any) -> Resource:
        order = place(requester, project, of or version, spec={**SPEC, **changes})
        engine.call(approve_order, order.public_id, approver=approver)
        return Resource.objects.get(order_line__order=order)

    return order


@pytest.fixture
def deliver(engine: Engine, start: Callable[..., Resource]) -> Callable[..., Resource]:
    """Orders a server and lets the engine come to rest."""

    def order(**changes: Any) -> Resource:
        resource = start(**changes)
        engine.run()
        resource.refresh_from_db()
        return resource

    return order
