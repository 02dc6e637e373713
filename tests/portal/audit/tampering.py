"""What somebody with the highest rights in the database can do, but without the key."""

from __future__ import annotations

from typing import Any

from django.db import connection

from portal.audit.models import AuditEntry


def as_superuser(statement: str, *values: Any) -> int:
    """Run it past every trigger and right; returns how many rows it was about."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values or None)
        count = cursor.rowcount
        cursor.execute("SET LOCAL session_replication_role = origin")
    return int(count)


def without_constraints() -> None:
    """Take away every check, key and obligation to fill in a column of the trail."""
    as_superuser(
        "DO $$ DECLARE statement text; BEGIN FOR statement IN"
        " SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)"
        " FROM pg_constraint WHERE conrelid::regclass::text LIKE 'audit\\_%'"
        " AND contype IN ('c', 'u', 'p')"
        " LOOP EXECUTE statement; END LOOP; FOR statement IN"
        " SELECT format('ALTER TABLE %s ALTER %I DROP NOT NULL', attrelid::regclass, attname)"
        " FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r'"
        " WHERE relname LIKE 'audit\\_%' AND attnotnull AND attnum > 0 AND attidentity = ''"
        " LOOP EXECUTE statement; END LOOP; END $$"
    )


def set_head_back(entry: AuditEntry) -> None:
    """Make the chain end with this entry."""
    as_superuser(
        "UPDATE audit_auditchain SET length = %s, head = %s WHERE number = %s",
        entry.sequence,
        bytes(entry.mac),
        entry.chain,
    )


def types_of(table: str) -> dict[str, str]:
    """The type of each column."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_name = %s ORDER BY ordinal_position",
            [table],
        )
        return dict(cursor.fetchall())


def columns_of(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)"
            " FROM information_schema.columns WHERE table_name = %s",
            [table],
        )
        (names,) = cursor.fetchone()
    return str(names)
