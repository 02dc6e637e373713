"""The trail as a file, written while it is read. Holds ids, never names."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC
from typing import Any, Final

from django.db.models import QuerySet

from portal.audit.models import AuditEntry
from portal.audit.reading import in_batches
from portal.core.spreadsheets import Pieces, harmless
from portal.web.trail.rows import Row, with_names

CONTENT_TYPES: Final[Mapping[str, str]] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl; charset=utf-8",
}
COLUMNS: Final = (
    *("place", "at", "event", "result", "code", "actor", "node", "subject_type", "subject"),
    *("channel", "address", "agent", "request_id", "data", "format", "previous_mac", "mac"),
)


def export(entries: QuerySet[AuditEntry], form: str) -> Iterator[str]:
    """Yield the file in pieces, oldest entry first. ``form``: a key of ``CONTENT_TYPES``."""
    return _WRITERS[form](_facts(entries))


def _facts(entries: QuerySet[AuditEntry]) -> Iterator[list[dict[str, Any]]]:
    for batch in in_batches(entries):
        yield [_facts_of(row) for row in with_names(batch)]


def _facts_of(row: Row) -> dict[str, Any]:
    entry = row.entry
    return {
        "place": entry.place,
        "at": entry.at.astimezone(UTC).isoformat(),
        "event": entry.event,
        "result": entry.result,
        "code": entry.code,
        "actor": str(row.actor.public_id) if row.actor else "",
        "node": str(row.node.public_id) if row.node else "",
        "subject_type": entry.subject_type,
        "subject": str(entry.subject_public_id),
        "channel": entry.channel,
        "address": entry.address,
        "agent": entry.agent,
        "request_id": entry.request_id,
        "data": entry.data,
        "format": entry.format,
        "previous_mac": bytes(entry.previous_mac).hex(),
        "mac": bytes(entry.mac).hex(),
    }


def _as_csv(batches: Iterator[list[dict[str, Any]]]) -> Iterator[str]:
    writer = csv.writer(Pieces())
    yield str(writer.writerow(COLUMNS))
    for batch in batches:
        yield "".join(
            str(writer.writerow([_cell(facts[column]) for column in COLUMNS])) for facts in batch
        )


def _cell(value: Any) -> str:
    """Text that no spreadsheet takes for a formula."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return harmless(text)


def _as_jsonl(batches: Iterator[list[dict[str, Any]]]) -> Iterator[str]:
    for batch in batches:
        yield "".join(f"{json.dumps(facts, ensure_ascii=False)}\n" for facts in batch)


_WRITERS: Final[Mapping[str, Callable[[Iterator[list[dict[str, Any]]]], Iterator[str]]]] = {
    "csv": _as_csv,
    "jsonl": _as_jsonl,
}
