"""Going on with the others when one of many fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from celery.exceptions import SoftTimeLimitExceeded

Item = TypeVar("Item")

logger = logging.getLogger(__name__)


def each_by_itself(act: Callable[[Item], int], items: Iterable[Item]) -> int:
    """Act on every item, whatever goes wrong with another; return the sum.

    Raises:
        ExceptionGroup: what went wrong, each of it logged, once every item had its turn.
        SoftTimeLimitExceeded: the task has had its time; what is left waits for the next one.
    """
    total, faults = 0, []
    for item in items:
        try:
            total += act(item)
        except SoftTimeLimitExceeded:
            raise  # whoever goes on is stopped in the middle of another
        except Exception as fault:
            logger.exception("going on without %s", item)
            faults.append(fault)
    if faults:
        raise ExceptionGroup("not everything was done", faults)
    return total
