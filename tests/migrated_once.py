"""One database that is migrated, for all workers of pytest to copy theirs from.

Migrating takes half a minute of a processor, nearly all of it Django's picture of the models after
each step; a copy takes a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.core.management import call_command
from django.db import connection

_TEMPLATE: Final = "cloudloket_migrated"
_UNFINISHED: Final = "cloudloket_being_migrated"
_TURN: Final = 1_836_311_903  # of the server's advisory locks: who makes it


def migrated_once() -> str:
    """The name of that database; who asks first makes it, who asks meanwhile waits.

    It has its name only when it is whole, and goes with the server, which is that of one run.
    """
    with connection._nodb_cursor() as cursor:
        cursor.execute("SET lock_timeout = 0")  # the settings have one for visitors
        cursor.execute("SELECT pg_advisory_lock(%s)", [_TURN])  # until this connection closes
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_TEMPLATE])
        if cursor.fetchone() is None:
            cursor.execute(f"DROP DATABASE IF EXISTS {_UNFINISHED} WITH (FORCE)")
            cursor.execute(f"CREATE DATABASE {_UNFINISHED}")
            with _connected_to(_UNFINISHED):
                call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
            cursor.execute(f"ALTER DATABASE {_UNFINISHED} RENAME TO {_TEMPLATE}")
    return _TEMPLATE


@contextmanager
def _connected_to(name: str) -> Iterator[None]:
    before: Any = connection.settings_dict
    connection.close()
    connection.settings_dict = {**before, "NAME": name}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = before
