"""Ringing the worker, also when nobody opens."""

from __future__ import annotations

import socket
import time

import pytest
from celery import Celery
from django.db import transaction
from kombu.exceptions import OperationalError

from portal.core.dispatch import enqueue_on_commit

pytestmark = pytest.mark.django_db(transaction=True)


class Broker:
    """Takes messages or, while it is down, none."""

    def __init__(self) -> None:
        self.is_down = False
        self.tried: list[int] = []

    def send_task(self, _name: str, *, kwargs: dict[str, int], **_: object) -> None:
        self.tried.append(kwargs["number"])
        if self.is_down:
            raise OperationalError("no answer")


@pytest.fixture
def broker(monkeypatch):
    broker = Broker()
    monkeypatch.setattr("portal.core.dispatch.current_app", broker)
    return broker


def ring(*numbers: int) -> None:
    with transaction.atomic(durable=True):
        for number in numbers:
            enqueue_on_commit("catalog.sweep", number=number)


def test_every_message_is_sent(broker):
    ring(1, 2, 3)

    assert broker.tried == [1, 2, 3]


def test_after_one_that_was_not_taken_no_other_of_the_transaction_is_tried(broker):
    broker.is_down = True

    ring(1, 2, 3)

    assert broker.tried == [1]


def test_next_transaction_tries_again(broker):
    broker.is_down = True
    ring(1, 2)
    broker.is_down = False

    ring(3, 4)

    assert broker.tried == [1, 3, 4]


def test_fifty_messages_wait_once_for_a_broker_that_says_nothing(monkeypatch, settings):
    settings.BROKER_TIMEOUT = 1
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        app = Celery(broker=f"redis://127.0.0.1:{port}/0", set_as_current=False)
        app.conf.broker_transport_options = {"socket_timeout": 1, "socket_connect_timeout": 1}
        app.conf.task_publish_retry = False
        monkeypatch.setattr("portal.core.dispatch.current_app", app)
        began = time.monotonic()

        ring(*range(50))

        waited = time.monotonic() - began
    assert 0.5 < waited < 20  # one by one it were fifty seconds or more
