"""Files by the clock, read again."""

from __future__ import annotations

from billing.models import ScheduledFile
from billing.services.scheduled_files import read_file


def content(file: ScheduledFile) -> bytes:
    return b"".join(read_file(file))
