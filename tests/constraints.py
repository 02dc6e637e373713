"""What the database refuses, by the name of the constraint or trigger that does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction


@contextmanager
def refused_by(constraint: str) -> Iterator[None]:
    """The database refuses what happens inside, by ``constraint``, deferred ones included."""
    with pytest.raises(IntegrityError) as refused, transaction.atomic(), _checked_at_once():
        yield
    assert refused.value.__cause__.diag.constraint_name == constraint


@contextmanager
def _checked_at_once() -> Iterator[None]:
    yield
    execute("SET CONSTRAINTS ALL IMMEDIATE")


def execute(statement: str, *parameters: Any) -> None:
    """Run one statement past every service."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
