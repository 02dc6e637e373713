"""How far the local cloud is with starting. Only ./run writes this file."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CloudProgress:
    """``done`` of ``total`` parts of the cloud are up; ``now`` names the one in progress."""

    is_ready: bool
    done: int
    total: int
    now: str


def read_cloud_progress() -> CloudProgress | None:
    """Return how far the cloud is, or None where nobody says: a real cloud is simply there."""
    if not settings.STACK_STATUS_FILE:
        return None
    try:
        cloud = json.loads(Path(settings.STACK_STATUS_FILE).read_text("utf-8"))["cloud"]
        return CloudProgress(
            is_ready=bool(cloud["ready"]),
            done=int(cloud["done"]),
            total=int(cloud["total"]),
            now=str(cloud["now"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("no progress of the cloud: %s", error)
        return None
