"""How much a branch of the tree may spend in a year, and in each month of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.timezone import now

from billing.phasing import equal_parts
from portal.core.models import PublicIdModel

USUAL_ALERTS: Final = (80, 100)
REASON_LENGTH: Final = 300


def usual_alerts() -> list[int]:
    return list(USUAL_ALERTS)


class BudgetFacts(models.Model):
    """What was decided about a budget, when, by whom and why. Euros without VAT.

    Attributes:
        month_amounts: of January to December, together ``amount``; None is equal parts.
        alert_percentages: of ``amount``, in order; people are told when what was spent, or what
            the year is expected to come to, reaches one.
        is_hard_stop: orders that do not fit are refused, not just marked.
        set_by: None is the operator of the portal, on the server.
    """

    year = models.PositiveSmallIntegerField()
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    month_amounts = ArrayField(
        models.DecimalField(max_digits=14, decimal_places=2), null=True, default=None
    )
    alert_percentages = ArrayField(
        models.PositiveSmallIntegerField(), default=usual_alerts, db_default=usual_alerts()
    )
    is_hard_stop = models.BooleanField(default=False, db_default=False)
    set_at = models.DateTimeField(default=now, db_default=Now())
    set_by = models.ForeignKey(
        "identity.Person", null=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=REASON_LENGTH, blank=True, default="", db_default="")

    class Meta:
        abstract = True

    @property
    def months(self) -> list[Decimal]:
        """What may be spent in each month, from January on."""
        return list(self.month_amounts or equal_parts(self.amount))


class Budget(PublicIdModel, BudgetFacts):
    """The budget of a node and everything below it, for one business year, as it is now.

    What it was before stands in ``PastBudget``. A change keeps the row, which orders lock while
    they are held against a budget with a hard stop; ending it removes the row.
    """

    node = models.ForeignKey("identity.Node", on_delete=models.PROTECT, related_name="budgets")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["node", "year"], name="budget_one_per_node_and_year"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="budget_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} for {self.node_id} in {self.year}"


class PastBudget(BudgetFacts):
    """What a budget was from ``set_at`` until ``replaced_at``. Never changes (trigger).

    ``end_reason``: why there was no budget after it; empty when there was another.
    """

    node = models.ForeignKey("identity.Node", on_delete=models.PROTECT, related_name="past_budgets")
    replaced_at = models.DateTimeField()
    replaced_by = models.ForeignKey(
        "identity.Person", null=True, on_delete=models.PROTECT, related_name="+"
    )
    end_reason = models.CharField(max_length=REASON_LENGTH, blank=True)

    class Meta:
        indexes = [models.Index(fields=["node", "year", "-id"], name="past_budget_of_node")]
        constraints = [
            models.CheckConstraint(
                condition=Q(replaced_at__gte=F("set_at")), name="past_budget_ends_after_it_began"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} for {self.node_id} in {self.year} until {self.replaced_at}"
