"""Many clients in several processes claim, release, limit and move at once, on a real PostgreSQL.

``.venv/bin/python -m tests.quota_fire --seconds 60`` does what the issue on quotas asks; a short
one is part of ``./test``.
"""

from __future__ import annotations

from typing import Final

METRICS: Final = ("servers", "vcpus", "monthly_cost_eur")
MOVER: Final = "Mover"  # the name of who may move everything
