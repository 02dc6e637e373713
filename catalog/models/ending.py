"""What the clock did about the end date of a resource: reminded, stopped it, had it cleaned up."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from catalog.models.resource import Resource, ResourceState
from portal.core.mailing import Letter


class EndReminder(Letter):
    """That a resource ends in so many days: said once for each end date that it had.

    The pages say the same by themselves; the letter goes to who ordered it, where there is a mail
    server.
    """

    resource = models.ForeignKey(
        "catalog.Resource", on_delete=models.PROTECT, related_name="end_reminders"
    )
    end_date = models.DateField()
    days = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["resource", "end_date", "days"],
                name="end_reminder_one_per_end_date_and_days",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(sent_at=None), name="end_reminder_unsent"),
        ]

    def __str__(self) -> str:
        return f"{self.days} days before {self.end_date} of {self.resource_id}"


class EndingState(models.TextChoices):
    OPEN = "open", _("Term has ended")
    WITHDRAWN = "withdrawn", _("Withdrawn")  # the term was renewed
    CLEANED_UP = "cleaned_up", _("Cleaned up")  # by the clock, or by a person


class Ending(models.Model):
    """The last day of a resource has passed, and the clock saw it: one at a time, never deleted.

    ``handled_at``: its use was ended, or it turned out that there is nothing to stop; until then
    other work on it goes first. ``stop``: the operation that ends the use, where there is one.
    ``clean_up_on``: the first business day on which the clock may have it cleaned up.
    """

    resource = models.ForeignKey(
        "catalog.Resource", on_delete=models.PROTECT, related_name="endings"
    )
    end_date = models.DateField()
    began_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True)
    stop = models.ForeignKey(
        "catalog.Operation", null=True, on_delete=models.PROTECT, related_name="+"
    )
    clean_up_on = models.DateField()
    state = models.CharField(max_length=10, choices=EndingState, default=EndingState.OPEN)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["resource"],
                condition=Q(state="open"),
                name="ending_one_open_per_resource",
            ),
            models.CheckConstraint(
                condition=Q(state__in=EndingState.values), name="ending_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="open", settled_at=None)
                | (~Q(state="open") & Q(settled_at__isnull=False)),
                name="ending_settled_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(stop=None) | Q(handled_at__isnull=False),
                name="ending_stopped_was_handled",
            ),
            models.CheckConstraint(
                condition=Q(clean_up_on__gt=models.F("end_date")),
                name="ending_cleans_up_after_the_term",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.end_date} of {self.resource_id}"

    def is_due_for(self, resource: Resource) -> bool:
        """True while nobody settled it or renewed the term that it is about."""
        return (
            self.state == EndingState.OPEN
            and resource.state == ResourceState.ACTIVE
            and resource.end_date == self.end_date
        )
