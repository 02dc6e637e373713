"""Files by the clock: who has them made, and who takes them."""

from __future__ import annotations

import hashlib
from datetime import date

from django.utils.timezone import now

from billing.models import (
    FileKind,
    FileRhythm,
    FileSchedule,
    FileState,
    ScheduledFile,
    ScheduledFilePart,
)
from portal.identity.models import Role
from tests.authorisation.vocabulary import ROLES, act, call, see
from tests.authorisation.world import Tenant

PAYERS = {Role.FINANCE, Role.APPROVER, Role.AUDITOR}
DAY = date(2020, 1, 31)


def schedule_itself(tenant: Tenant) -> FileSchedule:
    schedule, _is_new = FileSchedule.objects.get_or_create(
        organization=tenant.directorate,
        kind=FileKind.COSTS,
        rhythm=FileRhythm.CLOSING,
        defaults={"kept_days": 7, "set_by": tenant.all_rounder, "set_at": now()},
    )
    return schedule


def file_itself(tenant: Tenant) -> ScheduledFile:
    file, is_new = ScheduledFile.objects.get_or_create(
        schedule=schedule_itself(tenant), day=DAY, defaults={"due_at": now()}
    )
    if is_new:
        content = tenant.directorate.name.encode()
        ScheduledFilePart.objects.create(file=file, position=0, content=content)
        file.state, file.size = FileState.READY, len(content)
        file.sha256 = hashlib.sha256(content).hexdigest()
        file.made_at, file.remove_on = now(), date(2100, 1, 1)
        file.save()
    return file


def file_answers(tenant: Tenant) -> dict[str, str]:
    return {
        "organization": str(tenant.directorate.public_id),
        "kind": "journal",
        "rhythm": "closing",
        "kept_days": "31",
    }


ROWS = [
    see("billing:files", by=PAYERS),
    act(
        "billing:files",
        body=file_answers,
        by={Role.FINANCE},
        seen_by=PAYERS,
        unseen=422,
        asks_role_first=True,
    ),
    act("billing:file-schedule-end", of=schedule_itself, by={Role.FINANCE}, seen_by=PAYERS),
    see("billing:file-content", of=file_itself, by=PAYERS, asks_role_first=True),
    see("file-schedule-list", by=PAYERS),
    call(
        "file-schedule-list",
        body=lambda tenant: {**file_answers(tenant), "kept_days": 31},
        by={Role.FINANCE},
        seen_by=ROLES,
        unseen=404,
    ),
    see("file-schedule-detail", of=schedule_itself, by=PAYERS, asks_role_first=True),
    call(
        "file-schedule-end",
        of=schedule_itself,
        by={Role.FINANCE},
        seen_by=PAYERS,
        answer=204,
    ),
    see("scheduled-file-list", by=PAYERS),
    see("scheduled-file-detail", of=file_itself, by=PAYERS, asks_role_first=True),
    see("scheduled-file-content", of=file_itself, by=PAYERS, asks_role_first=True),
]
