"""Locks that are not rows. Order of all locks: docs/architecture.md.

tree → tariffs → order or resource → quota rows by node id, metric → month → statement number
→ audit head
tree → order or resource → budgets by node id → quota rows by node id, metric → month →
statement number → audit head
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import OperationalError, connection
from psycopg.errors import DeadlockDetected, LockNotAvailable

TREE: Final = 1
SWEEP: Final = 2
INVENTORY: Final = 3
REVIEWS: Final = 4
DRIFT: Final = 5
END_DATES: Final = 6
ACCESS: Final = 7
QUOTA_ALERTS: Final = 8
SUMMARIES: Final = 9
TARIFFS: Final = 10
BOOKS: Final = 11
BUDGET_ALERTS: Final = 12
DOCUMENTS: Final = 13
BREAK_GLASS: Final = 16
LOGOUTS: Final = 17
TRAIL: Final = 20
SAMPLES: Final = 22
FILES: Final = 28
LOADS: Final = 36
RETRY_AFTER_SECONDS: Final = 5


def is_about_busy_rows(error: BaseException) -> bool:
    """True when others kept a lock for too long, or each waited for the other.

    The transaction is rolled back, so the same may simply be tried again.
    """
    return isinstance(error, OperationalError) and isinstance(
        error.__cause__, LockNotAvailable | DeadlockDetected
    )


def lock_tree_shared() -> None:
    """Until the end of the transaction: nobody changes the tree. Claims and logins take this."""
    _execute("SELECT pg_advisory_xact_lock_shared(%s)", TREE)


def lock_tree_exclusive() -> None:
    """Until the end of the transaction: nobody claims. Changing the tree takes this."""
    _execute("SELECT pg_advisory_xact_lock(%s)", TREE)


def lock_tariffs() -> None:
    """Until the end of the transaction: nobody else proposes or decides what things will cost."""
    _execute("SELECT pg_advisory_xact_lock(%s)", TARIFFS)


def lock_break_glass() -> None:
    """Until the end of the transaction: nobody else issues or tries an emergency password."""
    _execute("SELECT pg_advisory_xact_lock(%s)", BREAK_GLASS)


def lock_logouts_shared() -> None:
    """Until the end of the transaction: no provider ends a session. Opening one takes this."""
    _execute("SELECT pg_advisory_xact_lock_shared(%s)", LOGOUTS)


def lock_logouts_exclusive() -> None:
    """Until the end of the transaction: nobody opens a session. A provider's order takes this."""
    _execute("SELECT pg_advisory_xact_lock(%s)", LOGOUTS)


def lock_books() -> None:
    """Until the end of the transaction: nobody else closes a month, numbers or credits anything."""
    _execute("SELECT pg_advisory_xact_lock(%s)", BOOKS)


def lock_trail() -> None:
    """Until the end of the transaction: nobody reads the audit trail to prove it."""
    _execute("SELECT pg_advisory_xact_lock(%s)", TRAIL)


@contextmanager
def hold_trail() -> Iterator[None]:
    """Nobody drops old months from the audit trail meanwhile; held across transactions."""
    _execute("SELECT pg_advisory_lock_shared(%s)", TRAIL)
    try:
        yield
    finally:
        _execute("SELECT pg_advisory_unlock_shared(%s)", TRAIL)


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
