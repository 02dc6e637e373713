"""How much hangs on each part of the tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, LiteralString

from django.db import connection

_COUNTS: Final[LiteralString] = """
SELECT
    above.id,
    count(DISTINCT project.id) FILTER (WHERE project.ended_at IS NULL),
    count(resource.id)
FROM identity_node AS project
CROSS JOIN LATERAL unnest(project.ancestor_ids || project.id) AS above (id)
LEFT JOIN catalog_resource AS resource
    ON resource.project_id = project.id AND resource.state <> 'retired'
WHERE project.kind = 'project'
    AND (project.id = ANY(%(nodes)s) OR project.ancestor_ids && %(nodes)s::bigint[])
    AND above.id = ANY(%(nodes)s)
GROUP BY above.id
"""


@dataclass(frozen=True)
class Counts:
    """What lives on a node and everything below it."""

    projects: int = 0
    resources: int = 0


def count_below(node_ids: Sequence[int]) -> dict[int, Counts]:
    """The counts of these nodes by primary key; those with nothing are left out. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"nodes": list(node_ids)})
        return {pk: Counts(projects, resources) for pk, projects, resources in cursor.fetchall()}
