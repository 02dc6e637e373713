"""Several people at once: real threads, real transactions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from django.db import Error, connection

from portal.core.errors import DomainError

PATIENCE: Final = 20  # seconds
HELD_OUTSIDE: Final = 3  # seconds; less than PostgreSQL lets anybody wait for a lock
LOOK_SECONDS: Final = 0.02


def at_once(*actions: Callable[[], Any]) -> list[str]:
    """What came out of each action, in a thread of its own: "done", or the name of the refusal."""
    outcomes = [""] * len(actions)

    def run(number: int) -> None:
        try:
            actions[number]()
            outcomes[number] = "done"
        except (DomainError, Error) as refusal:
            outcomes[number] = type(refusal).__name__
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return outcomes


def meeting(look: Callable[..., Any], *, people: int = 2) -> Callable[..., Any]:
    """``look``, after which everybody waits until all have looked.

    They never meet while a lock keeps the others outside: who holds that lock goes on as soon as
    PostgreSQL has one of them wait for it, or after a while.
    """
    arrived = iter(range(1, people + 1))
    is_over = threading.Event()

    def look_then_wait(*arguments: Any, **named: Any) -> Any:
        found = look(*arguments, **named)
        if next(arrived, people) == people:
            is_over.set()
        until = time.monotonic() + HELD_OUTSIDE
        while not is_over.wait(LOOK_SECONDS):
            if _keeps_somebody_outside() or time.monotonic() > until:
                is_over.set()
        return found

    return look_then_wait


def _keeps_somebody_outside() -> bool:
    """True when somebody waits for a lock of ours. Unlike pg_stat_activity, pg_locks tells now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
        )
        (is_waited_for,) = cursor.fetchone()
    return bool(is_waited_for)
