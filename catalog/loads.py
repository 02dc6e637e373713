"""How busy something is, by what the cloud counts, and whether less would do. Pure arithmetic.

The rules, with their reasons: docs/adr/0036.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Final

LONGEST_GAP: Final = timedelta(minutes=90)  # a mean over more would hide a busy hour
KEPT_DAYS: Final = 35
LEAST_DAYS: Final = 14
LEAST_SAMPLES_A_DAY: Final = 6
BUSY_PROCESSORS: Final = Decimal("0.20")
BUSY_MEMORY: Final = Decimal("0.40")
ROOM: Final = Decimal("1.5")  # times what was used at most
SHARE: Final = Decimal("0.0001")
_IMPRECISE: Final = Decimal("1.05")  # the two clocks do not tick alike


@dataclass(frozen=True, kw_only=True)
class Count:
    """What a cloud had counted at a moment; as ``portal.cloud.ports.ServerLoad``."""

    at: datetime
    processors: int
    cpu_milliseconds: int
    uptime_seconds: int | None


@dataclass(frozen=True)
class Worked:
    """For how long processors worked, and could have; in milliseconds, together."""

    done: int
    possible: int

    @property
    def share(self) -> Decimal:
        """Between 0 and 1, rounded up."""
        share = (Decimal(self.done) / self.possible).quantize(SHARE, rounding=ROUND_UP)
        return min(Decimal(1), share)


def worked_between(earlier: Count, later: Count) -> Worked | None:
    """What was done from one count to the next.

    None where nobody can tell: the count was set back, it is of another number of processors, there
    was too long between, or it says what cannot be.
    """
    passed = later.at - earlier.at
    done = later.cpu_milliseconds - earlier.cpu_milliseconds
    possible = int(passed / timedelta(milliseconds=1)) * later.processors
    if not timedelta(0) < passed <= LONGEST_GAP or not 0 < earlier.processors == later.processors:
        return None
    if done < 0 or _was_restarted(earlier, later) or done > possible * _IMPRECISE:
        return None
    return Worked(min(done, possible), possible)


def _was_restarted(earlier: Count, later: Count) -> bool:
    if earlier.uptime_seconds is None or later.uptime_seconds is None:
        return False
    return later.uptime_seconds < earlier.uptime_seconds


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What was measured of something as it is now, in the days that are kept.

    Attributes:
        days: how many have enough samples.
        processors: how much of them was used at most, between 0 and 1.
        memory: the same; None where the cloud does not tell it of every sample.
        busiest_memory: the most that it did tell, if anything.
    """

    days: int
    processors: Decimal
    memory: Decimal | None
    busiest_memory: Decimal | None

    @property
    def is_oversized(self) -> bool:
        """Long enough, and never busy."""
        return (
            self.days >= LEAST_DAYS
            and self.processors < BUSY_PROCESSORS
            and (self.busiest_memory is None or self.busiest_memory < BUSY_MEMORY)
        )


@dataclass(frozen=True)
class Size:
    """``memory`` is in any unit, the same for what is compared."""

    processors: int
    memory: int


def is_enough(size: Size, *, instead_of: Size, evidence: Evidence) -> bool:
    """Whether a smaller size has room for what was used at most, and half as much again.

    Where the cloud does not tell what memory is used, it has no less of that.
    """
    if size == instead_of or size.processors > instead_of.processors:
        return False
    if not 0 < size.memory <= instead_of.memory:
        return False
    used = Decimal(1) if evidence.memory is None else min(Decimal(1), evidence.memory * ROOM)
    return (
        size.processors >= evidence.processors * instead_of.processors * ROOM
        and size.memory >= used * instead_of.memory
    )
