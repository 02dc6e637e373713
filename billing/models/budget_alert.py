"""That a budget reached a percentage at which people are told, and the letters about it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from portal.core.mailing import Letter


class BudgetMeasure(models.TextChoices):
    REALISED = "realised"
    EXPECTED = "expected"


class BudgetAlert(models.Model):
    """Once so, in its year: the row stays, so that nobody is told twice.

    ``holds``: it is so now. ``told_at``: when letters about it were written.
    """

    node = models.ForeignKey("identity.Node", on_delete=models.CASCADE, related_name="+")
    year = models.PositiveSmallIntegerField()
    measure = models.CharField(max_length=8, choices=BudgetMeasure)
    percentage = models.PositiveSmallIntegerField()
    holds = models.BooleanField(default=True)
    since = models.DateTimeField()
    told_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["node", "year", "measure", "percentage"], name="budget_alert_once_a_year"
            ),
            models.CheckConstraint(
                condition=Q(measure__in=BudgetMeasure.values), name="budget_alert_measure_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.measure} {self.percentage}% of {self.node_id} in {self.year}"


class BudgetLetter(Letter):
    """What was reached since the last look, for one reader."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    alerts = models.ManyToManyField(BudgetAlert, related_name="letters")

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=Q(sent_at=None), name="budget_letter_unsent"),
        ]

    def __str__(self) -> str:
        return f"to {self.person_id} of {self.created_at}"
