"""Where nodes stood, when: whoever audits a branch reads what was done while it was below it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from django.db import connection
from django.db.models import Q

# A node is below its parent from one move until the next; before the first it was nowhere else,
# and what has ended stays where it was. The history counts in whole seconds. What happened in the
# second of a move stands before or after the entry about it: to the last move belongs the last of
# those entries, and so on back, unless it was dropped with its month.
_STAYS: Final = """
WITH RECURSIVE history AS MATERIALIZED (
    SELECT stay.id, stay.node_id, stay.parent_id, stay.valid_from, node.public_id,
           row_number() OVER forwards AS place, row_number() OVER backwards AS moves_since
    FROM identity_nodeparent stay JOIN identity_node node ON node.id = stay.node_id
    WINDOW forwards AS (PARTITION BY stay.node_id ORDER BY stay.valid_from, stay.id),
           backwards AS (PARTITION BY stay.node_id ORDER BY stay.valid_from DESC, stay.id DESC)
), begun AS MATERIALIZED (
    SELECT node_id, parent_id, place, CASE WHEN place = 1 THEN '-infinity' ELSE coalesce((
        SELECT told.at FROM (
            SELECT entry.at FROM audit_auditentry entry
            WHERE entry.subject_public_id = history.public_id AND entry.event = 'node.moved'
            ORDER BY entry.at DESC OFFSET moves_since - 1 LIMIT 1
        ) told WHERE told.at >= valid_from AND told.at < valid_from + interval '1 minute'
    ), valid_from) END AS since
    FROM history
), placed AS MATERIALIZED (
    SELECT node_id, parent_id, since, lead(since, 1, 'infinity') OVER (
        PARTITION BY node_id ORDER BY place) AS until
    FROM begun
), below (node_id, since, until) AS (
    SELECT unnest(%s::bigint[]), '-infinity'::timestamptz, 'infinity'::timestamptz
    UNION
    SELECT placed.node_id, greatest(placed.since, below.since), least(placed.until, below.until)
    FROM below JOIN placed ON placed.parent_id = below.node_id
    WHERE greatest(placed.since, below.since) < least(placed.until, below.until)
), merged AS (
    SELECT node_id, unnest(range_agg(tstzrange(since, until))) AS stay FROM below GROUP BY node_id
)
SELECT nullif(lower(stay), '-infinity'), nullif(upper(stay), 'infinity'), array_agg(node_id)
FROM merged GROUP BY stay
"""


class Stay(NamedTuple):
    """These nodes stood somewhere from ``since`` until ``until`` (exclusive); None: always."""

    since: datetime | None
    until: datetime | None
    node_ids: list[int]

    def covers(self) -> Q:
        """The entries about these nodes in that time."""
        bounds = {"at__gte": self.since, "at__lt": self.until}
        return Q(
            node_id__in=self.node_ids,
            **{key: moment for key, moment in bounds.items() if moment is not None},
        )


def stays_below(node_ids: Iterable[int]) -> list[Stay]:
    """When which nodes stood on or below these, grouped by time. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_STAYS, [list(node_ids)])
        return [Stay(*row) for row in cursor.fetchall()]
