"""Files by the clock: set up long ago, and read again."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from billing.models import FileKind, FileRhythm, FileSchedule, ScheduledFile
from billing.services.scheduled_files import read_file
from portal.core.calendar import start_of_day
from portal.identity.models import Organization

SET_AT: Final = start_of_day(date(2026, 11, 10)) + timedelta(hours=10)


def schedule_of(
    organization: Organization,
    kind: FileKind = FileKind.FOCUS_CSV,
    rhythm: FileRhythm = FileRhythm.DAILY,
    *,
    by: Any,
    kept_days: int = 31,
    set_at: datetime = SET_AT,
) -> FileSchedule:
    return FileSchedule.objects.create(
        organization=organization,
        kind=kind,
        rhythm=rhythm,
        kept_days=kept_days,
        set_by=by,
        set_at=set_at,
    )


def content(file: ScheduledFile) -> bytes:
    return b"".join(read_file(file))
