"""What a person may do, on which branch of the tree, and until when."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.core.models import DatedFact, PublicIdModel, no_overlap
from portal.identity.models.person import Person
from portal.identity.models.tree import Node


class Role(models.TextChoices):
    REQUESTER = "requester", _("Requester")
    APPROVER = "approver", _("Approver")
    FINANCE = "finance", _("Finance")
    QUOTA_ADMINISTRATOR = "quota_administrator", _("Quota administrator")
    OPERATOR = "operator", _("Operator")
    AUDITOR = "auditor", _("Auditor")


# What the holder of such a role does binds others: granted from above, reviewed every quarter.
PRIVILEGED_ROLES: Final = frozenset({Role.QUOTA_ADMINISTRATOR, Role.OPERATOR, Role.AUDITOR})


def limit_is_for_approvers(name: str) -> models.CheckConstraint:
    """A constraint: only an approver has an amount limit, and it is above zero."""
    return models.CheckConstraint(
        condition=Q(amount_limit=None) | Q(role=Role.APPROVER, amount_limit__gt=0), name=name
    )


class RoleGrant(PublicIdModel, DatedFact):
    """A role on a node, inherited downwards.

    Granted by a claim at login (then ``issuer`` says by which provider, which must know the
    person, and ``valid_until`` is at most a day away: migration 0008) or in the portal, under four
    eyes: then it refers to the proposal that somebody else decided on (migration 0004), and
    ``granted_by`` is who decided. Triggers keep it as it was granted; only its end may come
    sooner, by ``ended_by`` (NULL: the portal itself) for ``end_reason``.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="grants")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="grants")
    role = models.CharField(max_length=20, choices=Role)
    issuer = models.URLField(max_length=300, blank=True)
    granted_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    proposal = models.OneToOneField(
        "identity.RoleProposal", null=True, on_delete=models.PROTECT, related_name="grant"
    )
    reason = models.CharField(max_length=300, blank=True)
    ended_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    end_reason = models.CharField(max_length=300, blank=True)
    # Up to what an order may cost in its first month, in euros, for an approver; NULL: no limit.
    amount_limit = models.DecimalField(max_digits=14, decimal_places=2, null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_grant_role_known"),
            models.CheckConstraint(
                condition=(
                    ~Q(issuer="") & Q(granted_by=None, proposal=None, valid_until__isnull=False)
                )
                | (
                    Q(issuer="", granted_by__isnull=False)
                    & Q(proposal__isnull=False, valid_until__isnull=False)
                    & ~Q(granted_by=F("person"))
                ),
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
            limit_is_for_approvers("role_grant_limit_is_for_approvers"),
        ]
        indexes = [models.Index(fields=["person", "valid_until"], name="role_grant_by_person")]

    def __str__(self) -> str:
        return f"{self.role} on {self.node_id}"


class Deputy(PublicIdModel, DatedFact):
    """Who decides in somebody's absence. Never their own orders, nor those of the absent one.

    ``appointed_by`` is the absent one; or, when a quota administrator proposed it, whoever decided
    on that proposal. A foreign key then ties both people and the decider to it, and a trigger
    accepts only what was decided (migration 0009). Triggers keep an appointment as it was made;
    only its end may come sooner (migration 0008).
    """

    absent = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="deputies")
    deputy = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="deputizes_for")
    appointed_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    proposal = models.OneToOneField(
        "identity.RoleProposal", null=True, on_delete=models.PROTECT, related_name="deputy"
    )
    valid_until = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(absent=F("deputy")), name="deputy_is_another_person"
            ),
            # In the database NOT VALID: what administrators did alone before it was needed stays.
            models.CheckConstraint(
                condition=Q(appointed_by=F("absent")) | Q(proposal__isnull=False),
                name="deputy_appointed_by_the_absent_one_or_by_two",
            ),
            models.CheckConstraint(
                condition=~Q(appointed_by=F("deputy")), name="deputy_appointed_by_another_person"
            ),
            models.CheckConstraint(
                condition=Q(valid_until__gte=F("valid_from")), name="deputy_ends_after_it_begins"
            ),
            # The last day is at most 366 after the first, and a day in autumn has 25 hours.
            models.CheckConstraint(
                condition=Q(valid_until__lte=F("valid_from") + timedelta(days=368)),
                name="deputy_for_a_year_at_most",
            ),
            no_overlap("deputy_appointed_once_at_a_time", "absent_id", "deputy_id"),
        ]

    def __str__(self) -> str:
        return f"{self.deputy_id} for {self.absent_id}"
