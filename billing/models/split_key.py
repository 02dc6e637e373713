"""Who bears the costs of a project that others use: split by key, from one month on."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.models.statement import REASON_LENGTH
from billing.splitting import WHOLE, Method
from portal.core.models import DatedFact, no_overlap
from portal.identity.models.proposed import DecisionState, Proposed, four_eyes_constraints

_HOLDS: Final = Q(state=DecisionState.CONFIRMED, ends=None)
STANDING: Final = (DecisionState.PROPOSED, DecisionState.CONFIRMED)


class SplitMethod(models.TextChoices):
    EQUAL = Method.EQUAL.value, _("Everybody the same")
    BY_USAGE = Method.BY_USAGE.value, _("By what each of them used")
    PERCENTAGES = Method.PERCENTAGES.value, _("By fixed percentages")


class SplitKey(Proposed, DatedFact):
    """What a project costs is borne by other projects, in whole business months.

    One that ``ends`` another has no recipients: confirmed, the other holds no longer from
    ``valid_from`` on. Where that is its beginning it never holds.

    By triggers what was proposed never changes, and nothing of it begins or ends in a month that
    has begun. There are exactly ``recipient_count`` recipients, who are never the source, whose
    percentages make a hundred, and of whom none has costs that others bear in the same month.

    Attributes:
        source: the project whose costs are borne by others.
        valid_from, valid_until: beginnings of business months.
        reason: why, for who reads the books later.
    """

    source = models.ForeignKey("identity.Project", on_delete=models.PROTECT, related_name="+")
    method = models.CharField(max_length=11, choices=SplitMethod, blank=True)
    reason = models.CharField(max_length=REASON_LENGTH)
    recipient_count = models.PositiveSmallIntegerField()
    ends = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="endings")

    class Meta:
        constraints = [
            *four_eyes_constraints("split_key"),
            no_overlap("split_key_one_per_source_at_a_time", "source_id", condition=_HOLDS),
            models.CheckConstraint(condition=~Q(reason=""), name="split_key_says_why"),
            models.CheckConstraint(
                condition=Q(ends=None, method__in=SplitMethod.values, recipient_count__gt=0)
                | Q(ends__isnull=False, method="", recipient_count=0, valid_until=None),
                name="split_key_splits_or_ends_another",
            ),
            models.CheckConstraint(
                condition=Q(valid_until=None)
                | Q(valid_until__gt=F("valid_from"))
                | Q(valid_until=F("valid_from"), state=DecisionState.CONFIRMED),
                name="split_key_ends_after_it_begins",
            ),
            models.UniqueConstraint(
                fields=["ends"],
                condition=Q(state=DecisionState.PROPOSED),
                name="split_key_ended_by_one_proposal_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method or 'end'} of {self.source_id}"

    @property
    def never_holds(self) -> bool:
        """It was ended before it began."""
        return self.valid_until is not None and self.valid_until <= self.valid_from

    @property
    def came_to_nothing(self) -> bool:
        """Refused, taken back, or ended before it began: nobody ever bears anything by it."""
        return self.never_holds or self.state not in STANDING

    def holds_at(self, at: datetime) -> bool:
        """True when it decides who bears what is used at that moment."""
        is_agreed = self.state == DecisionState.CONFIRMED and self.ends_id is None
        has_ended = self.valid_until is not None and self.valid_until <= at
        return is_agreed and self.valid_from <= at and not has_ended


class SplitRecipient(models.Model):
    """A project that bears a part; ``percentage``: of keys with fixed percentages, three places."""

    key = models.ForeignKey(SplitKey, on_delete=models.PROTECT, related_name="recipients")
    project = models.ForeignKey("identity.Project", on_delete=models.PROTECT, related_name="+")
    percentage = models.DecimalField(max_digits=6, decimal_places=3, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key", "project"], name="split_recipient_bears_one_part"
            ),
            models.CheckConstraint(
                condition=Q(percentage=None) | Q(percentage__gt=0, percentage__lte=WHOLE),
                name="split_recipient_bears_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project_id} of {self.key_id}"
