"""What was metered, for whoever compares it with what a cloud counts itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from billing.models import Price, PriceUnit, UsageSpan
from portal.cloud.models import Cloud
from portal.core.calendar import Period


@dataclass(frozen=True)
class MeteredSpan:
    """Somebody paid for a resource from ``started_at`` until ``ended_at`` (None: still)."""

    public_id: UUID
    openstack_id: str
    name: str
    project_id: int
    started_at: datetime
    ended_at: datetime | None


def spans_within(cloud: Cloud, kinds: Collection[str], period: Period) -> Iterator[MeteredSpan]:
    """What of these kinds was metered in the period, in order; spans of several SKUs overlap."""
    touching = _spans(cloud, kinds).filter(
        Q(ended_at=None) | Q(ended_at__gt=period.start), started_at__lt=period.end
    )
    rows = touching.order_by("resource__project", "resource", "started_at").values_list(
        "resource__public_id",
        "resource__openstack_id",
        "resource__name",
        "resource__project",
        "started_at",
        "ended_at",
    )
    return (MeteredSpan(*row) for row in rows.iterator())


def gib_metered_now(cloud: Cloud, kinds: Collection[str]) -> dict[UUID, Decimal]:
    """The GiB that each resource of these kinds is metered for now, as far as GiB have a price."""
    per_gib = Price.objects.filter(sku=OuterRef("sku"), unit=PriceUnit.GIB_MONTH)
    running = _spans(cloud, kinds).filter(Exists(per_gib), ended_at=None)
    sums = running.order_by().values("resource__public_id").annotate(gib=Sum("quantity"))
    return dict(sums.values_list("resource__public_id", "gib"))


def _spans(cloud: Cloud, kinds: Collection[str]) -> QuerySet[UsageSpan]:
    """What was used; not what is due though it is used no more, of which a cloud knows nothing."""
    return UsageSpan.objects.filter(
        resource__cloud=cloud, resource__kind__in=kinds, is_unused=False
    )
