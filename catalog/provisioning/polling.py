"""Settling what waits for the cloud: one look per cloud project, however much waits in it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError
from django.db.models import Q
from django.utils.timezone import now

from catalog.kinds.base import Done, Look, Outcome, Wait
from catalog.models import (
    Operation,
    OperationQueue,
    OperationState,
    Step,
    StepFault,
    StepState,
)
from catalog.provisioning.claims import PEOPLE_FIRST, WITH_EVERYTHING, Held, Overtaken
from catalog.provisioning.context import WorkingContext
from catalog.provisioning.delays import SLOWEST_POLL, pause_after, poll_delay
from catalog.provisioning.outcomes import LONGEST_TRYING, fail_step, write_outcome
from catalog.provisioning.pacing import leave_alone
from catalog.provisioning.plans import get_definition
from portal.cloud import get_cloud
from portal.cloud.models import CloudProject
from portal.cloud.ports import CloudError, CloudObject, CloudRefused, Listing
from portal.core.dispatch import enqueue_on_commit

logger = logging.getLogger(__name__)

TOO_LONG: Final = "the cloud has been busy with this for more than {minutes} minutes"
# A message that comes this early still counts for its tick: clocks of machines differ.
_EARLY: Final = timedelta(milliseconds=50)


def poll_cloud_project(cloud_project_id: int) -> list[Operation]:
    """Look once at everything that waits in the cloud project, unless somebody just did.

    Returns:
        The operations that can go on, those of people first.
    """
    waiting = _waiting_steps(cloud_project_id)
    if not waiting:
        return []
    at = now()
    delay = poll_delay(at - max(held.step.due_at for held in waiting))
    if not take_tick(cloud_project_id, at, delay):
        return []
    look, errors = _look(waiting[0].step.operation.resource.cloud_project, waiting)
    pause = pause_after(now() - at, delay)
    seen = [held for held in waiting if not held.definition.reads & errors.keys()]
    settled = [held for held in seen if _settle(held, look)]
    if errors:
        _put_off(cloud_project_id, waiting, errors)
        _give_up_unseen(waiting, errors)
    elif len(settled) < len(waiting):
        next_at = now() + pause
        # Unless who began to wait meanwhile brought it forward, and rang for that.
        CloudProject.objects.filter(pk=cloud_project_id, next_poll_at=at + delay).update(
            next_poll_at=next_at
        )
        _ring_again(cloud_project_id, waiting, next_at)
    return [held.step.operation for held in settled]


def take_tick(cloud_project_id: int, at: datetime, delay: timedelta) -> bool:
    """The conditional UPDATE that makes this look ours and says when the next one is due."""
    due = Q(next_poll_at=None) | Q(next_poll_at__lte=at + _EARLY)
    return bool(
        CloudProject.objects.filter(due, pk=cloud_project_id).update(next_poll_at=at + delay)
    )


def _waiting_steps(cloud_project_id: int) -> list[Held]:
    steps = (
        Step.objects.select_related(*WITH_EVERYTHING)
        .filter(
            state=StepState.AWAITING,
            operation__state=OperationState.RUNNING,
            operation__resource__cloud_project=cloud_project_id,
        )
        .order_by(PEOPLE_FIRST, "due_at")
    )
    return [Held(step, get_definition(step), StepState.AWAITING) for step in steps]


def _look(
    cloud_project: CloudProject, waiting: Sequence[Held]
) -> tuple[Look, dict[Listing, CloudError]]:
    """One list call for each type of thing that somebody waits for; and why some failed.

    One service that is down keeps nobody waiting but those who wait for it.
    """
    cloud = get_cloud(cloud_project.cloud.key)
    ask = {
        Listing.SERVERS: cloud.list_servers,
        Listing.VOLUMES: cloud.list_volumes,
        Listing.SNAPSHOTS: cloud.list_snapshots,
        Listing.BACKUPS: cloud.list_backups,
        Listing.IMAGES: cloud.list_images,
        Listing.LOAD_BALANCERS: cloud.list_load_balancers,
        Listing.ZONES: cloud.list_zones,
    }
    wanted = frozenset[Listing]().union(*(held.definition.reads for held in waiting))
    look: dict[Listing, dict[str, CloudObject]] = {}
    errors: dict[Listing, CloudError] = {}
    for listing in sorted(wanted):
        try:
            found = ask[listing](cloud_project.openstack_project_id)
        except CloudError as error:
            errors[listing] = error
        else:
            look[listing] = {thing.id: thing for thing in found}
    return look, errors


def _settle(held: Held, look: Look) -> bool:
    """Judge one step by the look; True when its operation can go on."""
    try:
        outcome = _judge(held, look)
        if not isinstance(outcome, Wait):
            write_outcome(held, outcome)
        elif now() - held.step.due_at > held.definition.timeout:
            minutes = held.definition.timeout // timedelta(minutes=1)
            fail_step(held, TOO_LONG.format(minutes=minutes), fault=StepFault.TOO_SLOW)
    except Overtaken:
        return False
    except (DatabaseError, SoftTimeLimitExceeded):
        raise
    except Exception as bug:
        fail_step(held, f"{type(bug).__name__}: {bug}", fault=StepFault.DEFECT)
        raise
    return isinstance(outcome, Done)


def _judge(held: Held, look: Look) -> Outcome:
    settle = held.definition.settle
    if settle is None:
        raise LookupError(f"step {held.definition.name!r} waits but cannot settle")
    return settle(WorkingContext(held), held.step.external_id, look)


def _put_off(
    cloud_project_id: int, waiting: Sequence[Held], errors: Mapping[Listing, CloudError]
) -> None:
    """A look failed: say so at the steps that need it, and go on at the slowest rhythm.

    Or later, where the cloud is asked too much.
    """
    cloud, pause = waiting[0].step.operation.resource.cloud_project.cloud, SLOWEST_POLL
    for listing, error in errors.items():
        logger.warning("poll of cloud project %s: %s", cloud_project_id, error)
        blind = [held.step.pk for held in waiting if listing in held.definition.reads]
        Step.objects.filter(pk__in=blind, state=StepState.AWAITING).update(
            fault=StepFault.UNAVAILABLE,
            last_error=str(error)[:1000],
            last_request_id=error.request_id[:80],
        )
        pause = max(pause, leave_alone(cloud, error, now()))
    at = now() + pause
    CloudProject.objects.filter(pk=cloud_project_id).update(next_poll_at=at)
    _ring_again(cloud_project_id, waiting, at)


def _give_up_unseen(waiting: Sequence[Held], errors: Mapping[Listing, CloudError]) -> None:
    """What waited too long without being seen waits for a person, with the cloud's own words."""
    for held in waiting:
        why = [error for listing, error in errors.items() if listing in held.definition.reads]
        error = min(why, key=lambda error: _patience(held, error), default=None)
        if error is None or now() - held.step.due_at <= _patience(held, error):
            continue
        with suppress(Overtaken):
            fail_step(held, str(error), fault=StepFault.TOO_SLOW, request_id=error.request_id)


def _patience(held: Held, error: CloudError) -> timedelta:
    """How long a step may wait unseen: a cloud that does not answer is given a day at least."""
    timeout = held.definition.timeout
    return timeout if isinstance(error, CloudRefused) else max(timeout, LONGEST_TRYING)


def _queue_of(waiting: Sequence[Held]) -> str:
    """People's, as soon as one of them waits."""
    queues = {held.step.operation.queue for held in waiting}
    return OperationQueue.INTERACTIVE if OperationQueue.INTERACTIVE in queues else queues.pop()


def _ring_again(cloud_project_id: int, waiting: Sequence[Held], at: datetime) -> None:
    enqueue_on_commit(
        "catalog.poll_cloud_project",
        queue=_queue_of(waiting),
        delay=max(at - now(), timedelta()),
        cloud_project_id=cloud_project_id,
    )
