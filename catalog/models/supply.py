"""What was assessed of the places where data can stand, agreed on by two people."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from catalog.placement_words import (
    DependencyKind,
    Hosting,
    Keys,
    Objective,
    Rubricering,
    Screening,
    choices_of,
)
from portal.identity.models.proposed import Proposed, four_eyes_constraints

EVIDENCE_LENGTH: Final = 300  # characters
NAME_LENGTH: Final = 120
KEY_LENGTH: Final = 40
LONGEST_VALIDITY_DAYS: Final = 3 * 366  # BIO2, 5.23.01
HIGHEST_SEAL: Final = 4
_WORD_LENGTH: Final = 30


class SupplyProfile(Proposed):
    """What is known of a cloud, or of one offering in it, and until when that is taken for true.

    A draft (``is_draft``) may be changed; once proposed nothing changes but the decision (trigger).
    One is in force of a cloud and an offering: confirmed, without ``ended_at``. An offering without
    one of its own has its cloud's. ``lists_dependencies``: all of them were looked for, so that
    none means none. ``seals`` (proven SEAL by objective, null is a gap), ``seal`` and ``score``
    are reckoned when it is proposed. Empty and null mean that nobody knows.
    """

    cloud = models.ForeignKey(
        "cloud.Cloud", on_delete=models.PROTECT, related_name="supply_profiles"
    )
    offering = models.ForeignKey(
        "catalog.Offering", null=True, on_delete=models.PROTECT, related_name="supply_profiles"
    )
    number = models.PositiveIntegerField()
    is_draft = models.BooleanField(default=True)
    hosting = models.CharField(max_length=_WORD_LENGTH, choices=choices_of(Hosting), blank=True)
    locations = ArrayField(models.CharField(max_length=2), default=list, blank=True)
    keys = models.CharField(max_length=_WORD_LENGTH, choices=choices_of(Keys), blank=True)
    is_encrypted_at_rest = models.BooleanField(null=True)
    is_encrypted_in_transit = models.BooleanField(null=True)
    is_encrypted_in_use = models.BooleanField(null=True)
    certifications = models.JSONField(default=list, blank=True)  # [{"name", "valid_until"}]
    personnel_screening = models.CharField(
        max_length=_WORD_LENGTH, choices=choices_of(Screening), blank=True
    )
    lists_dependencies = models.BooleanField(default=False)
    highest_protection_level = models.PositiveSmallIntegerField(null=True)
    highest_rubricering = models.CharField(
        max_length=_WORD_LENGTH, choices=choices_of(Rubricering), blank=True
    )
    admits_personal_data = models.BooleanField(null=True)
    admits_special_data = models.BooleanField(null=True)
    framework = models.CharField(max_length=_WORD_LENGTH, blank=True)
    seals = models.JSONField(default=dict, blank=True)
    seal = models.PositiveSmallIntegerField(null=True)
    score = models.DecimalField(max_digits=9, decimal_places=6, null=True)
    assessed_on = models.DateField(null=True)
    valid_until = models.DateField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            *four_eyes_constraints("supply_profile"),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{field}__in": ["", *words]}),
                    name=f"supply_profile_{field}_known",
                )
                for field, words in (
                    ("hosting", Hosting),
                    ("keys", Keys),
                    ("personnel_screening", Screening),
                    ("highest_rubricering", Rubricering),
                )
            ),
            models.CheckConstraint(
                condition=Q(highest_protection_level=None)
                | Q(highest_protection_level__range=(1, 4)),
                name="supply_profile_level_known",
            ),
            models.CheckConstraint(
                condition=Q(seal=None) | Q(seal__lte=HIGHEST_SEAL), name="supply_profile_seal_known"
            ),
            models.CheckConstraint(
                condition=Q(is_draft=False) | Q(state="proposed"),
                name="supply_profile_draft_is_not_decided_on",
            ),
            models.CheckConstraint(
                condition=Q(is_draft=True)
                | Q(
                    assessed_on__isnull=False,
                    valid_until__isnull=False,
                    valid_until__gte=F("assessed_on"),
                ),
                name="supply_profile_says_until_when",
            ),
            models.CheckConstraint(
                condition=Q(is_draft=True)
                | Q(valid_until__lte=F("assessed_on") + timedelta(days=LONGEST_VALIDITY_DAYS)),
                name="supply_profile_holds_three_years_at_most",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(state="confirmed"),
                name="supply_profile_ends_after_it_was_in_force",
            ),
            models.UniqueConstraint(
                F("cloud"),
                Coalesce("offering", 0),
                F("number"),
                name="supply_profile_numbered_once",
            ),
            models.UniqueConstraint(
                F("cloud"),
                Coalesce("offering", 0),
                condition=Q(state="confirmed", ended_at=None),
                name="supply_profile_one_in_force",
            ),
            models.UniqueConstraint(
                F("cloud"),
                Coalesce("offering", 0),
                condition=Q(state="proposed"),
                name="supply_profile_one_waits",
            ),
        ]

    def __str__(self) -> str:
        return f"assessment {self.number} of {self.cloud_id}"


class SupplyOwner(models.Model):
    """A legal entity in the chain from the operator to the ultimate owner.

    ``jurisdiction``: ISO 3166; empty: not known.
    """

    profile = models.ForeignKey(SupplyProfile, on_delete=models.CASCADE, related_name="owners")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=NAME_LENGTH)
    jurisdiction = models.CharField(max_length=2, blank=True)
    is_operator = models.BooleanField(default=False)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["profile", "position"], name="supply_owner_one_at_a_position"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="supply_owner_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class SupplyDependency(models.Model):
    """Something a place uses; ``needs`` are the keys of what this one uses in turn."""

    profile = models.ForeignKey(
        SupplyProfile, on_delete=models.CASCADE, related_name="dependencies"
    )
    key = models.SlugField(max_length=KEY_LENGTH)
    name = models.CharField(max_length=NAME_LENGTH)
    kind = models.CharField(max_length=_WORD_LENGTH, choices=choices_of(DependencyKind))
    supplier = models.CharField(max_length=NAME_LENGTH)
    jurisdiction = models.CharField(max_length=2, blank=True)
    is_critical = models.BooleanField()
    needs = ArrayField(models.SlugField(max_length=KEY_LENGTH), default=list, blank=True)
    evidence = models.CharField(max_length=EVIDENCE_LENGTH, blank=True)
    evidenced_on = models.DateField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["profile", "key"], name="supply_dependency_named_once"),
            models.CheckConstraint(
                condition=Q(kind__in=list(DependencyKind)), name="supply_dependency_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(evidence="", evidenced_on=None)
                | (~Q(evidence="") & Q(evidenced_on__isnull=False)),
                name="supply_dependency_evidence_has_a_date",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SupplyAnswer(models.Model):
    """The answer to one criterion of the EU Cloud Sovereignty Framework; ``answer`` from 0 on.

    With evidence it is proven, without it is claimed only.
    """

    profile = models.ForeignKey(SupplyProfile, on_delete=models.CASCADE, related_name="answers")
    criterion = models.CharField(max_length=10)
    answer = models.PositiveSmallIntegerField()
    evidence = models.CharField(max_length=EVIDENCE_LENGTH, blank=True)
    evidenced_on = models.DateField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["profile", "criterion"], name="supply_answer_one_per_criterion"
            ),
            models.CheckConstraint(
                condition=Q(evidence="", evidenced_on=None)
                | (~Q(evidence="") & Q(evidenced_on__isnull=False)),
                name="supply_answer_evidence_has_a_date",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.criterion}: {self.answer}"


class SealMinimum(Proposed):
    """Which SEAL is enough for data of a protection level, until ``ended_at``.

    ``objective`` empty: of all objectives that have none of their own.
    """

    protection_level = models.PositiveSmallIntegerField()
    objective = models.CharField(max_length=_WORD_LENGTH, choices=choices_of(Objective), blank=True)
    seal = models.PositiveSmallIntegerField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            *four_eyes_constraints("seal_minimum"),
            models.CheckConstraint(
                condition=Q(protection_level__range=(1, 4)), name="seal_minimum_level_known"
            ),
            models.CheckConstraint(
                condition=Q(objective__in=["", *Objective]), name="seal_minimum_objective_known"
            ),
            models.CheckConstraint(
                condition=Q(seal__lte=HIGHEST_SEAL), name="seal_minimum_seal_known"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(state="confirmed"),
                name="seal_minimum_ends_after_it_was_in_force",
            ),
            models.UniqueConstraint(
                fields=["protection_level", "objective"],
                condition=Q(state="confirmed", ended_at=None),
                name="seal_minimum_one_in_force",
            ),
            models.UniqueConstraint(
                fields=["protection_level", "objective"],
                condition=Q(state="proposed"),
                name="seal_minimum_one_waits",
            ),
        ]

    def __str__(self) -> str:
        return f"TBB {self.protection_level}: SEAL {self.seal}"
