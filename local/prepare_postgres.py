"""Makes the roles and databases: ``python -m local.prepare_postgres PORT SECRETS``.

Runs in the portal's environment, at every start; what is there already is left as it is.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import psycopg
from psycopg import Connection, sql

from local.layout import LOOPBACK, OPENSTACK_DATABASES, PostgresAccess
from local.postgres import SUPERUSER

OWNER: Final = "cloudloket_owner"
RUNTIME: Final = "cloudloket"
OPENSTACK: Final = "openstack"
PORTAL_DATABASE: Final = "cloudloket"
_CREATEDB: Final = {OWNER: "CREATEDB", RUNTIME: "NOCREATEDB", OPENSTACK: "NOCREATEDB"}


def prepare(access: PostgresAccess) -> None:
    """Make what is missing.

    Raises:
        psycopg.Error: the server refuses, or is not there.
    """
    with psycopg.connect(access.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        for role, createdb in _CREATEDB.items():
            _prepare_role(connection, role, createdb, access.password(role))
        # OpenStack loses at most the last 0.6 s in a crash of the whole machine, and gains a lot.
        connection.execute("ALTER ROLE openstack SET synchronous_commit TO off")
        _prepare_database(connection, PORTAL_DATABASE, OWNER)
        for name in OPENSTACK_DATABASES:
            _prepare_database(connection, name, OPENSTACK)


def _prepare_role(
    connection: Connection[tuple[object, ...]], role: str, createdb: str, password: str
) -> None:
    query = "SELECT 1 FROM pg_roles WHERE rolname = %s"
    verb = "ALTER" if connection.execute(query, [role]).fetchone() else "CREATE"
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN {} PASSWORD {}").format(
            sql.SQL(verb), sql.Identifier(role), sql.SQL(createdb), sql.Literal(password)
        )
    )


def _prepare_database(connection: Connection[tuple[object, ...]], name: str, owner: str) -> None:
    query = "SELECT 1 FROM pg_database WHERE datname = %s"
    if not connection.execute(query, [name]).fetchone():
        statement = sql.SQL("CREATE DATABASE {} OWNER {} STRATEGY file_copy")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(owner)))


if __name__ == "__main__":
    secrets = Path(sys.argv[2])
    prepare(
        PostgresAccess(
            host=LOOPBACK,
            port=int(sys.argv[1]),
            socket_directory=secrets.parent / "run",
            secrets=secrets,
        )
    )
