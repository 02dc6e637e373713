"""Who must approve what: rules on the tree, each in versions that two people agreed on."""

from __future__ import annotations

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from portal.core.models import PublicIdModel
from portal.identity.models.proposed import Proposed, four_eyes_constraints

RULE_NAME_LENGTH: Final = 60


class ApprovalRule(PublicIdModel):
    """One rule, for its node and everything below; what it says stands in its versions."""

    node = models.ForeignKey(
        "identity.Node", on_delete=models.PROTECT, related_name="approval_rules"
    )
    name = models.CharField(max_length=RULE_NAME_LENGTH)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="approval_rule_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class ApprovalRuleVersion(Proposed):
    """What a rule says from its confirmation on, until ``ended_at``; of a rule one is in force.

    The conditions are those of ``catalog.approval_rules.Rule``; ``offering`` is about all versions
    of it. ``ends_rule``: from this version on the rule says nothing any more. What was proposed
    never changes (trigger).
    """

    rule = models.ForeignKey(ApprovalRule, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveSmallIntegerField()
    amount_from = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    kinds = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    offering = models.ForeignKey(
        "catalog.Offering", null=True, on_delete=models.PROTECT, related_name="rule_versions"
    )
    protection_level = models.PositiveSmallIntegerField(null=True)
    personal_data = models.BooleanField(default=False)
    automatic_below = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    people_of_project = models.PositiveSmallIntegerField(default=1)
    people_of_node = models.PositiveSmallIntegerField(default=0)
    ends_rule = models.BooleanField(default=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            *four_eyes_constraints("approval_rule"),
            models.UniqueConstraint(fields=["rule", "number"], name="approval_rule_version_unique"),
            models.UniqueConstraint(
                fields=["rule"],
                condition=Q(state="confirmed", ended_at=None),
                name="approval_rule_one_version_in_force",
            ),
            models.UniqueConstraint(
                fields=["rule"], condition=Q(state="proposed"), name="approval_rule_one_waits"
            ),
            models.CheckConstraint(
                condition=Q(amount_from__gte=0)
                & (Q(automatic_below=None) | Q(automatic_below__gt=0)),
                name="approval_rule_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(protection_level=None) | Q(protection_level__range=(1, 4)),
                name="approval_rule_protection_level_known",
            ),
            models.CheckConstraint(
                condition=Q(offering=None) | Q(kinds=[]),
                name="approval_rule_of_an_offering_names_no_kinds",
            ),
            models.CheckConstraint(
                condition=Q(people_of_project__gte=1) | Q(people_of_node__gte=1),
                name="approval_rule_asks_somebody",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(state="confirmed"),
                name="approval_rule_ended_was_in_force",
            ),
        ]
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.rule}, {self.number}"
