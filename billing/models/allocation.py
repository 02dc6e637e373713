"""Which cost centre, cost object and commitment costs fall under, when."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from billing.models.moments import is_whole_second
from portal.core.models import DatedFact, no_overlap


class AllocationKey(models.TextChoices):
    COST_CENTER = "cost_center", _("Cost centre")
    COST_OBJECT = "cost_object", _("Cost object")
    COMMITMENT_NUMBER = "commitment_number", _("Commitment number")


class AllocationFact(DatedFact):
    """What one key is, from when until when, of a node and what is below it, or of one resource.

    The nearest holds: that of the resource, else of its project, else of the organizations above.
    The cost centre of a node is ``identity.CostCentre``, for it is a fact of the tree; here only
    resources have one. What was overtaken before it began keeps its row, with an end at its
    beginning. A trigger lets a fact change in nothing but its end, and that only to an earlier one.
    """

    node = models.ForeignKey(
        "identity.Node", null=True, on_delete=models.PROTECT, related_name="allocation_facts"
    )
    resource = models.ForeignKey(
        "billing.MeteredResource",
        null=True,
        on_delete=models.PROTECT,
        related_name="allocation_facts",
    )
    key = models.CharField(max_length=20, choices=AllocationKey)
    value = models.CharField(max_length=40)

    class Meta:
        constraints = [
            *(
                # A NULL would exclude nothing, hence the zeros.
                no_overlap(
                    f"allocation_one_{key}_at_a_time",
                    Coalesce("node_id", Value(0)),
                    Coalesce("resource_id", Value(0)),
                    condition=Q(key=key),
                )
                for key in AllocationKey.values
            ),
            models.CheckConstraint(
                condition=Q(node=None, resource__isnull=False)
                | Q(~Q(key=AllocationKey.COST_CENTER), node__isnull=False, resource=None),
                name="allocation_of_a_node_or_a_resource",
            ),
            models.CheckConstraint(
                condition=Q(key__in=AllocationKey.values), name="allocation_key_known"
            ),
            models.CheckConstraint(condition=~Q(value=""), name="allocation_has_a_value"),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")),
                name="allocation_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=is_whole_second("valid_from", "valid_until"),
                name="allocation_changes_on_a_whole_second",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.value}"
