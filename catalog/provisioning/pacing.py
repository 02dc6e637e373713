"""How fast we ask of a cloud: so many steps a second at most, and people before batches."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, Greatest

from catalog.models import Operation, OperationQueue, OperationState
from portal.cloud.models import Cloud
from portal.cloud.ports import CloudError, CloudUnavailable

NO_PAUSE: Final = timedelta()
# So far before its turn a person's step may begin. A batch alone keeps the rhythm full, and
# still a person waits for nobody.
HEAD_START: Final = timedelta(seconds=2)
TOO_MANY_REQUESTS: Final = 429
# However long a cloud asks to be left alone: its operator may have raised the limit meanwhile.
LONGEST_PAUSE: Final = timedelta(minutes=5)
# So far apart those come back that waited for the end of a pause, where nobody set a rhythm.
_SHARE_AFTER_A_PAUSE: Final = timedelta(seconds=0.1)


def leave_alone(cloud: Cloud, error: CloudError | None, at: datetime) -> timedelta:
    """Have nobody ask a cloud for as long as it wants to be left alone since we ask too much.

    Batches go on a little later than people. No pause makes another shorter, whoever else writes.
    With a 503 one service speaks of itself: that holds up nobody but who asked it.

    Returns:
        How long that is; zero where the cloud said nothing of the kind.
    """
    if not isinstance(error, CloudUnavailable) or error.status != TOO_MANY_REQUESTS:
        return NO_PAUSE
    pause = min(error.retry_after, LONGEST_PAUSE)
    if pause:
        until = at + pause + HEAD_START
        shorter = Q(paced_until=None) | Q(paced_until__lt=until)
        Cloud.objects.filter(shorter, pk=cloud.pk).update(paced_until=until)
    return pause


def take_turn(cloud: Cloud, queue: str, at: datetime) -> timedelta:
    """Take a turn in the cloud's rhythm. Returns how long to wait before asking for one again.

    Zero: the turn is taken. Where nobody set a rhythm (``CLOUD_STEPS_PER_SECOND``) that is so
    unless the cloud is left alone; ``cloud``, as it was read with the step, tells that.
    """
    rate = settings.CLOUD_STEPS_PER_SECOND.get(cloud.key)
    ahead = HEAD_START if queue == OperationQueue.INTERACTIVE else NO_PAUSE
    left_alone = max((cloud.paced_until or at) - ahead - at, NO_PAUSE)
    if rate is None:
        share, is_free = _SHARE_AFTER_A_PAUSE, not left_alone
    else:
        share = timedelta(seconds=1 / rate)
        is_free = _take(cloud, at, ahead, share)
    return NO_PAUSE if is_free else left_alone + _spread(cloud, queue, share)


def _take(cloud: Cloud, at: datetime, ahead: timedelta, share: timedelta) -> bool:
    """One conditional UPDATE of the moment at which the next turn is free."""
    free = Q(paced_until=None) | Q(paced_until__lte=at + ahead)
    next_at = Greatest(Coalesce(F("paced_until"), Value(at)), Value(at)) + share
    return bool(Cloud.objects.filter(free, pk=cloud.pk).update(paced_until=next_at))


def _spread(cloud: Cloud, queue: str, share: timedelta) -> timedelta:
    """A pause somewhere within the time that all who wait need, so that they come one by one."""
    waiting = Operation.objects.filter(
        state=OperationState.RUNNING, queue=queue, resource__cloud_project__cloud=cloud
    )
    return share * (1 + waiting.count() * random.random())  # noqa: S311  (no secret)
