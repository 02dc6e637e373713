"""What stands in the database, in little: to see that an act changed nothing, or something.

Apart from the tests that look: looking is no reason to run them on the oldest PostgreSQL too.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import connection
from psycopg import Cursor


def fingerprints(*, without: frozenset[str]) -> dict[str, tuple[int, int]]:
    """Number of rows and sum of their hashes, of every table but those.

    One statement for all, which the database reads and plans once.
    """
    connection.ensure_connection()
    bare: Any = Cursor(connection.connection)
    with bare as cursor:
        rows = cursor.execute(_statement(without), prepare=True).fetchall()
    return {table: (count, total) for table, count, total in rows}


@cache
def _statement(without: frozenset[str]) -> str:
    return " UNION ALL ".join(
        f"SELECT '{table}', count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)"
        f' FROM "{table}" t'
        for table in sorted(set(connection.introspection.table_names()) - without)
    )
