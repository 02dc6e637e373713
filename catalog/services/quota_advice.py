"""What is good to know before somebody decides on a request for a higher limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.db.models import Q, Sum
from django.utils.timezone import now

from catalog.models import (
    ClaimState,
    LimitChange,
    Metric,
    Quota,
    QuotaClaimLine,
    QuotaLimit,
    QuotaRequest,
)
from catalog.services.quota_history import Trend, trend_of
from portal.core.models import is_in_force
from portal.core.money import to_cents
from portal.identity.models import Node

NOTHING: Final = Decimal(0)
SHOWN_CHANGES: Final = 5


@dataclass(frozen=True, kw_only=True)
class Level:
    """One level of the tree, for one metric, as it is now. None is unlimited.

    Attributes:
        claimed: in use or reserved; of which ``reserved`` by orders that wait.
        handed_out: what the levels directly below it have as limits, together.
        may_overcommit: that may be more than its own limit.
    """

    node: Node
    limit: Decimal | None
    claimed: Decimal
    reserved: Decimal
    handed_out: Decimal | None
    may_overcommit: bool

    @property
    def used(self) -> Decimal:
        return self.claimed - self.reserved

    @property
    def free(self) -> Decimal | None:
        return None if self.limit is None else max(NOTHING, self.limit - self.claimed)

    def lacks(self, extra: Decimal) -> Decimal:
        """How much more it would hand out than it has, if it handed out ``extra`` too."""
        if self.limit is None or self.may_overcommit or self.handed_out is None:
            return NOTHING
        before = max(NOTHING, self.handed_out - self.limit)
        after = max(NOTHING, self.handed_out + extra - self.limit)
        return after if after > before else NOTHING


@dataclass(frozen=True, kw_only=True)
class Price:
    """What is held there costs ``now`` a month, so ``more`` comes with what is asked: a guess."""

    now: Decimal
    more: Decimal


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What is good to know before deciding.

    Attributes:
        levels: from the topmost down to the one that asks.
        extra: how much more than its limit now is asked.
        lacks: how much too much the level that gives would hand out; zero when it fits.
        tightest: a level above that has less free than ``extra``, so that not all of it can be
            used now; None when all can.
        planned: limits that begin later; granting takes the place of those in its period.
        price: None where nothing is known to reckon with.
    """

    levels: list[Level]
    extra: Decimal
    lacks: Decimal
    tightest: Level | None
    changes: list[LimitChange]
    planned: list[QuotaLimit]
    trend: Trend | None
    price: Price | None

    @property
    def asking(self) -> Level:
        return self.levels[-1]

    @property
    def giver(self) -> Level | None:
        """None at the top of the tree, where nobody else gives."""
        return self.levels[-2] if len(self.levels) > 1 else None


def advise(request: QuotaRequest) -> Advice:
    """Look at what is there now. Changes nothing, locks nothing."""
    metric = Metric(request.metric)
    levels = levels_of(request.node, metric)
    *above, asking = levels
    extra = request.amount - (request.amount if asking.limit is None else asking.limit)
    quota = Quota.objects.filter(node=request.node, metric=metric).first()
    return Advice(
        levels=levels,
        extra=extra,
        lacks=above[-1].lacks(extra) if above else NOTHING,
        tightest=_tightest(above, request.amount - asking.claimed),
        changes=list(_changes(quota)) if quota else [],
        planned=_planned(request),
        trend=trend_of(quota) if quota else None,
        price=price_of(request.node, metric, extra),
    )


def levels_of(node: Node, metric: Metric) -> list[Level]:
    """The node and all above it, the topmost first. Five queries."""
    nodes = Node.objects.in_bulk(node.lineage_ids)
    quotas = {row.node_id: row for row in Quota.objects.filter(node__in=nodes, metric=metric)}
    limits = {
        limit.quota_id: limit.amount
        for limit in QuotaLimit.objects.filter(is_in_force(now()), quota__in=quotas.values())
    }
    reserved = _reserved(list(quotas.values()))
    handed_out = _handed_out(list(nodes), metric)
    found = []
    for pk in node.lineage_ids:
        row = quotas.get(pk)
        found.append(
            Level(
                node=nodes[pk],
                limit=limits.get(row.pk, NOTHING) if row else NOTHING,
                claimed=row.claimed if row else NOTHING,
                reserved=reserved.get(pk, NOTHING),
                handed_out=handed_out.get(pk, NOTHING),
                may_overcommit=bool(row and row.overcommit_allowed),
            )
        )
    return found


def price_of(node: Node, metric: Metric, extra: Decimal) -> Price | None:
    """What so much more may cost a month, by what the claims on it cost now."""
    cost = _held(node, Metric.MONTHLY_COST_EUR)
    if metric is Metric.MONTHLY_COST_EUR:
        return Price(now=to_cents(sum(cost.values(), NOTHING)), more=to_cents(extra))
    held = _held(node, metric)
    amount = sum(held.values(), NOTHING)
    paid = sum((cost.get(claim, NOTHING) for claim in held), NOTHING)
    if not amount or not paid:
        return None
    return Price(now=to_cents(paid), more=to_cents(paid / amount * extra))


def _held(node: Node, metric: Metric) -> dict[int, Decimal]:
    """What each claim that was not released holds on the node."""
    lines = QuotaClaimLine.objects.filter(quota__node=node, quota__metric=metric)
    return dict(lines.exclude(claim__state=ClaimState.RELEASED).values_list("claim_id", "amount"))


def _tightest(above: Sequence[Level], more: Decimal) -> Level | None:
    """The level with the least free, where that is less than what may be used more."""
    limited = [(level.free, level) for level in above if level.free is not None]
    if not limited:
        return None
    free, level = min(limited, key=lambda pair: pair[0])
    return level if free < more else None


def _reserved(quotas: Sequence[Quota]) -> dict[int, Decimal]:
    lines = QuotaClaimLine.objects.filter(quota__in=quotas, claim__state=ClaimState.RESERVED)
    return dict(lines.values_list("quota__node_id").annotate(amount=Sum("amount")))


def _handed_out(nodes: Sequence[int], metric: Metric) -> dict[int | None, Decimal | None]:
    """By parent, the limits that hold below it now, together."""
    limits = QuotaLimit.objects.filter(
        is_in_force(now()),
        quota__node__parent__in=nodes,
        quota__node__ended_at=None,
        quota__metric=metric,
    )
    together: dict[int | None, Decimal | None] = {}
    for parent, amount in limits.values_list("quota__node__parent_id", "amount"):
        before = together.get(parent, NOTHING)
        together[parent] = None if before is None or amount is None else before + amount
    return together


def _changes(quota: Quota) -> list[LimitChange]:
    return list(quota.changes.select_related("changed_by")[:SHOWN_CHANGES])


def _planned(request: QuotaRequest) -> list[QuotaLimit]:
    later = QuotaLimit.objects.filter(
        quota__node=request.node, quota__metric=request.metric, valid_from__gt=now()
    )
    if request.valid_until:
        later = later.filter(Q(valid_from__lt=request.valid_until))
    return list(later.order_by("valid_from"))
