"""Files by the clock: made by a worker, each once, and found again after a crash.

A row says that a file is due, before anybody makes it. The file is written beside the database and
enters it whole, in one transaction with its checksum: a worker that stops half-way leaves a row
that still waits.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from tempfile import TemporaryFile
from typing import IO, Final

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now

from billing.errors import DocumentNotReady
from billing.file_contents import content_of
from billing.models import (
    BillingMonth,
    FileRhythm,
    FileSchedule,
    FileState,
    MonthState,
    ScheduledFile,
    ScheduledFilePart,
)
from portal.core.calendar import day_of, last_day_before, month_of

logger = logging.getLogger(__name__)

_Schedules = QuerySet[FileSchedule]

PART_SIZE: Final = 1 << 20  # bytes
_ENOUGH: Final = 600  # seconds after which no other file is begun: the next round goes on
_LONGEST_PAUSE: Final = timedelta(hours=6)
_FOR_DOCUMENTS: Final = timedelta(minutes=2)  # another worker is at them


def tend_files(*, at: datetime) -> None:
    """Write down what is due, make it, and remove what was kept for long enough."""
    plan_files(at=at)
    remove_files(at=at)
    make_files(at=at)


# --- what is due -------------------------------------------------------------------------------


def plan_files(*, at: datetime) -> None:
    """Add a row for each file that is due and has none.

    Of a day that nobody planned, because nothing ran on the next, there is none: the file of a
    later day holds it too. Of the last day of a month no later one does, so that day is not
    forgotten all next month.
    """
    living = FileSchedule.objects.filter(ended_at=None)
    due = [*_due_daily(living, at), *_due_after_closing(living)]
    ScheduledFile.objects.bulk_create(
        (ScheduledFile(schedule_id=pk, day=day, due_at=at) for pk, day in due),
        ignore_conflicts=True,
    )


def _due_daily(living: _Schedules, at: datetime) -> Iterator[tuple[int, date]]:
    """The day before, and the last of the month before, of schedules that are older than those."""
    days = {day_of(at) - timedelta(days=1), last_day_before(month_of(at).start)}
    daily = living.filter(rhythm=FileRhythm.DAILY, organization__ended_at=None)
    for pk, set_at in daily.values_list("pk", "set_at"):
        for day in sorted(days):
            if day_of(set_at) <= day:
                yield pk, day


def _due_after_closing(living: _Schedules) -> Iterator[tuple[int, date]]:
    """The months that were closed since."""
    schedules = list(living.filter(rhythm=FileRhythm.CLOSING).values_list("pk", "set_at"))
    if not schedules:
        return
    closed = BillingMonth.objects.filter(
        state=MonthState.CLOSED, closed_at__gte=min(set_at for _pk, set_at in schedules)
    )
    for month in closed:
        for pk, set_at in schedules:
            if month.closed_at and month.closed_at >= set_at:
                yield pk, last_day_before(month.period.end)


# --- making ------------------------------------------------------------------------------------


def make_files(*, at: datetime) -> None:
    """Make what waits. What fails does not keep the others, and is tried again later. What holds
    documents that are still being made did not fail: it waits for them.

    The fewest attempts first: what takes all the time that there is comes last.
    """
    begin = time.monotonic()
    waiting = ScheduledFile.objects.filter(
        state=FileState.WAITING, due_at__lte=at, schedule__ended_at=None
    )
    for pk in list(waiting.order_by("attempts", "due_at", "pk").values_list("pk", flat=True)):
        if time.monotonic() - begin > _ENOUGH:
            return
        try:
            _make(pk)
        except SoftTimeLimitExceeded:
            _put_off(pk)
            raise
        except DocumentNotReady:
            ScheduledFile.objects.filter(pk=pk, state=FileState.WAITING).update(
                due_at=now() + _FOR_DOCUMENTS
            )
        except Exception:  # whatever it is, the others are made; the log and the page tell of it
            logger.exception("scheduled file %s was not made", pk)
            _put_off(pk)


def _make(pk: int) -> None:
    """Outside a transaction for as long as it takes: only the database decides who was first."""
    file = ScheduledFile.objects.select_related("schedule__organization").get(pk=pk)
    with TemporaryFile() as copy:
        digest = hashlib.sha256()
        for piece in content_of(file):
            digest.update(piece)
            copy.write(piece)
        _keep(pk, copy, digest.hexdigest())


@transaction.atomic(durable=True)
def _keep(pk: int, copy: IO[bytes], sha256: str) -> None:
    files = ScheduledFile.objects.select_for_update(of=["self"]).select_related("schedule")
    file = files.filter(pk=pk, state=FileState.WAITING).first()
    if file is None:
        return
    size = copy.tell()
    copy.seek(0)
    position = 0
    while piece := copy.read(PART_SIZE):
        ScheduledFilePart.objects.create(file=file, position=position, content=piece)
        position += 1
    file.state, file.size, file.sha256 = FileState.READY, size, sha256
    file.made_at = now()
    file.remove_on = day_of(file.made_at) + timedelta(days=file.schedule.kept_days)
    file.save(update_fields=["state", "size", "sha256", "made_at", "remove_on"])


@transaction.atomic
def _put_off(pk: int) -> None:
    """Twice as long each time."""
    file = ScheduledFile.objects.select_for_update().get(pk=pk)
    if file.state != FileState.WAITING:
        return
    file.attempts += 1
    file.due_at = now() + min(timedelta(minutes=2 ** min(file.attempts, 10)), _LONGEST_PAUSE)
    file.save(update_fields=["attempts", "due_at"])


# --- reading and removing ----------------------------------------------------------------------


def read_file(file: ScheduledFile) -> Iterator[bytes]:
    """Yield the content, a part at a time. What is removed meanwhile breaks off."""
    assert file.size is not None  # noqa: S101  (only what is ready is read)
    for position in range(-(-file.size // PART_SIZE)):
        yield bytes(file.parts.get(position=position).content)


def remove_files(*, at: datetime) -> None:
    """Remove the content of what was kept for long enough, each file in a transaction."""
    old = ScheduledFile.objects.filter(state=FileState.READY, remove_on__lte=day_of(at))
    for pk in list(old.values_list("pk", flat=True)):
        with transaction.atomic():
            file = ScheduledFile.objects.select_for_update().get(pk=pk)
            if file.state != FileState.READY:
                continue
            file.state = FileState.REMOVED
            file.save(update_fields=["state"])
            file.parts.all().delete()
