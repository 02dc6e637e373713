"""Two people who do the same thing at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection


def let_both_look_first(patch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """Whoever comes to this check waits for the other after it: neither has written yet.

    They never meet while a lock keeps the other outside, and then go on after a second.
    """
    both_looked = threading.Barrier(2)
    look = getattr(module, name)

    def look_then_wait_for_the_other(*arguments: Any) -> Any:
        answer = look(*arguments)
        try:
            both_looked.wait(timeout=1)
        except threading.BrokenBarrierError:
            return answer
        return answer

    patch.setattr(module, name, look_then_wait_for_the_other)


def do_at_once(
    acts: Sequence[Callable[[], object]], refusals: tuple[type[Exception], ...]
) -> list[str]:
    """Do all of it, each in a thread of its own: sorted, "done" or the name of the refusal."""
    outcomes: list[str] = []

    def attempt(act: Callable[[], object]) -> None:
        try:
            act()
            outcomes.append("done")
        except refusals as refusal:
            outcomes.append(type(refusal).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    return sorted(outcomes)
