"""What a data owner permitted, and what stands where it may not stand any more."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from catalog.placement_words import Advised, choices_of
from portal.core.models import PublicIdModel
from portal.identity.models.proposed import Proposed, four_eyes_constraints

MOTIVATION_LENGTH: Final = 1000  # characters


class PlacementPermission(Proposed):
    """The data owner's yes to a placement under conditions, for exactly the facts as they were.

    It holds through ``valid_until`` (a day), as long as the answers (``workload``), the assessment
    (``supply``) and the rules are the same; ``offering`` empty: of all offerings that are judged by
    the assessment of their cloud. ``proposed_by`` asked for it. ``ended_at``: taken back before.
    """

    project = models.ForeignKey(
        "identity.Project", on_delete=models.PROTECT, related_name="placement_permissions"
    )
    cloud = models.ForeignKey("cloud.Cloud", on_delete=models.PROTECT, related_name="+")
    offering = models.ForeignKey(
        "catalog.Offering", null=True, on_delete=models.PROTECT, related_name="+"
    )
    workload = models.ForeignKey(
        "catalog.WorkloadProfile", on_delete=models.PROTECT, related_name="+"
    )
    supply = models.ForeignKey("catalog.SupplyProfile", on_delete=models.PROTECT, related_name="+")
    ruleset = models.CharField(max_length=40)
    facts = models.JSONField()
    clauses = models.JSONField()
    motivation = models.CharField(max_length=MOTIVATION_LENGTH)
    valid_until = models.DateField()
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            *four_eyes_constraints("placement_permission"),
            models.CheckConstraint(
                condition=~Q(motivation=""), name="placement_permission_has_a_motivation"
            ),
            models.CheckConstraint(
                condition=Q(ended_by=None, ended_at=None)
                | Q(state="confirmed", ended_by__isnull=False, ended_at__isnull=False),
                name="placement_permission_ended_by_somebody",
            ),
            models.UniqueConstraint(
                F("project"),
                F("cloud"),
                Coalesce("offering", 0),
                condition=Q(state="proposed"),
                name="placement_permission_one_waits",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} for {self.project_id} in {self.cloud_id}"


class PlacementStanding(models.Model):
    """By which facts (``stamp``, a digest) a project was last judged anew. May be made again."""

    project = models.OneToOneField(
        "identity.Project", on_delete=models.CASCADE, related_name="placement_standing"
    )
    stamp = models.CharField(max_length=64)
    looked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"standing of {self.project_id}"


class PlacementConcern(PublicIdModel):
    """Something of a project stands where it may not stand any more, and who minds it has a term.

    Nothing is switched off. ``advised`` and ``clauses`` are those of the last look, until it is
    settled: it may stand there again, or nothing stands there. ``told_at``: who owns it was told.
    """

    project = models.ForeignKey(
        "identity.Project", on_delete=models.PROTECT, related_name="placement_concerns"
    )
    cloud = models.ForeignKey("cloud.Cloud", on_delete=models.PROTECT, related_name="+")
    offering = models.ForeignKey(
        "catalog.Offering", null=True, on_delete=models.PROTECT, related_name="+"
    )
    advised = models.CharField(max_length=20, choices=choices_of(Advised))
    clauses = models.JSONField()
    first_seen_at = models.DateTimeField()
    due_on = models.DateField()
    settled_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(advised__in=list(Advised)), name="placement_concern_advice_known"
            ),
            models.UniqueConstraint(
                F("project"),
                F("cloud"),
                Coalesce("offering", 0),
                condition=Q(settled_at=None),
                name="placement_concern_one_is_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.advised} for {self.project_id} in {self.cloud_id}"
