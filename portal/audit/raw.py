"""Rows of the trail as they stand in the database, whatever somebody made of them.

With the constraints taken away any column may be NULL, a moment may be infinite or in a year that
Python does not know, and JSON may be nested too deep to read. So nothing here goes through the
models' own reading: what cannot be read is None, and no HMAC fits that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from portal.audit.events import EVENTS
from portal.audit.models import (
    FIRST_MOMENT,
    LAST_MOMENT,
    PLACES,
    AuditAnchor,
    AuditSeal,
    AuditVerification,
)

Row = tuple[Any, ...]

_AT_ONCE: Final = 256 * PLACES  # ids in one query: at most 256 entries of each chain
_ROWS_AT_ONCE: Final = 10_000  # more than a range of ids holds, unless somebody added to it
_ANCHORS_AT_ONCE: Final = 100
_IS_CREDIBLE: Final = f"(at >= '{FIRST_MOMENT.isoformat()}' AND at < '{LAST_MOMENT.isoformat()}')"
_MICROSECONDS: Final = (
    f"CASE WHEN {_IS_CREDIBLE} THEN (extract(epoch FROM at) * 1000000)::bigint END"
)
_MOMENT: Final = f"CASE WHEN {_IS_CREDIBLE} THEN at END"
# How the moment reads in a fault, when it is none.
_ODD_MOMENT: Final = f"CASE WHEN {_IS_CREDIBLE} THEN NULL ELSE at::text END"
# The HMAC, what it is over, and where that stands.
_ENTRIES: Final = f"""
SELECT id, {_ODD_MOMENT}, mac, previous_mac, format, chain, sequence, {_MICROSECONDS},
       event, actor_id, node_id, subject_type, subject_public_id::text, result, code, channel,
       address, agent, request_id, beside, data::text
FROM audit_auditentry WHERE id >= %s AND id < %s ORDER BY id
"""  # noqa: S608  (no input)
# What no head knows, or no reading by id comes across.
_BEYOND: Final = f"""
SELECT entry.id, {_ODD_MOMENT}, entry.chain, entry.sequence, {_MICROSECONDS}, entry.event
FROM audit_auditentry entry LEFT JOIN audit_auditchain chain ON chain.number = entry.chain
WHERE entry.id IS NULL OR (entry.sequence <= chain.length) IS NOT TRUE ORDER BY entry.id
"""  # noqa: S608  (no input)
_KNOWN: Final = """
SELECT count(*) FROM audit_auditentry entry
JOIN unnest(%s::integer[], %s::bigint[]) AS head (number, length) ON entry.chain = head.number
WHERE entry.sequence <= head.length
"""
_HEADS: Final = "SELECT number, length, head FROM audit_auditchain ORDER BY number"
_SEALS: Final = f"""
SELECT id, format, mac, chain, number, begins, {_MOMENT}, previous_mac
FROM audit_auditseal ORDER BY number, begins
"""  # noqa: S608  (no input)
_ANCHORS: Final = f"""
SELECT {_ODD_MOMENT}, number, format, {_MOMENT}, heads::text, previous_mac, mac
FROM audit_auditanchor ORDER BY number
"""  # noqa: S608  (no input)
_VERIFICATIONS: Final = f"""
SELECT {_ODD_MOMENT}, id, format, mac, {_MOMENT}, seconds, entries, anchors, faults
FROM audit_auditverification ORDER BY id
"""  # noqa: S608  (no input)


class Beyond(NamedTuple):
    """An entry that stands outside its chain."""

    id: int | None
    odd_moment: str | None
    chain: int | None
    sequence: int | None
    at: int | None
    event: str | None


class NamedAnchor(NamedTuple):
    """An anchor, and what a fault calls it."""

    name: str
    anchor: AuditAnchor


class NamedVerification(NamedTuple):
    """What was found once, and what a fault calls it."""

    name: str
    found: AuditVerification


def rows_beyond() -> Iterator[Beyond]:
    """What was added behind the back of the chains; one statement sees heads and entries alike."""
    for rows in _in_pieces(_BEYOND):
        yield from map(Beyond._make, rows)


def rows_of_heads() -> list[Row]:
    """Number, length and HMAC of each head."""
    return [row for rows in _in_pieces(_HEADS) for row in rows]


def rows_of_entries() -> Iterator[list[Row]]:
    """All entries by id: of every chain the first, of every chain the second, and so on.

    Each query asks for a whole range of ids, so that nothing hides behind an id that is there
    twice. A row: id, moment if it is odd, HMAC, HMAC before it, then as ``macs.Facts``.
    """
    start = _first_id(None)
    while start is not None:
        yield from _rows_between(start, start + _AT_ONCE)
        start = _first_id(start + _AT_ONCE)


def count_known(lengths: Mapping[int, int]) -> int:
    """How many entries there are up to these lengths of the chains, by no index."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [list(lengths), list(lengths.values())])
        (count,) = cursor.fetchone()
    return int(count)


