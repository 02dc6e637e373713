"""Under which organizations an organization stood, and when that changed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, LiteralString

from billing.services.charge_query import ChargeQuery, Slice
from portal.core.calendar import Period, month_of
from portal.identity.models import NodeKind, NodeParent

# Of an organization at a moment: itself, and all above it.
Lineages = dict[datetime, dict[int, set[int]]]

_LINEAGES: Final[LiteralString] = """
SELECT moment, organization_id, array_agg(ancestor_id)
FROM unnest(%(moments)s::timestamptz[]) AS moment
JOIN lineage ON lineage.period @> moment
GROUP BY moment, organization_id
"""


def lineages_at(moments: Collection[datetime]) -> Lineages:
    """Where every organization stood at each of these moments. One query."""
    if not moments:
        return {}
    period = month_of(min(moments))
    query = ChargeQuery(
        node_ids=[],
        slices=[Slice(period=period, month_seconds=period.seconds)],
        as_of=period.end,
        until=period.end,
        reads_charges=False,
    )
    found: Lineages = {}
    for moment, organization_id, above in query.fetch(_LINEAGES, moments=sorted(moments)):
        found.setdefault(moment, {})[organization_id] = set(above)
    return found


def moves_within(period: Period) -> list[datetime]:
    """When organizations came to stand elsewhere after ``period`` began and before its end.

    One query.
    """
    moves = NodeParent.objects.filter(
        node__kind=NodeKind.ORGANIZATION,
        valid_until__gt=period.start,
        valid_until__lt=period.end,
    )
    return sorted({move.valid_until for move in moves if move.valid_until})


def cut(period: Period, moments: Collection[datetime]) -> list[Period]:
    """The parts of a period in which every organization stood where it did."""
    inside = [moment for moment in moments if period.start < moment < period.end]
    edges = [period.start, *inside, period.end]
    return [Period(start, end) for start, end in pairwise(edges)]


def last_second(period: Period) -> datetime:
    """Where an organization stood then, it stood at the end of ``period``."""
    return period.end - timedelta(seconds=1)
