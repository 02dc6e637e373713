"""What the database holds, in little: enough to tell whether anything changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from django.db import connection

Contents = Mapping[str, tuple[int, int]]
Writes = Mapping[str, tuple[int, int]]

# A session is a note about a visit, not a fact: looking at a page may write in it.
NOT_FACTS = {"django_session"}
AUDIT = "audit_"


class Watch:
    """Tells which tables hold something else than when it began, in the same transaction.

    PostgreSQL counts what a transaction writes in each table, also what is undone again. So only
    tables that were written since the last look have to be read; and those that held something
    else at that time, which a roll back may have undone since.
    """

    def __init__(self) -> None:
        self._before = read_contents(_tables())
        self._written = read_writes()
        self._doubtful: set[str] = set()

    def changed_tables(self) -> set[str]:
        """The tables that hold something else now."""
        written = read_writes()
        suspects = {
            table
            for table in self._before
            if table in self._doubtful or written[table] != self._written[table]
        }
        after = read_contents(suspects)
        self._written = written
        self._doubtful = {table for table in suspects if after[table] != self._before[table]}
        return set(self._doubtful)


def read_writes() -> Writes:
    """Number of rows that this transaction wrote, and the file they are in, by table.

    The file is another one after TRUNCATE, which is not counted.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, relfilenode, pg_stat_get_xact_tuples_inserted(oid)"
            " + pg_stat_get_xact_tuples_updated(oid) + pg_stat_get_xact_tuples_deleted(oid)"
            " FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        return {table: (file, count) for table, file, count in cursor.fetchall()}


def read_contents(tables: Iterable[str]) -> Contents:
    """Number of rows and sum of their hashes, by table.

    With ``xmin``, the transaction that wrote a row last: the same values written again count too.
    """
    question = " UNION ALL ".join(
        f"SELECT '{table}', count(*),"
        " coalesce(sum(hashtextextended(concat(t.xmin, t::text), 0)), 0)"
        f' FROM "{table}" t'
        for table in sorted(tables)
    )
    if not question:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(question)
        return {table: (count, total) for table, count, total in cursor.fetchall()}


@cache
def _tables() -> frozenset[str]:
    return frozenset(connection.introspection.table_names()) - NOT_FACTS
