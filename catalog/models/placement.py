"""Whether this data may stand in that place, and by which rules that was judged."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from catalog.placement_words import Advised, choices_of
from portal.core.models import PublicIdModel


class PlacementVerdict(models.TextChoices):
    ALLOWED = "allowed", _("Allowed")
    REFUSED = "refused", _("Not allowed")
    FOUND_IN_CLOUD = "found_in_cloud", _("Found in the cloud")


class PlacementDecision(PublicIdModel):
    """One judgement, kept with the facts it was based on. No resource exists without one.

    ``workload``, ``supply`` and ``permission`` are the rows that it was judged by; ``advised`` and
    ``clauses`` what the rules said: [{"id", "verdict", "missing", "needs"}]. Of before RBCLOUD-2026
    these are empty, and ``reasons`` has the codes of why not. It never changes (trigger).
    """

    project = models.ForeignKey("identity.Project", on_delete=models.PROTECT, related_name="+")
    cloud = models.ForeignKey("cloud.Cloud", on_delete=models.PROTECT, related_name="+")
    offering = models.ForeignKey(
        "catalog.Offering", null=True, on_delete=models.PROTECT, related_name="+"
    )
    workload = models.ForeignKey(
        "catalog.WorkloadProfile", null=True, on_delete=models.PROTECT, related_name="+"
    )
    supply = models.ForeignKey(
        "catalog.SupplyProfile", null=True, on_delete=models.PROTECT, related_name="+"
    )
    permission = models.ForeignKey(
        "catalog.PlacementPermission", null=True, on_delete=models.PROTECT, related_name="+"
    )
    verdict = models.CharField(max_length=20, choices=PlacementVerdict)
    ruleset = models.CharField(max_length=40)
    facts = models.JSONField(default=dict)
    reasons = models.JSONField(default=list)
    advised = models.CharField(
        max_length=20, choices=choices_of(Advised), blank=True, db_default=""
    )
    clauses = models.JSONField(default=list, db_default=[])
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict__in=PlacementVerdict.values), name="placement_verdict_known"
            ),
            models.CheckConstraint(
                condition=Q(advised__in=["", *Advised]), name="placement_advice_known"
            ),
            models.CheckConstraint(
                condition=~Q(verdict=PlacementVerdict.ALLOWED, advised=Advised.PROHIBITED),
                name="placement_allowed_is_not_prohibited",
            ),
            models.CheckConstraint(
                condition=~Q(verdict=PlacementVerdict.ALLOWED, advised=Advised.CONDITIONAL)
                | Q(permission__isnull=False),
                name="placement_conditional_has_a_permission",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.ruleset}"
