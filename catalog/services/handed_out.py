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

NOTHING: Final = Decimal(0)


@dataclass(frozen=True)
class Balance:
    """What a level hands out at one moment, and its limit (None: unlimited).

    Attributes:
        unlimited: how many levels below have no limit.
        finite: what the others may hold together.
    """

    unlimited: int = 0
    finite: Decimal = NOTHING
    limit: Decimal | None = NOTHING

    @property
    def too_many(self) -> int:
        """Levels without a limit below one that has a limit."""
        return 0 if self.limit is None else self.unlimited

    @property
    def too_much(self) -> Decimal:
        return NOTHING if self.limit is None else max(NOTHING, self.finite - self.limit)

    @property
    def handed_out(self) -> Decimal | None:
        """Together; None is unlimited."""
        return None if self.unlimited else self.finite

    def is_worse_than(self, before: Balance) -> bool:
        """More of either is handed out than there is, and more so than before."""
        return self.too_many > before.too_many or self.too_much > before.too_much


@dataclass(frozen=True)
class Excess:
    """What a level hands out and has, from each moment on at which one of the two changes.

    ``moments`` is empty where nothing binds: the level may overcommit.
    """

    moments: Mapping[datetime, Balance]

    def at(self, moment: datetime) -> Balance:
        known = [each for each in self.moments if each <= moment]
        return self.moments[max(known)] if known else Balance()

    def is_worse_than(self, before: Excess) -> bool:
        """True where at some moment more is handed out than there is, and more so than before."""
        moments = {*self.moments, *before.moments}
        return any(self.at(moment).is_worse_than(before.at(moment)) for moment in moments)

    def first(self) -> tuple[datetime, Balance]:
        """The first moment at which too much is handed out."""
        return next(
            (moment, self.moments[moment])
            for moment in sorted(self.moments)
            if self.moments[moment].is_worse_than(Balance())
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
    moment, balance = excess.first()
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
        handed_out=limit_in_words(metric, balance.handed_out),
        limit=limit_in_words(metric, balance.limit),
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


def _steps(
    handed: list[QuotaLimit], own: list[QuotaLimit], moment: datetime
) -> Mapping[datetime, Balance]:
    edges = {moment}
    for limit in [*handed, *own]:
        edges |= {edge for edge in (limit.valid_from, limit.valid_until) if edge and edge > moment}
    return {edge: _balance(_holding(handed, edge), _holding(own, edge)) for edge in edges}


def _holding(limits: list[QuotaLimit], moment: datetime) -> list[Decimal | None]:
    return [
        limit.amount
        for limit in limits
        if limit.valid_from <= moment and (limit.valid_until is None or limit.valid_until > moment)
    ]


def _balance(handed: list[Decimal | None], own: list[Decimal | None]) -> Balance:
    finite = [amount for amount in handed if amount is not None]
    return Balance(
        unlimited=len(handed) - len(finite),
        finite=sum(finite, NOTHING),
        limit=own[0] if own else NOTHING,
    )