def seals() -> Iterator[AuditSeal]:
    """Every seal in the order in which they were made."""
    columns = ("id", "format", "mac", "chain", "number", "begins", "at", "previous_mac")
    for rows in _in_pieces(_SEALS):
        yield from (AuditSeal(**dict(zip(columns, row, strict=True))) for row in rows)


def anchors() -> Iterator[list[NamedAnchor]]:
    """Every anchor by number, in batches."""
    for rows in _in_pieces(_ANCHORS, size=_ANCHORS_AT_ONCE):
        yield [_as_anchor(row) for row in rows]


def verifications() -> Iterator[NamedVerification]:
    """Everything that was found and kept."""
    columns = ("id", "format", "mac", "at", "seconds", "entries", "anchors", "faults")
    for rows in _in_pieces(_VERIFICATIONS):
        for odd_moment, *values in rows:
            found = AuditVerification(**dict(zip(columns, values, strict=True)))
            moment = odd_moment if found.at is None else found.at.isoformat()
            yield NamedVerification(f"verification {found.pk} of {moment}", found)


def macs_of(ids: Iterable[int]) -> dict[int, bytes | None]:
    """The HMAC of each of these entries that is there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, mac FROM audit_auditentry WHERE id = ANY(%s)", [list(ids)])
        return dict(cursor.fetchall())


def kept_verifications(public_ids: Iterable[str]) -> set[str]:
    """Those among these public ids under which something that was found is kept."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT found.id FROM (SELECT encode(substring(mac FROM 1 FOR 16), 'hex') AS id"
            " FROM audit_auditverification) found WHERE found.id = ANY(%s)",
            [[UUID(public_id).hex for public_id in public_ids]],
        )
        return {str(UUID(found)) for (found,) in cursor.fetchall()}


def place_of(row: Row) -> str:
    """Where a row of ``rows_of_entries`` stands."""
    chain, sequence, at, event = row[5:9]
    return _place(row[0], row[1], chain, sequence, at, event)


def place_beyond(entry: Beyond) -> str:
    """Where it stands."""
    return _place(*entry)


def _place(
    entry_id: int | None,
    odd_moment: str | None,
    chain: int | None,
    sequence: int | None,
    at: int | None,
    event: str | None,
) -> str:
    moment = odd_moment if at is None else datetime.fromtimestamp(at / 1_000_000, UTC).isoformat()
    # What is no event may be written to deceive whoever reads this on a screen.
    shown = event if event in EVENTS else ascii(event)
    return f"chain {chain}, entry {sequence} (id {entry_id}, {moment}, {shown})"


def _as_anchor(row: Row) -> NamedAnchor:
    odd_moment, number, version, at, heads, previous_mac, mac = row
    anchor = AuditAnchor(
        number=number,
        format=version,
        at=at,
        heads=_read_json(heads),
        previous_mac=previous_mac,
        mac=mac,
    )
    return NamedAnchor(f"anchor {number} of {odd_moment}" if at is None else str(anchor), anchor)


def _read_json(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except (RecursionError, ValueError):
        return None


def _rows_between(first: int, end: int) -> Iterator[list[Row]]:
    """As a rule one query without a cursor in the database, which takes half as long again."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_ENTRIES} LIMIT %s", [first, end, _ROWS_AT_ONCE])
        rows = cursor.fetchall()
    if len(rows) < _ROWS_AT_ONCE:
        yield rows
    else:
        yield from _in_pieces(_ENTRIES, [first, end], size=_ROWS_AT_ONCE)


def _in_pieces(
    statement: str, values: Sequence[Any] = (), *, size: int = _ROWS_AT_ONCE
) -> Iterator[list[Row]]:
    """A cursor in the database, so that memory does not grow with what is found."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, values)
        while rows := cursor.fetchmany(size):
            yield rows


def _first_id(at_least: int | None) -> int | None:
    condition = "" if at_least is None else "WHERE id >= %s"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT min(id) FROM audit_auditentry {condition}",  # noqa: S608  (no input)
            [] if at_least is None else [at_least],
        )
        (found,) = cursor.fetchone()
    return found if found is None else int(found)
