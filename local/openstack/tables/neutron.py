"""Neutron's tables."""

from __future__ import annotations

import sys
from typing import Any

from local.openstack.arguments import site_from_arguments


def _skip_mysql_statements() -> None:
    """Leave out the one statement that only MySQL knows.

    Migration d553edeb540f of 2025.2 runs ``ALTER TABLE tags CONVERT TO CHARACTER SET`` whatever
    the database is. PostgreSQL needs no such thing: its databases are UTF-8.
    """
    import alembic.op
    from alembic.operations import Operations

    original = Operations.execute

    def execute(self: Any, statement: Any, *args: Any, **kwargs: Any) -> Any:
        if "CHARACTER SET utf8mb4" in str(statement):
            return None
        return original(self, statement, *args, **kwargs)

    def execute_here(*args: Any, **kwargs: Any) -> Any:
        return alembic.op._proxy.execute(*args, **kwargs)  # type: ignore[attr-defined]

    Operations.execute = execute  # type: ignore[method-assign]
    alembic.op.execute = execute_here


def main() -> None:
    site = site_from_arguments()
    _skip_mysql_statements()
    from neutron.db.migration import cli

    file = site.configuration("neutron") / "neutron.conf"
    sys.argv = ["neutron-db-manage", "--config-file", str(file), "upgrade", "heads"]
    sys.exit(cli.main())


main()
