"""The same order on both brokers, whatever becomes of the messages and of the broker itself."""

from __future__ import annotations

import os
import runpy
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from amqp.exceptions import PreconditionFailed
from celery import Celery
from django.conf import settings
from django.urls import reverse

from catalog.models import OrderState, ResourceState
from local.environments import CHECKOUT
from local.stack import Parts
from local.stack_for_tests import stack_for_tests
from tests.faults.processes import killed_in_stack
from tests.logins import log_in
from tests.real.conftest import (
    assert_one_of_everything,
    delivery_of,
    finished,
    until,
    worker_variables,
)

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]

VALKEY_HOME = CHECKOUT / ".local-test-valkey"


@dataclass(frozen=True)
class Broker:
    """A broker that a stack at ``home`` runs, and an application that sends to it."""

    name: str
    home: Path
    url: str
    app: Celery

    def is_up(self) -> bool:
        address = urlsplit(self.url)
        with socket.socket() as client:
            return client.connect_ex((str(address.hostname), int(address.port or 0))) == 0

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Its connections stay open, and nothing is answered any more."""
        file = self.home / "run" / f"{self.name}.pid"
        process = int(file.read_text().split()[0])
        os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process, signal.SIGCONT)

    def kill(self) -> None:
        """Without a chance to tidy up; the stack's supervisor starts it again."""
        killed_in_stack(self.home, self.name)


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, tuple[Path, str]]]:
    """Home and address of each broker.

    Others use the Valkey of the whole stack meanwhile; the one that is killed here is another.
    """
    with stack_for_tests(VALKEY_HOME, Parts(portal=False, cloud=False)) as own:
        own.wait_for_databases()
        yield {
            "valkey": (own.home, own.settings()["CLOUDLOKET_BROKER_URL"]),
            "rabbitmq": (
                Path(os.environ["CLOUDLOKET_TEST_HOME"]),
                os.environ["CLOUDLOKET_TEST_RABBITMQ_URL"],
            ),
        }


@pytest.fixture(params=["valkey", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def broker(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    places: dict[str, tuple[Path, str]],
) -> Iterator[Broker]:
    """The broker that this process and its workers use; empty at first."""
    home, url = places[request.param]
    app = application(url, monkeypatch)
    monkeypatch.setattr("portal.core.dispatch.current_app", app)
    broker = Broker(request.param, home, url, app)
    until(broker.is_up, f"{broker.name} answers")
    purge(broker)
    yield broker
    app.close()


@pytest.fixture
def worker_environment(broker: Broker) -> dict[str, str]:
    return {**worker_variables(), "CLOUDLOKET_BROKER_URL": broker.url}


def application(url: str, monkeypatch: pytest.MonkeyPatch) -> Celery:
    """Celery as the portal's own settings make it for this broker."""
    monkeypatch.setenv("CLOUDLOKET_BROKER_URL", url)
    base = runpy.run_path(str(settings.BASE_DIR / "portal" / "settings" / "base.py"))
    monkeypatch.setattr(settings, "SHORTEST_DELAY", base["SHORTEST_DELAY"])
    app = Celery("cloudloket", set_as_current=False)
    app.config_from_object(
        {n: v for n, v in base.items() if n.startswith("CELERY_")}, namespace="CELERY"
    )
    return app


def purge(broker: Broker) -> int:
    """Empty the queues, of which the workers may have made none yet; return what was in them."""
    with broker.app.connection_for_write() as connection:
        bound = [
            queue.bind(connection.default_channel) for queue in broker.app.amqp.queues.values()
        ]
        for queue in bound:
            queue.declare()
        return sum(queue.purge() for queue in bound)


def test_messages_alone_deliver_a_server(broker, approve, worker, operator):
    worker.start(with_beat=False)

    resource = finished(approve())

    assert resource.state == ResourceState.ACTIVE
    assert_one_of_everything(operator, resource)


def test_lost_messages_are_made_good_by_the_sweep(broker, approve, worker, operator):
    operation = approve()
    assert purge(broker) == 1

    worker.start()

    assert_one_of_everything(operator, finished(operation))


def test_doubled_messages_deliver_one_server(broker, approve, worker, operator):
    operation = approve()
    for _ in range(20):
        broker.app.send_task(
            "catalog.run_operation", kwargs={"operation_id": operation.pk}, queue="interactive"
        )

    worker.start()

    assert_one_of_everything(operator, finished(operation))


def test_work_goes_on_after_the_broker_was_killed(broker, approve, worker, operator):
    operation = approve()
    worker.start()
    until(operation.steps.exclude(external_id="").exists, "the worker is on its way")

    broker.kill()
    until(broker.is_up, f"{broker.name} answers")
    purge(broker)  # what it kept is lost: the sweep has to find the work

    assert_one_of_everything(operator, finished(operation))


@pytest.mark.parametrize("answers", ["with a refusal", "not at all"])
def test_approval_stands_while_the_broker_is_down(
    broker, answers, client, submit, approver, worker, operator, monkeypatch
):
    order = submit()
    log_in(client, approver)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        if answers == "with a refusal":
            silent.close()
            down = "127.0.0.1:1"
        else:
            down = f"127.0.0.1:{silent.getsockname()[1]}"
        app = application(
            broker.url.replace(urlsplit(broker.url).netloc.rpartition("@")[2], down), monkeypatch
        )
        monkeypatch.setattr("portal.core.dispatch.current_app", app)
        response = client.post(reverse("catalog:approval-approve", args=[order.public_id]))

    assert response.headers["Location"] == reverse("catalog:order", args=[order.public_id])
    order.refresh_from_db()
    assert order.state == OrderState.PROVISIONING
    worker.start()
    assert_one_of_everything(operator, finished(delivery_of(order)))


def test_nobody_waits_long_for_a_broker_that_stands_still(broker, client, submit, approver):
    order = submit()
    log_in(client, approver)
    # One connection that is open; an earlier test may have left one that is not.
    broker.app.send_task("catalog.sweep", queue="interactive", retry=True)

    with broker.standing_still():
        began = time.monotonic()
        client.post(reverse("catalog:approval-approve", args=[order.public_id]))
        waited = time.monotonic() - began

    order.refresh_from_db()
    assert order.state == OrderState.PROVISIONING
    assert waited < 5 * settings.BROKER_TIMEOUT


@pytest.mark.rabbitmq
@pytest.mark.parametrize("broker", ["rabbitmq"], indirect=True)
@pytest.mark.parametrize("name", ["interactive", "bulk", "billing"])
def test_queues_of_rabbitmq_are_kept_by_a_quorum(broker, name):
    with broker.app.connection_for_write() as connection:
        channel = connection.channel()
        channel.queue_declare(
            name, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"}
        )
        with pytest.raises(PreconditionFailed, match="x-queue-type"):
            channel.queue_declare(
                name, durable=True, auto_delete=False, arguments={"x-queue-type": "classic"}
            )
