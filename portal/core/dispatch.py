"""Ringing the worker's doorbell."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import transaction


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

    Args:
        lasts: what no worker came to for so long is thrown away; for what is rung again anyway.
    """

    pause = max(delay, settings.SHORTEST_DELAY) if delay else delay

    def send() -> None:
        current_app.send_task(
            task_name,
            kwargs=kwargs,
            queue=queue,
            countdown=pause.total_seconds() or None,
            expires=lasts.total_seconds() if lasts else None,
            confirm_timeout=settings.BROKER_TIMEOUT,
        )

    transaction.on_commit(send, robust=True)
