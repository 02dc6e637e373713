"""That a person did by hand what an operation could not, and who else says so."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.core.models import PublicIdModel

REASON_LENGTH = 500  # characters


class SolutionState(models.TextChoices):
    PROPOSED = "proposed", _("To be confirmed")
    CONFIRMED = "confirmed", _("Confirmed")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    LAPSED = "lapsed", _("Overtaken")  # the operation went on in another way


class Solution(PublicIdModel):
    """An operator's word that an operation that hangs was solved by hand.

    Where that begins or ends costs or frees quota (``moves_money``), another operator confirms
    it. Triggers keep what was proposed as it was, and let no operation become ``solved`` without
    a confirmed solution of the right kind.
    """

    operation = models.ForeignKey(
        "catalog.Operation", on_delete=models.PROTECT, related_name="solutions"
    )
    moves_money = models.BooleanField()
    reason = models.CharField(max_length=REASON_LENGTH)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    proposed_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=SolutionState, default=SolutionState.PROPOSED)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.CharField(max_length=REASON_LENGTH, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=SolutionState.values), name="solution_state_known"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="solution_has_a_reason"),
            # Four eyes (BIO2, separation of duties).
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("proposed_by")),
                name="solution_decided_by_another_person",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[SolutionState.CONFIRMED, SolutionState.REFUSED],
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                )
                | Q(
                    state=SolutionState.CONFIRMED,
                    moves_money=False,
                    decided_by=None,
                    decided_at__isnull=False,
                )
                | Q(
                    state__in=[
                        SolutionState.PROPOSED,
                        SolutionState.WITHDRAWN,
                        SolutionState.LAPSED,
                    ],
                    decided_by=None,
                    decided_at=None,
                ),
                name="solution_that_moves_money_names_who_confirmed_it",
            ),
            models.CheckConstraint(
                condition=~Q(state=SolutionState.REFUSED) | ~Q(decision_reason=""),
                name="solution_refusal_has_a_reason",
            ),
            models.UniqueConstraint(
                fields=["operation"],
                condition=Q(state=SolutionState.PROPOSED),
                name="solution_one_waits_per_operation",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} for {self.operation_id}"
