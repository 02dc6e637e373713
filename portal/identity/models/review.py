"""Looking again at who may do what: every role is confirmed in time, or it lapses.

BIO2 8.02.01 asks it each quarter for privileged roles, 5.18.02 each year for all of them.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.core.calendar import last_day_before
from portal.core.mailing import Letter
from portal.core.models import PublicIdModel
from portal.identity.models.person import Person
from portal.identity.models.role import Role, RoleGrant
from portal.identity.models.tree import Node


class ReviewScope(models.TextChoices):
    PRIVILEGED = "privileged", _("Privileged roles")
    ALL = "all", _("All roles")


class ReviewDecision(models.TextChoices):
    """What became of a role under review. The last four are written by the clock."""

    KEEP = "keep", _("Confirmed")
    WITHDRAW = "withdraw", _("Withdrawn")
    LAPSED = "lapsed", _("Lapsed: not confirmed in time")
    ENDED = "ended", _("Ended meanwhile")
    NOBODY = "nobody", _("Kept: nobody could confirm it")
    SPARED = "spared", _("Kept: last administrator")


DECIDED_BY_PERSON: Final = (ReviewDecision.KEEP, ReviewDecision.WITHDRAW)


class ReviewCampaign(PublicIdModel):
    """One review of the roles in one organization and everything below it.

    ``opened_by`` is NULL when the clock opened it. From ``due_at`` on nothing can be decided, and
    what was not confirmed lapses; ``closed_at`` is when all of it was settled.
    """

    scope = models.CharField(max_length=10, choices=ReviewScope)
    root = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="reviews")
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    due_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(scope__in=ReviewScope.values), name="review_scope_known"
            ),
            models.CheckConstraint(
                condition=Q(due_at__gt=F("opened_at")), name="review_is_due_after_it_opens"
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(closed_at__gte=F("opened_at")),
                name="review_closes_after_it_opens",
            ),
            models.UniqueConstraint(
                fields=["root", "scope"],
                condition=Q(closed_at=None),
                name="review_one_open_per_organization_and_scope",
            ),
        ]
        indexes = [models.Index(fields=["root", "opened_at"], name="review_by_root")]

    def __str__(self) -> str:
        return f"{self.scope} roles in {self.root_id}"

    @property
    def last_day(self) -> date:
        """The last day in Amsterdam on which somebody can decide."""
        return last_day_before(self.due_at)


class ReviewItem(PublicIdModel):
    """One role under review, with the facts as they were when the review opened.

    A role from a claim is renewed by each login, in the same grant or, after an absence, in a new
    one. The item is about that right, whichever grant carries it; ``portal.identity.reviewing``
    finds the one that does.
    """

    campaign = models.ForeignKey(ReviewCampaign, on_delete=models.PROTECT, related_name="items")
    grant = models.ForeignKey(RoleGrant, on_delete=models.PROTECT, related_name="reviews")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=20, choices=Role)
    issuer = models.URLField(max_length=300, blank=True)  # the provider of a claim; else empty
    # Empty until somebody, or the clock, decides. Then nothing of this row changes any more.
    decision = models.CharField(max_length=10, choices=ReviewDecision, blank=True)
    decided_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "grant"], name="review_item_one_per_grant_and_campaign"
            ),
            models.CheckConstraint(
                condition=Q(role__in=Role.values), name="review_item_role_known"
            ),
            # Four eyes: nobody confirms a role of their own. The migration adds the foreign key
            # (grant, person) → RoleGrant(id, person), so that ``person`` is who holds it.
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("person")),
                name="review_item_decided_by_another_person",
            ),
            models.CheckConstraint(
                condition=Q(decision="", decided_by=None, decided_at=None, reason="")
                | Q(
                    decision__in=DECIDED_BY_PERSON,
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                )
                | (
                    Q(decision__in=ReviewDecision.values, decided_at__isnull=False)
                    & Q(decided_by=None)
                    & ~Q(decision__in=DECIDED_BY_PERSON)
                ),
                name="review_item_decided_by_a_person_or_by_the_clock",
            ),
            models.CheckConstraint(
                condition=~Q(decision=ReviewDecision.WITHDRAW) | ~Q(reason=""),
                name="review_item_withdrawal_has_a_reason",
            ),
        ]
        indexes = [
            models.Index(
                fields=["campaign"], condition=Q(decision=""), name="review_item_undecided"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.person_id} on {self.node_id}"

    @property
    def is_by_claim(self) -> bool:
        return self.issuer != ""


class ReviewStage(models.TextChoices):
    """When a reviewer with work left is reminded."""

    OPENED = "opened", _("Opened")
    WEEK = "week", _("A week left")
    DAY = "day", _("A day left")


class ReviewReminder(Letter):
    """One message to one reviewer."""

    campaign = models.ForeignKey(ReviewCampaign, on_delete=models.PROTECT, related_name="reminders")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    stage = models.CharField(max_length=10, choices=ReviewStage)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "person", "stage"],
                name="review_reminder_one_per_reviewer_and_stage",
            ),
            models.CheckConstraint(
                condition=Q(stage__in=ReviewStage.values), name="review_reminder_stage_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(sent_at=None), name="review_reminder_unsent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stage} to {self.person_id}"
