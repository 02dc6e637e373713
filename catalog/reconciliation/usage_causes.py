"""Why what was metered of a resource is not what the cloud counts. Pure: no query, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from catalog.models import UsageCause
from portal.cloud.ports import CloudObject, ServerUsage
from portal.core.calendar import Period, whole_second

# We meter whole seconds, and from when we asked until we saw it; nobody has to explain less.
NEGLIGIBLE_SECONDS: Final = 60
_MILLIONTH: Final = Decimal("0.000001")


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One reason; ``difference`` is ours less the cloud's, in the unit of the measure."""

    cause: UsageCause
    name: str
    openstack_id: str
    resource: UUID | None
    difference: Decimal

    def as_json(self) -> dict[str, Any]:
        """For ``UsageCheck.causes``."""
        return {
            "cause": self.cause.value,
            "name": self.name,
            "openstack_id": self.openstack_id,
            "resource": str(self.resource or ""),
            "difference": str(self.difference),
        }


@dataclass(frozen=True)
class Compared:
    """One resource, or one thing that is nobody's: both figures, and why they differ."""

    metered: Decimal
    told: Decimal
    causes: Sequence[Cause] = ()


@dataclass(frozen=True, order=True)
class Stretch:
    """A time within the period, in whole seconds since the epoch."""

    start: int
    end: int

    @classmethod
    def within(cls, period: Period, start: datetime, end: datetime | None) -> Stretch:
        """What of it falls in the period; of what lasts still (None) that is until its end."""
        first = max(start, period.start)
        last = min(end or period.end, period.end)
        return cls(_seconds(first), max(_seconds(first), _seconds(last)))

    @property
    def seconds(self) -> int:
        return self.end - self.start


def compare_times(
    asked: Period,
    ours: Iterable[Stretch],
    usages: Sequence[ServerUsage],
    *,
    name: str,
    openstack_id: str,
    resource: UUID | None = None,
) -> Compared:
    """Compare a server's time, in hours: where it begins, where it ends, and what is between.

    Args:
        ours: in any order; those of several SKUs may overlap.
        usages: several where a repair made the server anew.
    """
    metered = _merged(ours)
    told = _merged(Stretch.within(asked, use.started_at, use.ended_at) for use in usages)
    seconds = sum(use.seconds for use in usages)
    causes = [
        Cause(
            cause=cause,
            name=name,
            openstack_id=openstack_id,
            resource=resource,
            difference=_hours(difference),
        )
        for cause, difference in _why(metered, told, seconds)
        if abs(difference) > NEGLIGIBLE_SECONDS
    ]
    return Compared(_hours(_total(metered)), _hours(seconds), causes)


def compare_sizes(
    ours: Decimal, things: Sequence[CloudObject], *, name: str, resource: UUID | None = None
) -> Compared:
    """Compare how many GiB are metered with how large the things in the cloud are."""
    told = sum((Decimal(str(thing.details["size_gib"])) for thing in things), Decimal(0))
    if ours == told:
        return Compared(ours, told)
    why = UsageCause.UNKNOWN if not ours else UsageCause.SIZE if things else UsageCause.ABSENT
    openstack_id = things[0].id if things else ""
    cause = Cause(
        cause=why, name=name, openstack_id=openstack_id, resource=resource, difference=ours - told
    )
    return Compared(ours, told, [cause])


def _why(
    ours: Sequence[Stretch], theirs: Sequence[Stretch], told: int
) -> Iterator[tuple[UsageCause, int]]:
    """Parts of the difference, in seconds; together they are the whole of it."""
    difference = _total(ours) - told
    if not theirs:
        yield UsageCause.ABSENT, difference
    elif not ours:
        yield UsageCause.UNKNOWN, difference
    else:
        begins, ends = theirs[0].start - ours[0].start, ours[-1].end - theirs[-1].end
        yield UsageCause.BEGINS, begins
        yield UsageCause.ENDS, ends
        yield UsageCause.PAUSED, difference - begins - ends


def _merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """In order, and what touches or overlaps as one; what lasted no second is left out."""
    merged: list[Stretch] = []
    for stretch in sorted(one for one in stretches if one.seconds):
        if merged and stretch.start <= merged[-1].end:
            last = merged.pop()
            stretch = Stretch(last.start, max(last.end, stretch.end))
        merged.append(stretch)
    return merged


def _total(stretches: Iterable[Stretch]) -> int:
    return sum(stretch.seconds for stretch in stretches)


def _seconds(moment: datetime) -> int:
    return int(whole_second(moment.astimezone(UTC)).timestamp())


def _hours(seconds: int) -> Decimal:
    return (Decimal(seconds) / 3600).quantize(_MILLIONTH)
