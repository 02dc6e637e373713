"""What a level hands out as the limits of the levels below it, beside what it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.amounts import limit_in_words
from catalog.models import Metric, Quota, QuotaLimit
from portal.core.formats import day
from portal.identity.models import Node

Level = tuple[int, Metric]  # primary key of a node, and what is counted there

NO_END: Final = Decimal("Infinity")  # an unlimited limit, as it is added and compared
NOTHING: Final = Decimal(0)
Moments = Mapping[datetime, tuple[Decimal, Decimal]]  # handed out, and the limit


@dataclass(frozen=True)
class Excess:
    """What a level hands out and has, from each moment on at which one of the two changes.

    ``moments`` is empty where nothing binds: the level may overcommit.
    """

    moments: Moments

    def at(self, moment: datetime) -> tuple[Decimal, Decimal]:
        """Handed out, and the limit, at that moment."""
        known = [each for each in self.moments if each <= moment]
        return self.moments[max(known)] if known else (NOTHING, NOTHING)

    def is_worse_than(self, before: Excess) -> bool:
        """True where at some moment more is handed out than there is, and more so than before."""
        return self.first_worse_than(before) is not None

    def first_worse_than(self, before: Excess) -> datetime | None:
        for moment in sorted({*self.moments, *before.moments}):
            if _too_much(*self.at(moment)) > _too_much(*before.at(moment)):
                return moment
        return None

    def first(self) -> tuple[datetime, Decimal, Decimal]:
        """The first moment at which too much is handed out, how much, and the limit."""
        return next(
            (moment, *self.moments[moment])
            for moment in sorted(self.moments)
            if _too_much(*self.moments[moment])
        )


def find_excess(levels: Sequence[Level], *, adding: Node | None = None) -> dict[Level, Excess]:
    """What each of these levels hands out from now on, beside what it has. Three queries.

    Args:
        adding: a node that is counted too, as if it stood directly below each of them.
    """
    moment = now()
    bound = _bound_levels(levels)
    nodes, metrics = {pk for pk, _metric in bound}, {metric for _pk, metric in bound}
    counted = Quota.objects.filter(metric__in=metrics)
    own = _limits_of(counted.filter(node__in=nodes), moment)
    below = counted.filter(node__parent__in=nodes, node__ended_at=None)
    handed = _limits_of(below, moment, of_parent=True)
    added = _limits_of(counted.filter(node=adding), moment) if adding else {}
    excess = {}
    for level in levels:
        extra = added.get((adding.pk, level[1]), []) if adding else []
        limits = [*handed.get(level, []), *extra]
        is_bound = level in bound
        excess[level] = Excess(_steps(limits, own.get(level, []), moment) if is_bound else {})
    return excess


def describe_excess(level: Level, excess: Excess) -> str:
    """Say what a level would hand out, and what it has."""
    pk, metric = level
    moment, handed_out, limit = excess.first()
    text = _(
        "“{node}” would hand out {handed_out} of {limit} for {metric}. Lower a limit below it, or "
        "let it hand out more than it has."
    )
    if moment > now():
        text = _(
            "From {day} “{node}” would hand out {handed_out} of {limit} for {metric}. Lower a "
            "limit below it, or let it hand out more than it has."
        )
    return text.format(
        day=day(moment),
        node=Node.objects.get(pk=pk).name,
        handed_out=limit_in_words(metric, _limit(handed_out)),
        limit=limit_in_words(metric, _limit(limit)),
        metric=metric.label,
    )


def _bound_levels(levels: Sequence[Level]) -> set[Level]:
    """Those that may not overcommit."""
    free = Quota.objects.filter(
        node__in={pk for pk, _metric in levels}, overcommit_allowed=True
    ).values_list("node_id", "metric")
    return set(levels) - {(pk, Metric(name)) for pk, name in free}


def _limits_of(
    quotas: Iterable[Quota], moment: datetime, *, of_parent: bool = False
) -> dict[Level, list[QuotaLimit]]:
    """The limits that hold from ``moment`` on, by level; of children, by that of their parent."""
    found: dict[Level, list[QuotaLimit]] = {}
    limits = QuotaLimit.objects.filter(quota__in=quotas).select_related("quota__node")
    for limit in limits:
        if limit.valid_until is None or limit.valid_until > moment:
            node = limit.quota.node
            pk = (node.parent_id if of_parent else None) or node.pk
            found.setdefault((pk, Metric(limit.quota.metric)), []).append(limit)
    return found


def _steps(handed: list[QuotaLimit], own: list[QuotaLimit], moment: datetime) -> Moments:
    edges = {moment}
    for limit in [*handed, *own]:
        edges |= {edge for edge in (limit.valid_from, limit.valid_until) if edge and edge > moment}
    return {edge: (_sum_at(handed, edge), _sum_at(own, edge)) for edge in edges}


def _sum_at(limits: list[QuotaLimit], moment: datetime) -> Decimal:
    holding = [
        NO_END if limit.amount is None else limit.amount
        for limit in limits
        if limit.valid_from <= moment and (limit.valid_until is None or limit.valid_until > moment)
    ]
    return sum(holding, NOTHING)


def _too_much(handed_out: Decimal, limit: Decimal) -> Decimal:
    if limit == NO_END:
        return NOTHING
    return max(NOTHING, handed_out - limit)


def _limit(amount: Decimal) -> Decimal | None:
    return None if amount == NO_END else amount
