"""Makes the roles and databases: ``python -m local.prepare_postgres PORT SECRETS CUSTOMER``.

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


def prepare_for_portal(connection: Connection[tuple[object, ...]], access: PostgresAccess) -> None:
    """Make the portal's database, the role that owns it, and the role that works in it."""
    _prepare_role(connection, OWNER, "CREATEDB", access.password(OWNER))
    _prepare_role(connection, RUNTIME, "NOCREATEDB", access.password(RUNTIME))
    _prepare_database(connection, PORTAL_DATABASE, OWNER)


def prepare_for_openstack(
    connection: Connection[tuple[object, ...]], access: PostgresAccess
) -> None:
    """Make a database for each of OpenStack's services, and the role that they share."""
    _prepare_role(connection, OPENSTACK, "NOCREATEDB", access.password(OPENSTACK))
    # OpenStack loses at most the last 0.6 s in a crash of the whole machine, and gains a lot.
    connection.execute("ALTER ROLE openstack SET synchronous_commit TO off")
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


def main(port: str, secrets: Path, customer: str) -> None:
    """Prepare for one of the two customers of the cluster.

    Raises:
        psycopg.Error: the server refuses, or is not there.
    """
    prepare = {"portal": prepare_for_portal, "openstack": prepare_for_openstack}[customer]
    access = PostgresAccess(
        host=LOOPBACK, port=int(port), socket_directory=secrets.parent / "run", secrets=secrets
    )
    with psycopg.connect(access.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        prepare(connection, access)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
