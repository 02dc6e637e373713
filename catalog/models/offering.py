"""What can be ordered, in versions: an order keeps the version it was made with."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from portal.core.models import PublicIdModel


class Offering(PublicIdModel):
    """Something in the catalogue. ``kind`` names a file in ``catalog/kinds``."""

    code = models.SlugField(max_length=40, unique=True)
    kind = models.CharField(max_length=40)
    position = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return self.code


class OfferingVersionState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class OfferingVersion(PublicIdModel):
    """One version of an offering: its texts, where it stands, and what may be chosen.

    ``choices`` bounds the kind's parameters (allowed flavors, images, networks, sizes); its
    shape is the kind's business. ``approval_days``: after so many days without a decision an
    order expires. ``compensate_after_hours``: after so long in failure, what was made is
    removed and the order ends. ``grace_days``: so long after its term ended, and it was stopped,
    a resource is cleaned up.
    """

    offering = models.ForeignKey(Offering, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(
        max_length=12, choices=OfferingVersionState, default=OfferingVersionState.DRAFT
    )
    name_nl = models.CharField(max_length=80)
    name_en = models.CharField(max_length=80)
    description_nl = models.CharField(max_length=300)
    description_en = models.CharField(max_length=300)
    cloud = models.ForeignKey("cloud.Cloud", on_delete=models.PROTECT, related_name="+")
    choices = models.JSONField(default=dict)
    approval_days = models.PositiveSmallIntegerField(default=14)
    compensate_after_hours = models.PositiveSmallIntegerField(default=72)
    maximum_term_days = models.PositiveIntegerField(default=1096)
    grace_days = models.PositiveSmallIntegerField(default=14, db_default=14)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["offering", "number"], name="offering_version_number_unique"
            ),
            models.UniqueConstraint(
                fields=["offering"],
                condition=Q(state="published"),
                name="offering_has_one_published_version",
            ),
            models.CheckConstraint(
                condition=Q(state__in=OfferingVersionState.values),
                name="offering_version_state_known",
            ),
            models.CheckConstraint(
                condition=Q(grace_days__gte=1), name="offering_version_leaves_a_day_of_grace"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name_en}, version {self.number}"

    @property
    def name(self) -> str:
        """The name in the reader's language."""
        return self.name_en if get_language() == "en" else self.name_nl

    @property
    def description(self) -> str:
        """The description in the reader's language."""
        return self.description_en if get_language() == "en" else self.description_nl
