"""Files that finance wants by the clock, and those that were made."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.core.models import PublicIdModel

LONGEST_KEPT: Final = 3660  # days; ten years
LONGEST_DAILY_KEPT: Final = 92  # a file a day, each with all of the month so far, adds up


class FileKind(models.TextChoices):
    FOCUS_CSV = "focus_csv", _("Every charge (FOCUS, CSV)")
    FOCUS_PARQUET = "focus_parquet", _("Every charge (FOCUS, Parquet)")
    JOURNAL = "journal", _("Journal lines (CSV)")
    JOURNAL_XLSX = "journal_xlsx", _("Journal lines (XLSX)")
    STATEMENTS = "statements", _("Statements (PDF, in a ZIP)")
    E_INVOICES = "e_invoices", _("E-invoices (UBL, in a ZIP)")
    COSTS = "costs", _("Costs per service (XLSX)")


# What is of the books: a month that runs has none of these.
JOURNAL_KINDS: Final = (FileKind.JOURNAL, FileKind.JOURNAL_XLSX)
CLOSED_KINDS: Final = (*JOURNAL_KINDS, FileKind.STATEMENTS, FileKind.E_INVOICES)


class FileRhythm(models.TextChoices):
    DAILY = "daily", _("Every day, of the month so far")
    CLOSING = "closing", _("After a month is closed")


class FileState(models.TextChoices):
    WAITING = "waiting", _("Being made")
    READY = "ready", _("Ready")
    REMOVED = "removed", _("Removed")


class FileSchedule(PublicIdModel):
    """A file of one organization that is made again and again, until somebody ends that.

    It belongs to the organization, not to who set it up: whoever sees its costs gets the files.

    Attributes:
        kept_days: how long each file is kept once it is made.
    """

    organization = models.ForeignKey(
        "identity.Organization", on_delete=models.PROTECT, related_name="file_schedules"
    )
    kind = models.CharField(max_length=16, choices=FileKind)
    rhythm = models.CharField(max_length=8, choices=FileRhythm)
    kept_days = models.PositiveSmallIntegerField()
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "kind", "rhythm"],
                condition=Q(ended_at=None),
                name="file_schedule_is_set_up_once",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=FileKind.values, rhythm__in=FileRhythm.values),
                name="file_schedule_of_known_words",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=[kind.value for kind in CLOSED_KINDS]) | Q(rhythm="closing"),
                name="file_schedule_of_the_books_is_of_closed_months",
            ),
            models.CheckConstraint(
                condition=Q(kept_days__gte=1, kept_days__lte=LONGEST_KEPT),
                name="file_schedule_keeps_for_some_days",
            ),
            models.CheckConstraint(
                condition=~Q(rhythm="daily") | Q(kept_days__lte=LONGEST_DAILY_KEPT),
                name="file_schedule_keeps_daily_files_for_three_months",
            ),
            models.CheckConstraint(
                condition=Q(ended_by=None, ended_at=None)
                | Q(ended_by__isnull=False, ended_at__isnull=False),
                name="file_schedule_end_names_who_and_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.rhythm} of {self.organization_id}"


class ScheduledFile(PublicIdModel):
    """One file of a schedule. A trigger keeps it as it was made; its content may be removed.

    Attributes:
        day: the last business day that is in it; of a closed month its last.
        due_at: when a worker tries (again).
        attempts: how often that failed.
        remove_on: on this day its content goes; the row stays, so that it is not made again.
    """

    schedule = models.ForeignKey(FileSchedule, on_delete=models.PROTECT, related_name="files")
    day = models.DateField()
    state = models.CharField(max_length=8, choices=FileState, default=FileState.WAITING)
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField(null=True)
    remove_on = models.DateField(null=True)
    size = models.BigIntegerField(null=True)  # bytes
    sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["schedule", "day"], name="scheduled_file_is_made_once"),
            models.CheckConstraint(
                condition=Q(state="waiting", made_at=None, remove_on=None, size=None, sha256="")
                | Q(
                    state__in=["ready", "removed"],
                    made_at__isnull=False,
                    remove_on__isnull=False,
                    size__gt=0,
                    sha256__regex="^[0-9a-f]{64}$",
                ),
                name="scheduled_file_is_whole_or_not_there",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(state="waiting"), name="scheduled_file_waiting"
            ),
            models.Index(
                fields=["remove_on"], condition=Q(state="ready"), name="scheduled_file_to_remove"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} of {self.day}"

    @property
    def is_failing(self) -> bool:
        return self.state == FileState.WAITING and self.attempts > 0


class ScheduledFilePart(models.Model):
    """A piece of the content of a file, for a row cannot hold a gigabyte."""

    file = models.ForeignKey(ScheduledFile, on_delete=models.PROTECT, related_name="parts")
    position = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["file", "position"], name="scheduled_file_part_has_its_own_position"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position} of {self.file_id}"
