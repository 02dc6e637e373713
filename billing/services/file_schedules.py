"""Setting up which files are made by the clock, and ending that: finance does."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.timezone import now

from billing.errors import (
    DailyFilesKeptTooLong,
    FileScheduleEnded,
    FileScheduleExists,
    JournalNeedsClosing,
    StatementsNeedClosing,
)
from billing.models import FileKind, FileRhythm, FileSchedule
from billing.models.scheduled_file import CLOSED_KINDS, JOURNAL_KINDS, LONGEST_DAILY_KEPT
from billing.policies import may_schedule_files
from portal.audit.services import record
from portal.core.errors import NotAllowed
from portal.core.locks import lock_tree_shared
from portal.identity.models import Organization, Person


def set_up_files(
    organization: Organization,
    kind: FileKind,
    rhythm: FileRhythm,
    *,
    kept_days: int,
    actor: Person,
) -> FileSchedule:
    """From now on a file of this kind is made in this rhythm.

    Raises:
        NotAllowed: the actor is not finance of the organization, or it ended.
        JournalNeedsClosing, StatementsNeedClosing: a month that runs has none of these.
        DailyFilesKeptTooLong: ``kept_days`` is more than those may be kept.
        FileScheduleExists: it is so already.
    """
    try:
        return _set_up(organization, kind, rhythm, kept_days, actor)
    except IntegrityError as error:
        if "file_schedule_is_set_up_once" not in str(error):
            raise
        raise FileScheduleExists(field="kind") from error


@transaction.atomic(durable=True)
def _set_up(
    organization: Organization,
    kind: FileKind,
    rhythm: FileRhythm,
    kept_days: int,
    actor: Person,
) -> FileSchedule:
    lock_tree_shared()
    organization = Organization.objects.get(pk=organization.pk)
    if not may_schedule_files(actor, organization):
        raise NotAllowed()
    if kind in CLOSED_KINDS and rhythm != FileRhythm.CLOSING:
        refusal = JournalNeedsClosing if kind in JOURNAL_KINDS else StatementsNeedClosing
        raise refusal(field="rhythm")
    if rhythm == FileRhythm.DAILY and kept_days > LONGEST_DAILY_KEPT:
        raise DailyFilesKeptTooLong(field="kept_days")
    schedule = FileSchedule.objects.create(
        organization=organization,
        kind=kind,
        rhythm=rhythm,
        kept_days=kept_days,
        set_by=actor,
        set_at=now(),
    )
    _record("file_schedule.set", schedule, actor)
    return schedule


@transaction.atomic(durable=True)
def end_files(public_id: UUID, *, actor: Person) -> FileSchedule:
    """No more files are made; those that are there stay as long as they would have.

    Raises:
        NotAllowed: the actor is not finance of the organization.
        FileScheduleEnded: somebody was first.
    """
    lock_tree_shared()
    schedules = FileSchedule.objects.select_for_update(of=["self"])
    schedule = schedules.select_related("organization").get(public_id=public_id)
    if not may_schedule_files(actor, schedule.organization, also_ended=True):
        raise NotAllowed()
    if schedule.ended_at:
        raise FileScheduleEnded()
    schedule.ended_by, schedule.ended_at = actor, now()
    schedule.save(update_fields=["ended_by", "ended_at"])
    _record("file_schedule.ended", schedule, actor)
    return schedule


def _record(event: str, schedule: FileSchedule, actor: Person) -> None:
    data = {
        "kind": schedule.kind,
        "rhythm": schedule.rhythm,
        "kept_days": schedule.kept_days,
    }
    record(event, schedule, actor=actor, node_id=schedule.organization_id, data=data)
