"""What people said of the data of a project, in versions, and the evidence that they refer to."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from catalog.placement_words import (
    BaseRegister,
    EvidenceKind,
    PersonalData,
    Rubricering,
    Score,
    choices_of,
)
from portal.core.models import PublicIdModel

REFERENCE_LENGTH: Final = 300  # characters
OUTAGES_HOURS: Final = (4, 24, 72, 168)
_WORD_LENGTH: Final = 30
_TABLE: Final = "workload_profile"


class NoticeOutcome(models.TextChoices):
    """What CISO Rijk said of a notice."""

    NO_OBJECTION = "no_objection"
    INSTRUCTION_AGAINST = "instruction_against"


_WORDS: Final[dict[str, type[StrEnum]]] = {
    "personal_data": PersonalData,
    "availability": Score,
    "integrity": Score,
    "confidentiality": Score,
    "rubricering": Rubricering,
    "base_register": BaseRegister,
}


def _word(words: type[StrEnum]) -> models.CharField[Any, Any]:
    """A word out of a list; empty: nobody said."""
    return models.CharField(max_length=_WORD_LENGTH, choices=choices_of(words), blank=True)


class WorkloadProfile(PublicIdModel):
    """The answers about one project from ``answered_at`` on, until ``ended_at``. One is in force.

    Empty and null mean that nobody said, which the rules take for the worst. ``answered_by`` is
    empty of what came with the installation. What was answered never changes (trigger).
    """

    project = models.ForeignKey(
        "identity.Project", on_delete=models.PROTECT, related_name="workload_profiles"
    )
    number = models.PositiveIntegerField()
    is_core_task = models.BooleanField(null=True)
    personal_data = _word(PersonalData)
    has_special_data = models.BooleanField(null=True)
    availability = _word(Score)
    integrity = _word(Score)
    confidentiality = _word(Score)
    rubricering = _word(Rubricering)
    base_register = _word(BaseRegister)
    is_workplace = models.BooleanField(null=True)
    is_vital = models.BooleanField(null=True)
    longest_outage_hours = models.PositiveSmallIntegerField(null=True)
    review_on = models.DateField()
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    answered_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{field}__in": ["", *words]}), name=f"{_TABLE}_{field}_known"
                )
                for field, words in _WORDS.items()
            ),
            models.CheckConstraint(
                condition=Q(longest_outage_hours=None) | Q(longest_outage_hours__in=OUTAGES_HOURS),
                name=f"{_TABLE}_outage_known",
            ),
            models.CheckConstraint(
                condition=~Q(personal_data=PersonalData.NONE) | Q(has_special_data=False),
                name=f"{_TABLE}_without_personal_data_has_no_special",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("answered_at")),
                name=f"{_TABLE}_ends_after_it_began",
            ),
            models.UniqueConstraint(fields=["project", "number"], name=f"{_TABLE}_numbered_once"),
            models.UniqueConstraint(
                fields=["project"], condition=Q(ended_at=None), name=f"{_TABLE}_one_in_force"
            ),
        ]

    def __str__(self) -> str:
        return f"answers {self.number} about {self.project_id}"


class WorkloadEvidence(PublicIdModel):
    """Where a document about a project can be found; the document itself is never kept here.

    ``outcome`` is of a notice to CISO Rijk only. A reference that is wrong is withdrawn, and
    recorded anew: it never changes (trigger). None is dated after the day it was recorded (a
    constraint of the migration, for that day is one of Amsterdam).
    """

    project = models.ForeignKey(
        "identity.Project", on_delete=models.PROTECT, related_name="workload_evidence"
    )
    kind = models.CharField(max_length=_WORD_LENGTH, choices=choices_of(EvidenceKind))
    reference = models.CharField(max_length=REFERENCE_LENGTH)
    dated_on = models.DateField()
    outcome = models.CharField(max_length=_WORD_LENGTH, choices=NoticeOutcome, blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    recorded_at = models.DateTimeField()
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["project", "kind"], name="workload_evidence_of_project")]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=list(EvidenceKind)), name="workload_evidence_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(outcome="")
                | Q(kind=EvidenceKind.CISO_NOTICE, outcome__in=NoticeOutcome.values),
                name="workload_evidence_outcome_is_of_a_notice",
            ),
            models.CheckConstraint(
                condition=~Q(reference=""), name="workload_evidence_says_where_it_is"
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_by=None, withdrawn_at=None)
                | Q(withdrawn_by__isnull=False, withdrawn_at__isnull=False),
                name="workload_evidence_withdrawn_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.project_id}"
