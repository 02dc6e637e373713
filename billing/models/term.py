"""For how long at least something is paid, at which price: agreed when its use began."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from billing.models.moments import is_whole_second
from billing.models.price import Price, Sku
from billing.models.usage import MeteredResource
from portal.core.models import PublicIdModel, no_overlap


class MinimumTerm(PublicIdModel):
    """From ``started_at`` until ``ends_at`` a resource pays for a SKU at ``price``, come what may.

    At least ``quantity`` of it is due: what of that is not used is an unused span
    (``UsageSpan.is_unused``). What is used besides costs the same, and is due no longer than it is
    used. By a trigger a term never changes, but that one whose use turned out to last no second
    ends where it began, and never was.
    """

    resource = models.ForeignKey(MeteredResource, on_delete=models.PROTECT, related_name="terms")
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+")
    price = models.ForeignKey(Price, on_delete=models.PROTECT, related_name="+")
    quantity = models.DecimalField(max_digits=18, decimal_places=6)
    started_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        constraints = [
            no_overlap(
                "minimum_term_one_per_resource_and_sku_at_a_time",
                "resource_id",
                "sku_id",
                start="started_at",
                end="ends_at",
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="minimum_term_of_something"),
            models.CheckConstraint(
                condition=Q(ends_at__gte=F("started_at")), name="minimum_term_ends_after_it_begins"
            ),
            models.CheckConstraint(
                condition=is_whole_second("started_at", "ends_at"),
                name="minimum_term_counts_whole_seconds",
            ),
        ]
        indexes = [models.Index(fields=["ends_at"], name="minimum_term_by_end")]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.sku_id} until {self.ends_at}"
