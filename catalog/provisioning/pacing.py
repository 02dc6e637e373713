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

NO_PAUSE: Final = timedelta()
# So far before its turn a person's step may begin. A batch alone keeps the rhythm full, and
# still a person waits for nobody.
HEAD_START: Final = timedelta(seconds=2)


def take_turn(cloud: Cloud, queue: str, at: datetime) -> timedelta:
    """Take a turn in the cloud's rhythm. Returns how long to wait before asking for one again.

    Zero: the turn is taken, or nobody set a rhythm (``CLOUD_STEPS_PER_SECOND``). A turn is one
    conditional UPDATE of ``Cloud.paced_until``, the moment at which the next one is free.
    """
    rate = settings.CLOUD_STEPS_PER_SECOND.get(cloud.key)
    if rate is None:
        return NO_PAUSE
    share = timedelta(seconds=1 / rate)
    ahead = HEAD_START if queue == OperationQueue.INTERACTIVE else NO_PAUSE
    is_taken = Cloud.objects.filter(
        Q(paced_until=None) | Q(paced_until__lte=at + ahead), pk=cloud.pk
    ).update(paced_until=Greatest(Coalesce(F("paced_until"), Value(at)), Value(at)) + share)
    return NO_PAUSE if is_taken else _spread(cloud, queue, share)


def _spread(cloud: Cloud, queue: str, share: timedelta) -> timedelta:
    """A pause somewhere within the time that all who wait need, so that they come one by one."""
    waiting = Operation.objects.filter(
        state=OperationState.RUNNING, queue=queue, resource__cloud_project__cloud=cloud
    )
    return share * (1 + waiting.count() * random.random())  # noqa: S311  (no secret)
