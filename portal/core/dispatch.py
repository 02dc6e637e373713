"""Ringing the worker's doorbell."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import transaction


@dataclass
class _Series:
    """The messages of one transaction."""

    is_given_up: bool = False


@dataclass(frozen=True)
class _Ring:
    """One message, to be sent after the commit."""

    task_name: str
    options: dict[str, Any]
    series: _Series = field(default_factory=lambda: _series_of_now() or _Series())

    def send(self) -> None:
        """Send it, unless the broker took none of the same series before."""
        if self.series.is_given_up:
            return
        self.series.is_given_up = True  # unless the next line comes to its end
        current_app.send_task(
            self.task_name, confirm_timeout=settings.BROKER_TIMEOUT, **self.options
        )
        self.series.is_given_up = False


def _series_of_now() -> _Series | None:
    waiting = transaction.get_connection().run_on_commit
    rings = (getattr(send, "__self__", None) for _, send, _ in reversed(waiting))
    return next((ring.series for ring in rings if isinstance(ring, _Ring)), None)


def enqueue_on_commit(
    task_name: str,
    *,
    queue: str = "interactive",
    delay: timedelta = timedelta(),
    lasts: timedelta | None = None,
    **kwargs: Any,
) -> None:
    """Send the task after the current transaction commits.

    The message carries primary keys only. Losing it is allowed: the row it points at is the
    truth, and the periodic sweep finds rows that no worker picked up. Hence ``robust``: with the
    broker down the failure is logged, and the person still sees the success that was committed.
    That person waits once: after a message that the broker did not take, no other of the same
    transaction is tried.

    Args:
        lasts: what no worker came to for so long is thrown away; for what is rung again anyway.
    """

    pause = max(delay, settings.SHORTEST_DELAY) if delay else delay
    options = {
        "kwargs": kwargs,
        "queue": queue,
        "countdown": pause.total_seconds() or None,
        "expires": lasts.total_seconds() if lasts else None,
    }
    transaction.on_commit(_Ring(task_name, options).send, robust=True)
