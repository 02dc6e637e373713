"""How much each branch of the tree may hold, and who holds what."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from catalog.horizon import HORIZON
from portal.core.mailing import Letter
from portal.core.models import DatedFact, PublicIdModel, no_overlap
from portal.identity.models.proposed import Proposed, four_eyes_constraints

LIMIT_REASON_LENGTH: Final = 500  # characters


def _before_horizon(name: str) -> models.CheckConstraint:
    """A constraint: the period neither begins nor ends too far away to be shown."""
    ends = Q(valid_until=None) | Q(valid_until__lt=HORIZON)
    return models.CheckConstraint(condition=Q(valid_from__lt=HORIZON) & ends, name=name)


class Metric(models.TextChoices):
    SERVERS = "servers", _("Servers")
    VCPUS = "vcpus", _("Processors")
    MEMORY_GIB = "memory_gib", _("Memory")
    VOLUME_GIB = "volume_gib", _("Disk")
    VOLUMES = "volumes", _("Disks")
    SNAPSHOTS = "snapshots", _("Snapshots")
    NETWORKS = "networks", _("Networks")
    ROUTERS = "routers", _("Routers")
    FLOATING_IPS = "floating_ips", _("Public addresses")
    LOAD_BALANCERS = "load_balancers", _("Load balancers")
    OBJECT_GIB = "object_gib", _("Object storage")
    DNS_ZONES = "dns_zones", _("DNS zones")
    MONTHLY_COST_EUR = "monthly_cost_eur", _("Cost per month")


NEARLY_FULL: Final = Decimal("0.8")  # from this part of the limit on, people are warned


class Quota(models.Model):
    """The counter of one metric on one node. No row means nothing is allowed.

    ``limit_now`` NULL is an explicit "unlimited". Only claim and release change ``claimed``;
    ``check_quotas`` proves that it equals the sum of the claims. ``over_since`` is set only by
    a lowered limit or an adoption, and while it is set no claim is accepted.

    What a level has can be handed out to the levels below it as their limits, together no more
    than its own, unless ``overcommit_allowed``: then only claims are held to it.
    """

    node = models.ForeignKey("identity.Node", on_delete=models.PROTECT, related_name="quotas")
    metric = models.CharField(max_length=20, choices=Metric)
    limit_now = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    claimed = models.DecimalField(max_digits=20, decimal_places=6, default=0)
    over_since = models.DateTimeField(null=True)
    overcommit_allowed = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["node", "metric"], name="quota_one_per_node_and_metric"
            ),
            models.CheckConstraint(
                condition=Q(metric__in=Metric.values), name="quota_metric_known"
            ),
            models.CheckConstraint(condition=Q(claimed__gte=0), name="quota_claimed_not_negative"),
            models.CheckConstraint(
                condition=Q(limit_now=None)
                | Q(claimed__lte=F("limit_now"))
                | Q(over_since__isnull=False),
                name="quota_claimed_within_limit",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.metric} of {self.node_id}"


class QuotaLimit(DatedFact):
    """A limit that holds for a time; ``amount`` NULL is an explicit "unlimited"."""

    quota = models.ForeignKey(Quota, on_delete=models.PROTECT, related_name="limits")
    amount = models.DecimalField(max_digits=20, decimal_places=6, null=True)

    class Meta:
        constraints = [
            no_overlap("quota_limit_one_at_a_time", "quota_id"),
            models.CheckConstraint(
                condition=Q(amount=None) | Q(amount__gte=0), name="quota_limit_not_negative"
            ),
            _before_horizon("quota_limit_has_a_horizon"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} for {self.quota_id}"


class LimitChange(PublicIdModel):
    """That somebody set a limit, and why. Append-only (trigger).

    Attributes:
        before: the limit that held when it was set, for its ``valid_from``; None is unlimited.
        changed_by: None is the platform, as it was set up.
        reason: empty of what was granted on request.
        request: what was granted so; it says why, to who may read it.
    """

    quota = models.ForeignKey(  # the index below begins with it
        Quota, on_delete=models.PROTECT, related_name="changes", db_index=False
    )
    before = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    amount = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)
    reason = models.CharField(max_length=LIMIT_REASON_LENGTH, blank=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    changed_at = models.DateTimeField(default=now)
    request = models.ForeignKey(
        "catalog.QuotaRequest", null=True, on_delete=models.PROTECT, related_name="changes"
    )

    class Meta:
        ordering = ["-changed_at", "-pk"]
        constraints = [_before_horizon("limit_change_has_a_horizon")]
        indexes = [  # the last of each quota are found without the others
            models.Index(fields=["quota", "-changed_at", "-id"], name="limit_change_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.before} to {self.amount} for {self.quota_id}"

    @property
    def reason_for_all(self) -> str:
        """For everybody who reads the limit; what was granted before said here why it was asked."""
        return "" if self.request_id else self.reason


class QuotaRequest(Proposed):
    """Somebody asks that the limit of a node become ``amount``; who governs above it decides.

    Attributes:
        before: the lowest limit in the period that is asked, when it was asked.
        valid_until: for how long; None is for good.
        cart: what waits for it, to go on with once it is given.
    """

    node = models.ForeignKey("identity.Node", on_delete=models.PROTECT, related_name="+")
    metric = models.CharField(max_length=20, choices=Metric)
    before = models.DecimalField(max_digits=20, decimal_places=6)
    amount = models.DecimalField(max_digits=20, decimal_places=6)
    valid_until = models.DateTimeField(null=True)
    reason = models.CharField(max_length=LIMIT_REASON_LENGTH)
    cart = models.ForeignKey("catalog.Cart", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            *four_eyes_constraints("quota_request"),
            models.CheckConstraint(
                condition=Q(metric__in=Metric.values), name="quota_request_metric_known"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="quota_request_asks_something"),
            models.CheckConstraint(condition=~Q(reason=""), name="quota_request_has_a_reason"),
            models.UniqueConstraint(
                fields=["node", "metric", "proposed_by"],
                condition=Q(state="proposed"),
                name="quota_request_one_waits_of_each_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.metric} for {self.node_id}"


class QuotaReading(models.Model):
    """How much was claimed at the end of a day, on the days on which that was another than before.

    ``limit`` is None where it was unlimited.
    """

    quota = models.ForeignKey(Quota, on_delete=models.CASCADE, related_name="readings")
    day = models.DateField()
    claimed = models.DecimalField(max_digits=20, decimal_places=6)
    limit = models.DecimalField(max_digits=20, decimal_places=6, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["quota", "day"], name="quota_reading_one_a_day"),
        ]
        indexes = [models.Index(fields=["day"], name="quota_reading_by_day")]

    def __str__(self) -> str:
        return f"{self.claimed} of {self.quota_id} on {self.day}"


class AlertKind(models.TextChoices):
    NEARLY_FULL = "nearly_full", _("Nearly full")
    OVER = "over", _("Over its limit")
    FULL_SOON = "full_soon", _("Full soon")


class QuotaAlert(models.Model):
    """Something is the matter with a quota, for as long as it is: the row goes when it is not.

    ``told_at``: when letters about it were written.
    """

    quota = models.ForeignKey(Quota, on_delete=models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=12, choices=AlertKind)
    since = models.DateTimeField()
    told_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["quota", "kind"], name="quota_alert_one_per_kind"),
            models.CheckConstraint(
                condition=Q(kind__in=AlertKind.values), name="quota_alert_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.quota_id}"


class QuotaLetter(Letter):
    """What was newly the matter, for one reader: one letter a day at most."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    alerts = models.ManyToManyField(QuotaAlert, related_name="letters")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "day"], name="quota_letter_one_a_day"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(sent_at=None), name="quota_letter_unsent"),
        ]

    def __str__(self) -> str:
        return f"to {self.person_id} on {self.day}"


