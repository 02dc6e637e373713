"""Failures that a test orders in the request itself, so that they hit nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FAIL_AT: Final = "pretend_fail_at"
"""Server metadata: the step that must fail (``spawn``, ``reboot``, ``resize``, ``snapshot``)."""

SPAWN_SECONDS: Final = "pretend_spawn_seconds"
"""Server metadata: how long the hypervisor takes to start the server."""

MOST_SPAWN_SECONDS: Final = 600.0
FAILING_NAME: Final = "fail"


def fails_at(metadata: Mapping[str, str], step: str) -> bool:
    """True if a server with this metadata must fail at ``step``."""
    return metadata.get(FAIL_AT) == step


def spawn_seconds(metadata: Mapping[str, str]) -> float:
    """Return the seconds to wait before a server runs; 0 for anything that is not a number."""
    try:
        seconds = float(metadata.get(SPAWN_SECONDS, "0"))
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), MOST_SPAWN_SECONDS)


def fails_by_name(name: str | None) -> bool:
    """True if a volume, snapshot or backup with this name must fail."""
    return FAILING_NAME in (name or "")
