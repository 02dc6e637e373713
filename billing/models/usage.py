"""What was used, from when until when. Append-only: a trigger allows no change but the one end."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from billing.models.moments import is_whole_second
from portal.core.models import no_overlap


class MeteredResource(models.Model):
    """Something that is metered. Billing knows it by the catalogue's public id, and no more.

    ``public_id`` is the FOCUS ResourceId; ``openstack_id`` (x_OpenStackId) changes when a repair
    makes the thing anew; of a container it is the name. ``end_date`` is the last business day on
    which it is expected to exist: forecasts and commitments stop there, charges do not.
    """

    public_id = models.UUIDField(unique=True)
    project = models.ForeignKey(
        "identity.Project", on_delete=models.PROTECT, related_name="metered_resources"
    )
    cloud = models.ForeignKey("cloud.Cloud", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40)
    name = models.CharField(max_length=120)
    openstack_id = models.CharField(max_length=256, blank=True)
    tags = models.JSONField(default=dict)
    end_date = models.DateField(null=True)

    def __str__(self) -> str:
        return self.name


class UsageSpan(models.Model):
    """``quantity`` of a SKU held by one resource, from ``started_at`` (inclusive) to ``ended_at``.

    Both ends are the cloud's own times where it gives them, bounded by our intent and our
    observation; all three are kept in ``start_facts`` and ``end_facts`` (ISO 8601 by
    ``cloud``, ``intended``, ``observed``). ``is_beginning`` is False for what goes on after it was
    gone: what is paid once was paid when it began.

    ``term``: the minimum term that it began in; until that ends, its price holds. A span that
    ``is_unused`` was not used at all, but is due until then (or until it is used again): its end
    lies ahead when it is written.
    """

    resource = models.ForeignKey(MeteredResource, on_delete=models.PROTECT, related_name="spans")
    sku = models.ForeignKey("billing.Sku", on_delete=models.PROTECT, related_name="spans")
    quantity = models.DecimalField(max_digits=18, decimal_places=6)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    is_beginning = models.BooleanField(default=True, db_default=True)
    term = models.ForeignKey(
        "billing.MinimumTerm",
        null=True,
        on_delete=models.PROTECT,
        related_name="spans",
        db_index=False,  # of most spans it is empty
    )
    is_unused = models.BooleanField(default=False, db_default=False)
    start_facts = models.JSONField(default=dict)
    end_facts = models.JSONField(default=dict)

    class Meta:
        constraints = [
            no_overlap(
                "usage_span_no_overlap_per_resource_and_sku",
                "resource_id",
                "sku_id",
                start="started_at",
                end="ended_at",
                condition=Q(is_unused=False),
            ),
            no_overlap(
                "usage_span_unused_no_overlap_per_resource_and_sku",
                "resource_id",
                "sku_id",
                start="started_at",
                end="ended_at",
                condition=Q(is_unused=True),
            ),
            models.CheckConstraint(
                condition=Q(is_unused=False)
                | Q(term__isnull=False, ended_at__isnull=False, is_beginning=False),
                name="usage_span_unused_is_of_a_term",
            ),
            models.CheckConstraint(
                condition=Q(quantity__gt=0), name="usage_span_quantity_positive"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("started_at")),
                name="usage_span_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=is_whole_second("started_at", "ended_at"),
                name="usage_span_counts_whole_seconds",
            ),
        ]
        indexes = [
            models.Index(fields=["started_at", "ended_at"], name="usage_span_by_period"),
            models.Index(
                fields=["term"], condition=Q(term__isnull=False), name="usage_span_of_a_term"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.sku_id} from {self.started_at}"
