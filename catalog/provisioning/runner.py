"""Carrying an operation out, as far as it goes without waiting."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import timedelta
from typing import Final

from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError
from django.utils.timezone import now

from billing.services.sampling import count_once_more
from catalog.kinds.base import Done, Outcome, Wait
from catalog.models import OperationKind, Step, StepFault
from catalog.provisioning.claims import Held, Overtaken, claim_next_step
from catalog.provisioning.context import OutcomeUnknown, WorkingContext
from catalog.provisioning.outcomes import fail_step, try_later, write_outcome
from catalog.provisioning.wiring import WiringFailed, fill_in
from catalog.services.cancellation import carry_out_cancellation
from portal.cloud.ports import (
    CloudMissing,
    CloudQuotaRefused,
    CloudRefused,
    CloudUnavailable,
)
from portal.core.dispatch import enqueue_on_commit

logger = logging.getLogger(__name__)

# After so long the rest is left to a new message, well before a task's time limit.
LONGEST_RUN: Final = 60.0  # seconds
CLEARING_DELAY: Final = timedelta(seconds=1)
QUOTA_PATIENCE: Final = 5  # tries in a row, about half a minute
_REMOVING: Final = frozenset({OperationKind.RETIRE.value, OperationKind.COMPENSATE.value})
# After these nobody saw that what was made is broken: the cloud may have finished it since.
_UNJUDGED: Final = frozenset({StepFault.TOO_SLOW.value, StepFault.DEFECT.value})


class StillThere(Exception):
    """What was broken is being removed, but is not gone yet."""


def advance(operation_id: int) -> None:
    """Run the operation's steps until one must wait, fails, all are done, or it is stopped."""
    stop_at = time.monotonic() + LONGEST_RUN
    held = claim_next_step(operation_id)
    while held is not None:
        queue = held.step.operation.queue
        try:
            following = carry_out(held, goes_on_until=stop_at)
        except Overtaken as overtaken:
            logger.warning("overtaken: %s", overtaken)
            return
        if following is None and time.monotonic() > stop_at:
            enqueue_on_commit("catalog.run_operation", queue=queue, operation_id=operation_id)
            return
        is_last_ahead = following is None and held.step.goes_ahead
        held = claim_next_step(operation_id) if is_last_ahead else following
    carry_out_cancellation(operation_id)


def carry_out(held: Held, *, goes_on_until: float = 0.0) -> Held | None:
    """Run one step and write down how it ended.

    Args:
        goes_on_until: on ``time.monotonic``; before that, the next step is taken as well.

    Returns:
        The next step, if it was taken.

    A bug fails the step, so that a person sees it, and goes on to who watches the workers.
    """
    try:
        fill_in(held)
        outcome = _run(held)
        return write_outcome(held, outcome, goes_on=time.monotonic() < goes_on_until)
    except StillThere:
        try_later(held, CLEARING_DELAY)
    except OutcomeUnknown:
        try_later(held)
    except WiringFailed as error:
        fail_step(held, str(error), fault=StepFault.WIRING)
    except CloudUnavailable as error:
        logger.warning("step %s of %s: %s", held.step, held.step.operation, error)
        try_later(held, error=error)
    except CloudQuotaRefused as error:
        _push_quota_or_fail(held, error)
    except CloudRefused as error:
        logger.warning("step %s of %s needs a person: %s", held.step, held.step.operation, error)
        fail_step(held, str(error), request_id=error.request_id)
    except (DatabaseError, SoftTimeLimitExceeded, Overtaken):
        raise  # the lease ends, and then somebody else takes the step
    except Exception as bug:
        fail_step(held, f"{type(bug).__name__}: {bug}", fault=StepFault.DEFECT)
        raise
    return None


def _run(held: Held) -> Outcome:
    if held.beside:
        return Done(external_id=held.beside)
    context = WorkingContext(held)
    if held.step.operation.kind in _REMOVING:
        count_once_more(context.resource_id, at=now())
    made, clear = held.step.external_id, held.definition.clear
    if made and clear:
        if _may_be_finished(held.step):
            return Wait(external_id=made)
        with suppress(CloudMissing):  # it is surely gone: the step may make it anew
            clear(context, made)
            raise StillThere
    try:
        return held.definition.run(context)
    except CloudMissing:
        if held.step.operation.kind in _REMOVING:
            return Done()
        raise


def _may_be_finished(step: Step) -> bool:
    """True when a person has a step tried again that stopped while it waited for what it made.

    The poll judges that first: it is taken over, waited for anew, or found to be broken. What was
    asked for since, without an answer, is another thing.
    """
    return step.fault in _UNJUDGED and step.create_intended_at is None


def _push_quota_or_fail(held: Held, error: CloudQuotaRefused) -> None:
    """The cloud counts otherwise: tell it again what is needed; after a while, ask for help."""
    if held.step.failures >= QUOTA_PATIENCE:
        fail_step(held, str(error), fault=StepFault.NO_ROOM, request_id=error.request_id)
        return
    context = WorkingContext(held)
    with suppress(CloudUnavailable):  # the next try is refused then, and pushes again
        context.push_quota(context.project)
    try_later(held, error=error, fault=StepFault.NO_ROOM)
