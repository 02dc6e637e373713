"""Anchors outside the database: what fixes the past also against its superuser."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime

from portal.audit.models import AuditAnchor


def to_line(anchor: AuditAnchor) -> str:
    """One anchor as a line of JSON: ``at`` (ISO 8601), ``heads`` and ``mac`` (hexadecimal)."""
    facts = {"at": anchor.at.isoformat(), "heads": anchor.heads, "mac": bytes(anchor.mac).hex()}
    return json.dumps(facts, sort_keys=True)


def read_lines(lines: Iterable[str]) -> Iterator[AuditAnchor]:
    """The anchors of an export, oldest first as they were written; blank lines count for nothing.

    Raises:
        ValueError: a line is not an exported anchor.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            facts = json.loads(line)
            at, mac = datetime.fromisoformat(facts["at"]), bytes.fromhex(facts["mac"])
            heads = {
                str(int(chain)): [int(n), str(head)] for chain, (n, head) in facts["heads"].items()
            }
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"line {number} is not an exported anchor") from error
        yield AuditAnchor(at=at, heads=heads, mac=mac)
