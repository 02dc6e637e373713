"""How many random histories a test makes, on which PostgreSQL."""

from __future__ import annotations

import os

from local.postgres import DEFAULT_VERSION, VERSION_VARIABLE


def histories(number: int) -> int:
    """So many; on another PostgreSQL than usual the first third of them, rounded up.

    They seek mistakes in what we count, which is the same on each server. What a version does
    otherwise, refuse a statement or cast another way, shows in every history.
    """
    is_usual = os.environ.get(VERSION_VARIABLE, DEFAULT_VERSION) == DEFAULT_VERSION
    return number if is_usual else -(-number // 3)
