"""Who holds most of a quota: claims, and the parts below it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.db.models import QuerySet

from catalog.models import ClaimState, OrderLine, Quota, QuotaClaimLine, Resource
from catalog.policies import visible_orders, visible_resources
from portal.identity.models import Person

MOST_USERS: Final = 10


@dataclass(frozen=True, kw_only=True)
class User:
    """A claim, and what holds it as far as the person may see that."""

    line: QuotaClaimLine
    resource: Resource | None
    order_line: OrderLine | None

    @property
    def amount(self) -> Decimal:
        return self.line.amount

    @property
    def is_reserved(self) -> bool:
        return self.line.claim.state == ClaimState.RESERVED


def find_largest_users(quota: Quota, person: Person) -> list[User]:
    """The claims that hold most, the largest first. Three queries."""
    held = QuotaClaimLine.objects.filter(quota=quota).select_related("claim__project")
    lines = list(held.order_by("-amount", "pk")[:MOST_USERS])
    claims = [line.claim_id for line in lines]
    resources = visible_resources(person).filter(claim__in=claims)
    by_claim = {resource.claim_id: resource for resource in resources}
    asked = OrderLine.objects.filter(
        claim__in=claims, order__in=visible_orders(person).values("pk")
    ).select_related("order", "offering_version")
    ordered = {line.claim_id: line for line in asked}
    return [
        User(
            line=line,
            resource=by_claim.get(line.claim_id),
            order_line=ordered.get(line.claim_id),
        )
        for line in lines
    ]


def largest_below(quota: Quota) -> QuerySet[Quota]:
    """The counters of the living parts directly below that hold most of it."""
    below = Quota.objects.filter(
        node__parent=quota.node_id, node__ended_at=None, metric=quota.metric
    )
    return below.select_related("node").order_by("-claimed", "pk")[:MOST_USERS]
