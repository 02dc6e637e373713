"""Asking the clouds how busy what runs in them is; what they told is kept for some weeks.

The rules, with their reasons: docs/adr/0036. Nothing is paid by this, so what goes wrong costs
nothing but knowledge.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from catalog.kinds import all_kinds, get_kind
from catalog.loads import (
    BUSY_MEMORY,
    KEPT_DAYS,
    Count,
    Worked,
    worked_between,
)
from catalog.models import CloudLook, LoadDay, Resource, ResourceLoad, ResourceState
from catalog.services.size_advice import judge_size
from portal.cloud import get_cloud
from portal.cloud.models import Cloud
from portal.cloud.ports import (
    CloudError,
    CloudMissing,
    CloudRefused,
    CloudUnavailable,
    ServerLoad,
)
from portal.core.calendar import day_of, whole_second
from portal.core.faults import each_by_itself

logger = logging.getLogger(__name__)

EVERY: Final = timedelta(hours=1)
MOST_AT_ONCE: Final = 500  # in one cloud; what is left waits for the next round, minutes later
AFTER_REFUSAL: Final = timedelta(days=1)
AWAY_AFTER: Final = 3  # questions without an answer in a row; fewer may be of one compute host
_OF_THIS_ONE: Final = frozenset({409, 501})  # it does not run, or its hypervisor cannot tell
_FORBIDDEN: Final = 403
NO_LESS: Final = {"less": {}, "saving": Decimal(0)}


def take_loads(*, at: datetime) -> int:
    """Ask each cloud about what it was not asked about in the last hour, and forget what is old.

    A cloud that is away, or that refuses, stops only itself; a server whose host is away not even
    that. May be broken off anywhere.

    Returns:
        The number of answers that told something.
    """
    moment = whole_second(at)
    forget_loads(day_of(moment))
    if not settings.SERVER_LOADS:
        return 0
    clouds = Cloud.objects.filter(key__in=settings.CLOUDS)
    return each_by_itself(lambda cloud: _ask(cloud, moment), clouds)


def forget_loads(today: date) -> None:
    """Remove what is too old to judge by, and what is known of what does not run any more."""
    LoadDay.objects.filter(day__lte=today - timedelta(days=KEPT_DAYS)).delete()
    left = ~Q(resource__state=ResourceState.ACTIVE)
    LoadDay.objects.filter(left).delete()
    ResourceLoad.objects.filter(left).delete()


def _ask(cloud: Cloud, at: datetime) -> int:
    if CloudLook.objects.filter(cloud=cloud, loads_due_at__gt=at).exists():
        return 0
    _begin(cloud)
    gateway, taken, began = get_cloud(cloud.key), 0, time.monotonic()
    unanswered = 0  # in a row
    for load in _claimed(cloud, at):
        part = get_kind(load.resource.kind).load_part
        try:
            told = gateway.server_load(load.resource.cloud_ids[part])
        except (CloudUnavailable, CloudRefused) as error:
            if isinstance(error, CloudRefused) and error.status == _FORBIDDEN:
                _note_refusal(cloud, at, error)
                break
            unanswered = unanswered + 1 if _is_without_answer(error) else 0
            if not isinstance(error, CloudMissing) and error.status not in _OF_THIS_ONE:
                logger.warning("how busy a server in %s is: %s", cloud.key, error)
            if unanswered == AWAY_AFTER:
                break
            continue
        unanswered = 0
        _note_answer(cloud)
        told_at = at + timedelta(seconds=int(time.monotonic() - began))
        taken += take_load(load.pk, tried_at=at, told_at=told_at, told=told)
    return taken


def _is_without_answer(error: CloudError) -> bool:
    """Whether this may be of the whole cloud; of a host that is away Nova says 500, or nothing."""
    return isinstance(error, CloudUnavailable) and error.status not in _OF_THIS_ONE


def _asked_about(cloud: Cloud) -> QuerySet[Resource]:
    """What runs of which the cloud tells how busy it is, and that can become smaller."""
    kinds = [kind for kind in all_kinds() if kind.load_part]
    chosen = [
        Q(kind=kind.key, cloud_ids__has_key=kind.load_part)
        & ~(kind.idle_when.holds if kind.idle_when else Q(pk=None))
        for kind in kinds
    ]
    running = Resource.objects.filter(
        cloud_project__cloud=cloud, state=ResourceState.ACTIVE, found_as=None
    )
    return running.filter(reduce(or_, chosen, Q(pk=None)))


def _begin(cloud: Cloud) -> None:
    """A row for everything that has none."""
    new = _asked_about(cloud).filter(load=None).values_list("pk", flat=True)
    rows = [ResourceLoad(resource_id=pk) for pk in new]
    ResourceLoad.objects.bulk_create(rows, ignore_conflicts=True)


def _claimed(cloud: Cloud, at: datetime) -> Iterator[ResourceLoad]:
    """What is due, longest ago first, each claimed when its turn has come.

    So nobody else asks it, and the next round begins with others where this one is broken off.
    """
    waits = Q(tried_at=None) | Q(tried_at__lte=at - EVERY) | Q(tried_at__gt=at)
    due = ResourceLoad.objects.filter(waits, resource__in=_asked_about(cloud))
    longest_first = due.select_related("resource").order_by(F("tried_at").asc(nulls_first=True))
    for load in longest_first[:MOST_AT_ONCE]:
        rows = ResourceLoad.objects.filter(pk=load.pk, tried_at=load.tried_at)
        if rows.update(tried_at=at):
            yield load


def _note_refusal(cloud: Cloud, at: datetime, error: CloudRefused) -> None:
    """Operators are told as long as it lasts; the log says it once."""
    look, _is_new = CloudLook.objects.get_or_create(cloud=cloud, defaults={"due_at": at})
    if look.loads_refused_at is None:
        logger.warning("%s does not let us read how busy servers are: %s", cloud.key, error)
    CloudLook.objects.filter(pk=look.pk).update(
        loads_refused_at=look.loads_refused_at or at, loads_due_at=at + AFTER_REFUSAL
    )


def _note_answer(cloud: Cloud) -> None:
    refused = CloudLook.objects.filter(cloud=cloud, loads_refused_at__isnull=False)
    refused.update(loads_refused_at=None, loads_due_at=None)


def take_load(load_id: int, *, tried_at: datetime, told_at: datetime, told: ServerLoad) -> bool:
    """Write down what the cloud told, and judge whether less would do.

    Once a day, and at once where it is more than the hint of today rests on.

    Args:
        tried_at: with which the question was claimed.

    Returns:
        False when nothing came of it: somebody asked anew since, it does not run any more, or it
        is the first count of a row.
    """
    is_taken = _write(load_id, tried_at, told_at, told)
    day = day_of(told_at)
    if is_taken and not ResourceLoad.objects.filter(pk=load_id, judged_on=day).exists():
        judge_size(load_id, on=day)
    return is_taken


@transaction.atomic(durable=True)
def _write(load_id: int, tried_at: datetime, told_at: datetime, told: ServerLoad) -> bool:
    load = ResourceLoad.objects.select_for_update().get(pk=load_id)
    resource = load.resource
    if load.tried_at != tried_at or resource.state != ResourceState.ACTIVE:
        return False
    last, count = _last(load), _count(told, told_at)
    size = get_kind(resource.kind).size_of(resource.spec)
    if load.present != size or (last and count and last.processors != count.processors):
        _forget_size(load)
        last = None
    worked = worked_between(last, count) if last and count else None
    if worked:
        _add(load, day_of(told_at), worked, told.memory_share)
    load.present = size
    load.told_at = count.at if count else None
    load.processors = count.processors if count else None
    load.cpu_milliseconds = count.cpu_milliseconds if count else None
    load.uptime_seconds = count.uptime_seconds if count else None
    load.save(update_fields=["present", "told_at", "processors", *_COUNTED])
    return worked is not None


_COUNTED: Final = ("cpu_milliseconds", "uptime_seconds")


def _last(load: ResourceLoad) -> Count | None:
    if load.told_at is None or load.processors is None or load.cpu_milliseconds is None:
        return None
    return Count(
        at=load.told_at,
        processors=load.processors,
        cpu_milliseconds=load.cpu_milliseconds,
        uptime_seconds=load.uptime_seconds,
    )


def _count(told: ServerLoad, at: datetime) -> Count | None:
    """None where the hypervisor does not count, or nobody can believe it."""
    if told.cpu_milliseconds is None or told.cpu_milliseconds < 0 or told.processors < 1:
        return None
    return Count(
        at=at,
        processors=told.processors,
        cpu_milliseconds=told.cpu_milliseconds,
        uptime_seconds=told.uptime_seconds,
    )


def _forget_size(load: ResourceLoad) -> None:
    """What was counted while it was larger or smaller says nothing of how it is now."""
    LoadDay.objects.filter(resource=load.resource_id).delete()
    ResourceLoad.objects.filter(pk=load.pk).update(judged_on=None, **NO_LESS)


def _add(load: ResourceLoad, day: date, worked: Worked, memory: Decimal | None) -> None:
    row, _is_new = LoadDay.objects.get_or_create(resource_id=load.resource_id, day=day)
    row.samples += 1
    row.worked += worked.done
    row.possible += worked.possible
    row.processors_used = max(row.processors_used, worked.share)
    if memory is not None:
        row.memory_samples += 1
        row.memory_used = max(row.memory_used or Decimal(0), memory)
    row.save()
    if load.less and _disproves(load, worked.share, memory):
        ResourceLoad.objects.filter(pk=load.pk).update(judged_on=None, **NO_LESS)


def _disproves(load: ResourceLoad, share: Decimal, memory: Decimal | None) -> bool:
    """Whether a sample says other than what the hint of this resource rests on."""
    if share > load.processors_used:
        return True
    if load.memory_used is not None:
        return memory is None or memory > load.memory_used
    return memory is not None and memory >= BUSY_MEMORY
