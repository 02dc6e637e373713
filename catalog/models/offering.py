"""What can be ordered, in versions: an order keeps the version it was made with."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.functional import cached_property
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from portal.cloud.models import Cloud
from portal.core.models import PublicIdModel

REASON_LENGTH: Final = 300  # characters
NAME_LENGTH: Final = 80
DESCRIPTION_LENGTH: Final = 300
ADDRESS_LENGTH: Final = 300
LONGEST_TERM_DAYS: Final = 3653  # ten years


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

    ``choices`` bounds the kind's parameters (allowed flavors, images, networks, sizes); its shape
    is the kind's business, but for the fees (``catalog.kinds.fees``). ``approval_days``: after so
    many days without a decision an order expires. ``compensate_after_hours``: after so long in
    failure, what was made is removed and the order ends. ``grace_days``: so long after its term
    ended, and it was stopped, a resource is cleaned up. ``visible_to``: the organizations, with
    everything below them, for which it exists; none is all of them. What was proposed or published
    never changes: a trigger sees to it. ``drafted_by`` is empty of versions from before drafts had
    a maker.
    """

    offering = models.ForeignKey(Offering, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(
        max_length=12, choices=OfferingVersionState, default=OfferingVersionState.DRAFT
    )
    name_nl = models.CharField(max_length=NAME_LENGTH)
    name_en = models.CharField(max_length=NAME_LENGTH)
    description_nl = models.CharField(max_length=DESCRIPTION_LENGTH)
    description_en = models.CharField(max_length=DESCRIPTION_LENGTH)
    documentation_url = models.CharField(max_length=ADDRESS_LENGTH, blank=True, db_default="")
    price_list_url = models.CharField(max_length=ADDRESS_LENGTH, blank=True, db_default="")
    cloud = models.ForeignKey("cloud.Cloud", on_delete=models.PROTECT, related_name="+")
    choices = models.JSONField(default=dict)
    approval_days = models.PositiveSmallIntegerField(default=14)
    compensate_after_hours = models.PositiveSmallIntegerField(default=72)
    maximum_term_days = models.PositiveIntegerField(null=True)  # None: no end date is asked
    grace_days = models.PositiveSmallIntegerField(default=14, db_default=14)
    visible_to = models.ManyToManyField("identity.Organization", related_name="+")
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    drafted_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True)

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
            models.UniqueConstraint(
                fields=["offering"], condition=Q(state="draft"), name="offering_has_one_draft"
            ),
            models.CheckConstraint(
                condition=Q(state__in=OfferingVersionState.values),
                name="offering_version_state_known",
            ),
            models.CheckConstraint(
                condition=Q(grace_days__gte=1), name="offering_version_leaves_a_day_of_grace"
            ),
            models.CheckConstraint(
                condition=Q(documentation_url__regex="^(https://.*)?$")
                & Q(price_list_url__regex="^(https://.*)?$"),
                name="offering_version_links_are_https",
            ),
            models.CheckConstraint(
                condition=Q(state="withdrawn") | Q(withdrawn_by=None, withdrawn_at=None),
                name="offering_version_withdrawn_before_somebody_did",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name_en}, version {self.number}"

    @cached_property
    def neighbours(self) -> dict[str, OfferingVersion]:
        """What else is offered in the same cloud, by code; as it was when first asked."""
        return neighbours_in(self.cloud)

    @property
    def name(self) -> str:
        """The name in the reader's language."""
        return self.name_en if get_language() == "en" else self.name_nl

    @property
    def description(self) -> str:
        """The description in the reader's language."""
        return self.description_en if get_language() == "en" else self.description_nl


def neighbours_in(cloud: Cloud) -> dict[str, OfferingVersion]:
    """What is published in the cloud, by code, with what its kinds look at."""
    published = OfferingVersion.objects.filter(state=OfferingVersionState.PUBLISHED, cloud=cloud)
    versions = published.select_related("offering", "cloud")
    prefetched = versions.prefetch_related("cloud__flavors", "cloud__images", "cloud__volumetypes")
    return {version.offering.code: version for version in prefetched}


class PublicationState(models.TextChoices):
    PROPOSED = "proposed", _("Proposed")
    CONFIRMED = "confirmed", _("Published")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Taken back")


class Publication(PublicIdModel):
    """The wish to publish a draft: one person proposes it, another decides.

    While it waits the draft cannot change; refused or taken back, it can again. A trigger keeps
    all but the decision as it was proposed, and what is settled as it was settled.
    """

    version = models.ForeignKey(
        OfferingVersion, on_delete=models.PROTECT, related_name="publications"
    )
    state = models.CharField(
        max_length=10, choices=PublicationState, default=PublicationState.PROPOSED
    )
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    proposed_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.CharField(max_length=REASON_LENGTH, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=PublicationState.values), name="publication_state_known"
            ),
            # Four eyes (BIO2, separation of duties): what everybody may order takes two people.
            models.CheckConstraint(
                condition=Q(decided_by=None)
                | Q(state="withdrawn")
                | ~Q(decided_by=F("proposed_by")),
                name="publication_decided_by_another_person",
            ),
            models.CheckConstraint(
                condition=Q(state="proposed", decided_by=None, decided_at=None)
                | (~Q(state="proposed") & Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="publication_decision_names_who_and_when",
            ),
            models.CheckConstraint(
                condition=~Q(state="refused") | ~Q(decision_reason=""),
                name="publication_refusal_has_a_reason",
            ),
            models.UniqueConstraint(
                fields=["version"],
                condition=Q(state="proposed"),
                name="publication_one_waits_per_version",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.version_id}"