class ClaimState(models.TextChoices):
    RESERVED = "reserved", _("Reserved")  # an order waits; ends by itself at ``expires_at``
    COMMITTED = "committed", _("In use")
    RELEASED = "released", _("Free again")


class QuotaClaim(PublicIdModel):
    """What one thing holds on every node from its project up to the root."""

    project = models.ForeignKey("identity.Project", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=ClaimState, default=ClaimState.RESERVED)
    expires_at = models.DateTimeField(null=True)
    released_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="reserved", expires_at__isnull=False, released_at=None)
                | Q(state="committed", expires_at=None, released_at=None)
                | Q(state="released", released_at__isnull=False),
                name="quota_claim_state_matches_its_times",
            )
        ]
        indexes = [  # pages add up what is reserved, which is little beside what is in use
            models.Index(fields=["id"], condition=Q(state="reserved"), name="quota_claim_reserved")
        ]

    def __str__(self) -> str:
        return f"{self.state} claim of {self.project_id}"


class QuotaClaimLine(models.Model):
    """``amount`` of the metric held at one level of the tree; gone once the claim is released."""

    # Neither has an index of its own: those below begin with them.
    claim = models.ForeignKey(
        QuotaClaim, on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    quota = models.ForeignKey(
        Quota, on_delete=models.PROTECT, related_name="claim_lines", db_index=False
    )
    amount = models.DecimalField(max_digits=20, decimal_places=6)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["claim", "quota"], name="quota_claim_line_one_per_quota"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="quota_claim_line_positive"),
        ]
        indexes = [  # the largest are found without the others, in an order that stays
            models.Index(fields=["quota", "-amount", "id"], name="quota_claim_line_by_size"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.quota_id}"
