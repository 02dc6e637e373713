"""What a level hands out as the limits of the levels below it, beside what it has."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Final, NamedTuple

from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.amounts import limit_in_words
from catalog.models import Metric, Quota, QuotaLimit
from portal.core.formats import day
from portal.core.models import is_not_over
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

    ``moments`` are in order; empty where nothing binds: the level may overcommit.
    """

    moments: Mapping[datetime, Balance]

    @cached_property
    def _edges(self) -> list[datetime]:
        return list(self.moments)

    def at(self, moment: datetime) -> Balance:
        place = bisect_right(self._edges, moment)
        return self.moments[self._edges[place - 1]] if place else Balance()

    def is_worse_than(self, before: Excess) -> bool:
        """True where at some moment more is handed out than there is, and more so than before."""
        moments = {*self.moments, *before.moments}
        return any(self.at(moment).is_worse_than(before.at(moment)) for moment in moments)

    def first(self) -> tuple[datetime, Balance]:
        """The first moment at which too much is handed out."""
        return next(
            (moment, balance)
            for moment, balance in self.moments.items()
            if balance.is_worse_than(Balance())
        )


class _Held(NamedTuple):
    """An amount (None: unlimited) that holds from one moment until another, or for good."""

    amount: Decimal | None
    since: datetime
    until: datetime | None


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
    quotas: QuerySet[Quota], moment: datetime, *, of_parent: bool = False
) -> dict[Level, list[_Held]]:
    """What holds from ``moment`` on, by level; of children, by that of their parent."""
    limits = QuotaLimit.objects.filter(is_not_over(moment), quota__in=quotas)
    place = "quota__node__parent" if of_parent else "quota__node"
    found: dict[Level, list[_Held]] = defaultdict(list)
    rows = limits.values_list(place, "quota__metric", "amount", "valid_from", "valid_until")
    for pk, metric, amount, since, until in rows:
        found[pk, Metric(metric)].append(_Held(amount, max(since, moment), until))
    return found


def _steps(
    handed: Sequence[_Held], own: Sequence[_Held], moment: datetime
) -> Mapping[datetime, Balance]:
    """One walk over all the moments at which something begins or ends."""
    unlimited: defaultdict[datetime, int] = defaultdict(int)
    finite: defaultdict[datetime, Decimal] = defaultdict(Decimal)
    for amount, since, until in handed:
        for edge, sign in ((since, 1), (until, -1)):
            if edge is None:
                continue
            if amount is None:
                unlimited[edge] += sign
            else:
                finite[edge] += sign * amount
    limits: dict[datetime, Decimal | None] = {one.until: NOTHING for one in own if one.until}
    limits |= {one.since: one.amount for one in own}  # one that follows takes the place of an end
    steps = {}
    balance = Balance()
    for edge in sorted({moment, *unlimited, *finite, *limits}):
        balance = Balance(
            unlimited=balance.unlimited + unlimited.get(edge, 0),
            finite=balance.finite + finite.get(edge, NOTHING),
            limit=limits.get(edge, balance.limit),
        )
        steps[edge] = balance
    return steps
