"""Who holds most of a quota: claims, and the parts below it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, LiteralString

from django.db.models import Prefetch, QuerySet, prefetch_related_objects

from catalog.models import ClaimState, OrderLine, Quota, QuotaClaim, QuotaClaimLine, Resource
from catalog.policies import visible_orders, visible_resources
from portal.identity.models import Person

MOST_USERS: Final = 10
# Claims that were released keep their lines. Of a quota with a million of these, looking for ten
# that are still held among the largest ends here: no page may depend on the age of the platform.
MOST_LINES_READ: Final = 5_000

# Written out, so that both limits hold while the index is read: it stops at the tenth.
_LARGEST: Final[LiteralString] = """
SELECT line.* FROM (
    SELECT id, claim_id, quota_id, amount FROM catalog_quotaclaimline
    WHERE quota_id = %s ORDER BY amount DESC, id LIMIT %s
) AS line
JOIN catalog_quotaclaim AS claim ON claim.id = line.claim_id
WHERE claim.state <> 'released' ORDER BY line.amount DESC, line.id LIMIT %s
"""


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
    """The claims that hold most, the largest first. Four queries.

    The lines are read in the order of an index, so the work does not grow with their number. Among
    the ``MOST_LINES_READ`` largest ever claimed are ten that are still held, but in a quota of
    which nearly all was released again; then there are fewer.
    """
    lines = list(QuotaClaimLine.objects.raw(_LARGEST, [quota.pk, MOST_LINES_READ, MOST_USERS]))
    claimed = QuotaClaim.objects.select_related("project")
    prefetch_related_objects(lines, Prefetch("claim", claimed))
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
