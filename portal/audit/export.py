"""Anchors outside the database: what fixes the past also against its superuser."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime

from portal.audit.macs import NONSENSE
from portal.audit.models import FIRST_MOMENT, GENESIS, LAST_MOMENT, AuditAnchor


def to_line(anchor: AuditAnchor) -> str:
    """One anchor as a line of JSON, with all that its HMAC (``mac``, hexadecimal) is over."""
    facts = {
        "number": anchor.number,
        "format": anchor.format,
        "at": anchor.at.isoformat(),
        "heads": anchor.heads,
        "previous_mac": bytes(anchor.previous_mac).hex(),
        "mac": bytes(anchor.mac).hex(),
    }
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
            anchor = _read(json.loads(line))
        except NONSENSE as error:
            raise ValueError(f"line {number} is not an exported anchor") from error
        yield anchor


def _read(facts: dict[str, object]) -> AuditAnchor:
    at = datetime.fromisoformat(str(facts["at"]))
    if not FIRST_MOMENT <= at < LAST_MOMENT:
        raise ValueError("no anchor is of then")
    heads: dict[str, list[str]] = facts["heads"]  # type: ignore[assignment]  # or it raises below
    return AuditAnchor(
        number=int(str(facts.get("number", 0))),
        format=int(str(facts.get("format", 1))),
        at=at,
        heads={str(int(chain)): [int(n), str(head)] for chain, (n, head) in heads.items()},
        previous_mac=bytes.fromhex(str(facts.get("previous_mac", GENESIS.hex()))),
        mac=bytes.fromhex(str(facts["mac"])),
    )
