"""How much each branch of the tree may hold, and who holds what."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.core.models import DatedFact, PublicIdModel, no_overlap


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


NEARLY_FULL: Final = Decimal("0.85")  # from this part of the limit on, people are warned


class Quota(models.Model):
    """The counter of one metric on one node. No row means nothing is allowed.

    ``limit_now`` NULL is an explicit "unlimited". Only claim and release change ``claimed``;
    ``check_quotas`` proves that it equals the sum of the claims. ``over_since`` is set only by
    a lowered limit or an adoption, and while it is set no claim is accepted.
    """

    node = models.ForeignKey("identity.Node", on_delete=models.PROTECT, related_name="quotas")
    metric = models.CharField(max_length=20, choices=Metric)
    limit_now = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    claimed = models.DecimalField(max_digits=20, decimal_places=6, default=0)
    over_since = models.DateTimeField(null=True)

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
        ]

    def __str__(self) -> str:
        return f"{self.amount} for {self.quota_id}"


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

    def __str__(self) -> str:
        return f"{self.state} claim of {self.project_id}"


class QuotaClaimLine(models.Model):
    """``amount`` of the metric held at one level of the tree."""

    claim = models.ForeignKey(QuotaClaim, on_delete=models.PROTECT, related_name="lines")
    quota = models.ForeignKey(Quota, on_delete=models.PROTECT, related_name="claim_lines")
    amount = models.DecimalField(max_digits=20, decimal_places=6)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["claim", "quota"], name="quota_claim_line_one_per_quota"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="quota_claim_line_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.quota_id}"
