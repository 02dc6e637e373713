"""Several people at once: real threads, real transactions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from django.db import Error, connection

from portal.core.errors import DomainError

PATIENCE: Final = 20  # seconds
HELD_OUTSIDE: Final = 2  # seconds; long enough for a busy machine to start a thread


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

    They never meet while a lock keeps the others outside: then each goes on after a while.
    """
    all_looked = threading.Barrier(people)

    def look_then_wait(*arguments: Any, **named: Any) -> Any:
        found = look(*arguments, **named)
        try:
            all_looked.wait(timeout=HELD_OUTSIDE)
        except threading.BrokenBarrierError:
            return found
        return found

    return look_then_wait
