"""What a person may do, on which branch of the tree, and until when."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.core.models import DatedFact, PublicIdModel
from portal.identity.models.person import Person
from portal.identity.models.tree import Node


class Role(models.TextChoices):
    REQUESTER = "requester", _("Requester")
    APPROVER = "approver", _("Approver")
    FINANCE = "finance", _("Finance")
    QUOTA_ADMINISTRATOR = "quota_administrator", _("Quota administrator")
    OPERATOR = "operator", _("Operator")
    AUDITOR = "auditor", _("Auditor")


class RoleGrant(PublicIdModel, DatedFact):
    """A role on a node, inherited downwards.

    Granted by a claim at login (then ``issuer`` says by which provider, and ``valid_until`` is
    at most a day away) or in the portal, by another person than the one who gets it.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="grants")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="grants")
    role = models.CharField(max_length=20, choices=Role)
    issuer = models.URLField(max_length=300, blank=True)
    granted_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300, blank=True)
    # Highest monthly amount in euros that an approver may approve; NULL is without limit.
    amount_limit = models.DecimalField(max_digits=14, decimal_places=2, null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_grant_role_known"),
            models.CheckConstraint(
                condition=(~Q(issuer="") & Q(granted_by=None, valid_until__isnull=False))
                | (Q(issuer="", granted_by__isnull=False) & ~Q(granted_by=F("person"))),
                name="role_granted_by_claim_or_by_another_person",
            ),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")),
                name="role_grant_ends_after_it_begins",
            ),
            # What a review points at, so that it cannot name another person than the holder.
            models.UniqueConstraint(
                fields=["id", "person"], name="role_grant_known_together_with_person"
            ),
        ]
        indexes = [models.Index(fields=["person", "valid_until"], name="role_grant_by_person")]

    def __str__(self) -> str:
        return f"{self.role} on {self.node_id}"


class Deputy(DatedFact):
    """Who decides in somebody's absence. Never their own orders, nor those of the absent one."""

    absent = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="deputies")
    deputy = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="deputizes_for")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(absent=F("deputy")), name="deputy_is_another_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.deputy_id} for {self.absent_id}"
