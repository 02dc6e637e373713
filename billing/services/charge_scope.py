"""What a statement of charges has to do with: asked first, so that its text and its plan fit that.

As one text for every case the statement would be planned for tiers and minimum terms that nobody
has; and of projects that are only found while it runs the planner cannot know whether they are one
or all, which is the choice between looking use up and reading through it.

More may be in a scope than is charged, never less: whatever begins between this look and the
statement is in the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, LiteralString

from django.db import connection

# Projects that are or ever were below the nodes, or are among them.
_PROJECTS: Final[LiteralString] = """
WITH RECURSIVE branch (id) AS (
    SELECT unnest(%(nodes)s::bigint[])
    UNION
    SELECT below.id
    FROM branch
    JOIN (
        SELECT id, parent_id FROM identity_node
        UNION ALL
        SELECT node_id, parent_id FROM identity_nodeparent
    ) AS below ON below.parent_id = branch.id
)
SELECT ARRAY(
    SELECT node_ptr_id FROM identity_project WHERE node_ptr_id IN (SELECT id FROM branch)
)"""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Charges that are in the statement where there are any of their sort.

    Attributes:
        when: a condition, whether there are.
        tables: common table expressions.
        charges: a select from the last of them.
    """

    when: LiteralString
    tables: LiteralString
    charges: LiteralString


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Whose use is read, and which parts the statement has."""

    project_ids: Sequence[int]
    parts: Sequence[Part]

    @classmethod
    def of(cls, node_ids: Sequence[int], parts: Sequence[Part]) -> Scope:
        """Of organizations and projects. One query."""
        conditions = "".join(f", {part.when}" for part in parts)
        with connection.cursor() as cursor:
            cursor.execute(_PROJECTS + conditions, {"nodes": list(node_ids)})
            project_ids, *answers = cursor.fetchone()
        return cls(
            project_ids=project_ids,
            parts=[part for part, is_there in zip(parts, answers, strict=True) if is_there],
        )
