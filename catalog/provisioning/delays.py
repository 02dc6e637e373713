"""How long to wait before trying again."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Final

FIRST_DELAY: Final = timedelta(seconds=1)
LONGEST_DELAY: Final = timedelta(seconds=30)
# Once more this often for a young wait; what takes long is looked at less often.
POLL_DELAYS: Final = (
    (timedelta(seconds=15), timedelta(seconds=0.25)),
    (timedelta(seconds=60), timedelta(seconds=1)),
)
SLOWEST_POLL: Final = timedelta(seconds=5)
# Looking must not slow down what is looked at: a pause lasts this many times the look before it.
_PAUSE_PER_LOOK: Final = 3
# What begins to wait brings the next look forward, unless it comes by then anyway.
SOON: Final = timedelta(seconds=1)


def retry_delay(failures: int) -> timedelta:
    """The delay after so many failures in a row: 1, 2, 4 … 30 s, spread by a quarter either way.

    The spread keeps many steps that failed together from coming back together.
    """
    doublings = min(max(failures - 1, 0), 10)
    doubled = FIRST_DELAY * (1 << doublings)
    spread = random.uniform(0.75, 1.25)  # noqa: S311  (no secret)
    return min(doubled, LONGEST_DELAY) * spread


def poll_delay(youngest_wait: timedelta) -> timedelta:
    """The delay until the next look at a cloud project whose youngest wait is so old."""
    for age, delay in POLL_DELAYS:
        if youngest_wait < age:
            return delay
    return SLOWEST_POLL


def pause_after(look: timedelta, delay: timedelta) -> timedelta:
    """How long nobody looks again after a look that took so long, where ``delay`` would do."""
    return max(delay, min(look * _PAUSE_PER_LOOK, SLOWEST_POLL))
