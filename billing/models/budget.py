"""How much a branch of the tree may spend in a year."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from portal.core.models import PublicIdModel


class Budget(PublicIdModel):
    """The budget of a node and everything below it, for one business year, in euros without VAT."""

    node = models.ForeignKey("identity.Node", on_delete=models.PROTECT, related_name="budgets")
    year = models.PositiveSmallIntegerField()
    amount = models.DecimalField(max_digits=14, decimal_places=2)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["node", "year"], name="budget_one_per_node_and_year"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="budget_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} for {self.node_id} in {self.year}"
