"""Whether this data may stand in that place, and by which rules that was judged."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.core.models import PublicIdModel


class PlacementVerdict(models.TextChoices):
    ALLOWED = "allowed", _("Allowed")
    REFUSED = "refused", _("Not allowed")
    FOUND_IN_CLOUD = "found_in_cloud", _("Found in the cloud")


class PlacementDecision(PublicIdModel):
    """One judgement, kept with the facts it was based on. No resource exists without one."""

    project = models.ForeignKey("identity.Project", on_delete=models.PROTECT, related_name="+")
    cloud = models.ForeignKey("cloud.Cloud", on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=20, choices=PlacementVerdict)
    ruleset = models.CharField(max_length=40)
    facts = models.JSONField(default=dict)
    reasons = models.JSONField(default=list)  # codes; the words are in catalog/placement
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict__in=PlacementVerdict.values), name="placement_verdict_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.ruleset}"
