"""What the database holds, in little: enough to tell whether anything changed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from django.db import connection

Contents = Mapping[str, tuple[int, int]]

# A session is a note about a visit, not a fact: looking at a page may write in it.
NOT_FACTS = {"django_session"}
AUDIT = "audit_"


def read_contents() -> Contents:
    """Number of rows and sum of their hashes, by table.

    With ``xmin``, the transaction that wrote a row last: the same values written again count too.
    """
    with connection.cursor() as cursor:
        cursor.execute(_question())
        return {table: (count, total) for table, count, total in cursor.fetchall()}


@cache
def _question() -> str:
    tables = sorted(set(connection.introspection.table_names()) - NOT_FACTS)
    return " UNION ALL ".join(
        f"SELECT '{table}', count(*),"
        " coalesce(sum(hashtextextended(concat(t.xmin, t::text), 0)), 0)"
        f' FROM "{table}" t'
        for table in tables
    )


def changed_tables(before: Contents) -> set[str]:
    """The tables that hold something else now."""
    after = read_contents()
    return {table for table, held in before.items() if after[table] != held}
