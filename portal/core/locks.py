"""Locks that are not rows. Order of all locks: docs/architecture.md.

tree → order or resource → quota rows by node id, metric → month → statement number → audit head
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import connection

TREE: Final = 1
SWEEP: Final = 2
INVENTORY: Final = 3
REVIEWS: Final = 4


def lock_tree_shared() -> None:
    """Until the end of the transaction: nobody moves a node. Claims take this."""
    _execute("SELECT pg_advisory_xact_lock_shared(%s)", TREE)


def lock_tree_exclusive() -> None:
    """Until the end of the transaction: nobody claims. Moving a node takes this."""
    _execute("SELECT pg_advisory_xact_lock(%s)", TREE)


@contextmanager
def only_one(lock: int) -> Iterator[bool]:
    """Yield True to one process at a time, False to the others; held across transactions."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock])
        (is_mine,) = cursor.fetchone()
    try:
        yield is_mine
    finally:
        if is_mine:
            _execute("SELECT pg_advisory_unlock(%s)", lock)


def _execute(statement: str, lock: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [lock])
