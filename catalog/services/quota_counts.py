"""What parts of the tree reserved and handed out of one metric, as pages and files show it."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Final

from django.db.models import Count, Q, QuerySet, Sum

from catalog.models import ClaimState, Metric, Quota, QuotaClaimLine
from portal.identity.models import Node

NOTHING: Final = Decimal(0)

Nodes = Collection[int] | QuerySet[Node]


def reserved_by_node(nodes: Nodes, metric: Metric) -> dict[int, Decimal]:
    """What orders that wait hold on each of these parts. One query."""
    lines = QuotaClaimLine.objects.filter(
        quota__in=Quota.objects.filter(node__in=nodes, metric=metric),
        claim__state=ClaimState.RESERVED,
    )
    return dict(lines.values_list("quota__node_id").annotate(amount=Sum("amount")))


def handed_out_below(nodes: Nodes, metric: Metric) -> dict[int, tuple[Decimal | None, int]]:
    """What is handed out below each of these (None: without limit), and to how many. One query."""
    below = Quota.objects.filter(node__parent__in=nodes, node__ended_at=None, metric=metric)
    sums = below.values_list("node__parent").annotate(
        total=Sum("limit_now"), count=Count("pk"), unlimited=Count("pk", filter=Q(limit_now=None))
    )
    return {
        pk: (None if unlimited else total or NOTHING, count) for pk, total, count, unlimited in sums
    }
