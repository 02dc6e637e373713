"""What whoever pays doesn't agree with on a statement, and what came of it."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.db.models import Q

from billing.models.statement import Credit, StatementLine
from portal.identity.models.proposed import DecisionState, Proposed, four_eyes_constraints

DISPUTE_LENGTH: Final = 1000  # characters


class Dispute(Proposed):
    """A line of a statement that finance of the payer disputes, with a reason.

    Finance of the platform answers: confirmed is a proposal to give back some of it, ``credit``;
    refused has a reason. By triggers what was said, and what was answered, never changes.
    """

    line = models.ForeignKey(StatementLine, on_delete=models.PROTECT, related_name="disputes")
    reason = models.CharField(max_length=DISPUTE_LENGTH)
    credit = models.OneToOneField(
        Credit, null=True, on_delete=models.PROTECT, related_name="dispute"
    )

    class Meta:
        constraints = [
            *four_eyes_constraints("dispute"),
            models.CheckConstraint(condition=~Q(reason=""), name="dispute_has_a_reason"),
            models.UniqueConstraint(
                fields=["line"],
                condition=Q(state=DecisionState.PROPOSED),
                name="dispute_one_of_a_line_waits",
            ),
            models.CheckConstraint(
                condition=Q(state=DecisionState.CONFIRMED, credit__isnull=False)
                | (~Q(state=DecisionState.CONFIRMED) & Q(credit=None)),
                name="dispute_granted_gives_back",
            ),
        ]

    def __str__(self) -> str:
        return f"dispute of line {self.line_id}"
