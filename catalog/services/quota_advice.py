"""What is good to know before somebody decides on a request for a higher limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from catalog.quota_policies import levels_to_read
from catalog.services.handed_out import find_excess
from catalog.services.limit_periods import LimitPeriod, limits_through, lowest_of
from catalog.services.quota_history import Trend, trend_of
from portal.core.models import is_in_force
from portal.core.money import to_cents
from portal.identity.models import Node, Person

NOTHING: Final = Decimal(0)
SHOWN_CHANGES: Final = 5
MOST_PRICED: Final = 1_000  # claims of which the price is added up


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


@dataclass(frozen=True, kw_only=True)
class Price:
    """What is held there costs ``now`` a month, so ``more`` comes with what is asked: a guess.

    ``now`` is None where too much is held to add it all up: then the guess is by the largest.
    """

    now: Decimal | None
    more: Decimal


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What is good to know before deciding.

    Attributes:
        levels: from the topmost that the reader may read down to the one that asks.
        is_giver_hidden: the level that gives is none of those.
        extra: how much more is asked than the lowest limit of its period.
        lacks: how much too much the level that gives would hand out; zero when it fits.
        tightest: a level above that has less free than ``extra``, so that not all of it can be
            used now; None when all can.
        planned: limits that begin later, in its period; granting leaves what is higher.
        price: None where nothing is known to reckon with.
    """

    levels: list[Level]
    is_giver_hidden: bool
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
        """None at the top of the tree, where nobody else gives, and where it is hidden."""
        return self.levels[-2] if len(self.levels) > 1 else None


def advise(request: QuotaRequest, *, reader: Person) -> Advice | None:
    """Look at what is there now, as far as the reader may. Changes nothing, locks nothing.

    None: the reader does not even read how full the part is that the request is about.
    """
    readable = levels_to_read(reader, request.node)
    if request.node_id not in readable:
        return None
    metric = Metric(request.metric)
    levels = [each for each in levels_of(request.node, metric) if each.node.pk in readable]
    *above, asking = levels
    held = limits_through(request.node, metric, now(), request.valid_until)
    extra = max(NOTHING, request.amount - lowest_of(held))
    quota = Quota.objects.filter(node=request.node, metric=metric).first()
    return Advice(
        levels=levels,
        is_giver_hidden=request.node.parent_id is not None and not above,
        extra=extra,
        lacks=_lacks(above[-1].node, request, held) if above else NOTHING,
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
    cost = Quota.objects.filter(node=node, metric=Metric.MONTHLY_COST_EUR).first()
    if metric is Metric.MONTHLY_COST_EUR:
        return Price(now=to_cents(cost.claimed if cost else NOTHING), more=to_cents(extra))
    if cost is None:
        return None
    lines = QuotaClaimLine.objects.filter(quota__node=node, quota__metric=metric)
    largest = list(
        lines.order_by("-amount", "pk").values_list("claim", "amount")[: MOST_PRICED + 1]
    )
    amount = sum((held for _claim, held in largest), NOTHING)
    paid = QuotaClaimLine.objects.filter(
        quota=cost, claim__in=[claim for claim, _held in largest]
    ).aggregate(paid=Sum("amount"))["paid"]
    if not amount or not paid:
        return None
    now_paid = to_cents(paid) if len(largest) <= MOST_PRICED else None
    return Price(now=now_paid, more=to_cents(paid / amount * extra))


def _lacks(giver: Node, request: QuotaRequest, held: Sequence[LimitPeriod]) -> Decimal:
    """How much too much it would hand out at most, at some moment at which it gives more."""
    level = (giver.pk, Metric(request.metric))
    lower = [period for period in held if period.amount < request.amount]
    most = NOTHING
    for moment, balance in find_excess([level])[level].moments.items():
        for period in lower:
            if period.contains(moment):
                more = request.amount - period.amount
                most = max(most, replace(balance, finite=balance.finite + more).too_much)
    return most


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
