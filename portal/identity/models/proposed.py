"""What one person proposes and another decides: columns and constraints of every such row."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.core.models import PublicIdModel

DECISION_LENGTH: Final = 1000  # characters


class DecisionState(models.TextChoices):
    PROPOSED = "proposed", _("Proposed")
    CONFIRMED = "confirmed", _("Confirmed")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Taken back")


class Proposed(PublicIdModel):
    """Proposed by one human; another confirms or refuses it, or the first takes it back."""

    state = models.CharField(max_length=10, choices=DecisionState, default=DecisionState.PROPOSED)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    proposed_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.CharField(max_length=DECISION_LENGTH, blank=True)

    class Meta:
        abstract = True


def four_eyes_constraints(name: str) -> list[models.BaseConstraint]:
    """The constraints of a table of ``Proposed`` rows; ``name`` begins their names.

    Beside them a migration has ``identity_guard_other_humans`` look at every decision.
    """
    return [
        models.CheckConstraint(
            condition=Q(state__in=DecisionState.values), name=f"{name}_state_known"
        ),
        models.CheckConstraint(
            condition=Q(decided_by=None) | Q(state="withdrawn") | ~Q(decided_by=F("proposed_by")),
            name=f"{name}_decided_by_another_person",
        ),
        models.CheckConstraint(
            condition=Q(state="proposed", decided_by=None, decided_at=None)
            | (~Q(state="proposed") & Q(decided_by__isnull=False, decided_at__isnull=False)),
            name=f"{name}_decision_names_who_and_when",
        ),
        models.CheckConstraint(
            condition=~Q(state="refused") | ~Q(decision_reason=""),
            name=f"{name}_refusal_has_a_reason",
        ),
    ]
