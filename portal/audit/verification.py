"""Proving that the audit trail is whole: nothing changed, missing, added or moved."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from django.db import connection, transaction
from django.utils.timezone import now

from portal.audit.macs import FORMAT, anchor_mac, entry_mac, seal_mac, verification_mac
from portal.audit.models import (
    CHAIN_COUNT,
    GENESIS,
    PLACES,
    AuditAnchor,
    AuditChain,
    AuditSeal,
    AuditVerification,
)
from portal.core.locks import hold_trail

_AT_ONCE: Final = 256 * PLACES  # ids in one query: at most 256 entries of each chain
_ANCHORS_AT_ONCE: Final = 100
# Raw columns: the HMAC, what it is over, and where that stands.
_READ: Final = """
SELECT id, mac, previous_mac, format, chain, sequence, (extract(epoch FROM at) * 1000000)::bigint,
       event, actor_id, node_id, subject_type, subject_public_id::text, result, code, channel,
       address, agent, request_id, beside, data::text
FROM audit_auditentry WHERE id >= %s AND id < %s ORDER BY id
"""
_BEYOND: Final = """
SELECT entry.id, entry.chain, entry.sequence, entry.at, entry.event
FROM audit_auditentry entry LEFT JOIN audit_auditchain chain ON chain.number = entry.chain
WHERE chain.number IS NULL OR entry.sequence > chain.length ORDER BY entry.id
"""


@dataclass(slots=True)
class _Chain:
    """How far a chain has been read."""

    number: int
    length: int
    head: bytes
    begins: int = 1
    before: bytes = GENESIS  # what the first entry follows from
    expected: int = 1
    previous: bytes = GENESIS
    seals: int = 0  # the number of its newest seal
    witnessed: int = 0  # the greatest length of the chain before it that an entry has seen


class Proof:
    """One reading of the whole trail.

    Writers are not held up: a head is written together with its entry, so everything up to the
    heads that are read first is there. Memory does not grow with the length of the trail.

    Args:
        exported: anchors that were kept outside the database. Without them a superuser of the
            database could take the whole trail back to an earlier moment.
    """

    def __init__(self, exported: Iterable[AuditAnchor] = ()) -> None:
        self._exported = exported
        self._chains: dict[int, _Chain] = {}
        self._last_anchor = 0  # the highest number that an entry tells of
        self.at = now()
        self.entries = self.anchors = self.faults = 0
        self._began = time.monotonic()

    def find_faults(self) -> Iterator[str]:
        """Yield one line per fault; nothing means that the trail is whole."""
        with hold_trail():
            for fault in self._find_faults():
                self.faults += 1
                yield fault

    @transaction.atomic(durable=True)
    def store(self) -> AuditVerification:
        """Keep what was found, signed, for who reads the trail."""
        found = AuditVerification(
            format=FORMAT,
            at=self.at,
            seconds=round(time.monotonic() - self._began),
            entries=self.entries,
            anchors=self.anchors,
            faults=self.faults,
        )
        found.mac = verification_mac(found)
        found.save(force_insert=True)
        return found

    def _find_faults(self) -> Iterator[str]:
        yield from _entries_beyond_their_head()
        self._chains = {
            head.number: _Chain(head.number, head.length, bytes(head.head))
            for head in AuditChain.objects.all()
        }
        yield from (
            f"chain {number}: its head is missing"
            for number in range(CHAIN_COUNT)
            if number not in self._chains
        )
        yield from self._apply_seals()
        for rows in _batches():
            yield from self._check_entries(rows)
        for chain in self._chains.values():
            yield from self._check_end(chain)
        yield from self._check_anchors()

    def _apply_seals(self) -> Iterator[str]:
        """Let each chain begin where its newest seal says."""
        for seal in AuditSeal.objects.order_by("number", "begins"):
            chain = self._chains.get(seal.chain)
            if chain is None or bytes(seal.mac) != seal_mac(seal):
                yield f"seal {seal.pk} ({seal}): was changed, or made without the key"
                continue
            if seal.number <= chain.seals:
                yield f"seal {seal.pk} ({seal}): stands where it does not belong"
                continue
            if seal.number > chain.seals + 1:
                yield _missing_seals(chain, seal.number - 1)
            chain.seals = seal.number
            chain.begins = chain.expected = seal.begins
            chain.before = chain.previous = bytes(seal.previous_mac)

    def _check_entries(self, rows: Sequence[tuple[Any, ...]]) -> Iterator[str]:
        chains = self._chains
        for row in rows:
            entry_id, mac, previous, facts = row[0], row[1], row[2], row[3:]
            chain = chains.get(facts[1])
            sequence = facts[2]
            if chain is None or sequence > chain.length:
                continue  # written since; or found by _entries_beyond_their_head
            self.entries += 1
            is_changed = entry_mac(previous, facts) != mac
            if is_changed:
                yield f"{_place(row)}: was changed, or made without the key"
            if sequence < chain.expected or entry_id != sequence * PLACES + chain.number:
                yield f"{_place(row)}: stands where it does not belong"
                continue
            if sequence > chain.expected:
                yield _missing(chain, sequence - 1)
            elif previous != chain.previous and not is_changed:
                yield f"{_place(row)}: does not follow from the entry before it"
            chain.expected, chain.previous = sequence + 1, mac
            if not is_changed:
                self._note(chain, facts)

    def _note(self, chain: _Chain, facts: tuple[Any, ...]) -> None:
        """Remember what this entry knows of other rows."""
        beside = facts[15]
        if beside is not None and beside > chain.witnessed:
            chain.witnessed = beside
        if facts[4] == "audit.anchored":
            self._last_anchor = max(self._last_anchor, _number_in(facts[16]))

    def _check_end(self, chain: _Chain) -> Iterator[str]:
        """The chain ends where its head says, and no entry elsewhere saw it longer."""
        if chain.expected <= chain.length:
            yield _missing(chain, chain.length)
        elif chain.previous != chain.head:
            yield f"chain {chain.number}: its head was changed; it does not fit the last entry"
        following = self._chains.get((chain.number + 1) % CHAIN_COUNT)
        if following and following.witnessed > chain.length:
            yield (
                f"chain {chain.number}, entries {chain.length + 1} to {following.witnessed}: were"
                f" cut off; entries of chain {following.number} saw them"
            )

    def _check_anchors(self) -> Iterator[str]:
        anchors = AuditAnchor.objects.order_by("number").iterator(chunk_size=_ANCHORS_AT_ONCE)
        expected, previous = 1, GENESIS
        for batch in _in_batches(anchors):
            for anchor in batch:
                self.anchors += 1
                if anchor.number < expected:
                    yield f"{anchor}: stands where it does not belong"
                elif anchor.number > expected:
                    yield _missing_anchors(expected, anchor.number - 1)
                elif anchor.format > 1 and bytes(anchor.previous_mac) != previous:
                    yield f"{anchor}: does not follow from the anchor before it"
                expected, previous = anchor.number + 1, bytes(anchor.mac)
            yield from self._compare(batch)
        if self._last_anchor >= expected:
            yield _missing_anchors(expected, self._last_anchor)
        for batch in _in_batches(self._exported):
            yield from self._compare(batch)

    def _compare(self, anchors: Sequence[AuditAnchor]) -> Iterator[str]:
        """Each anchor is genuine, and every entry that it names is still the same."""
        genuine = []
        for anchor in anchors:
            if bytes(anchor.mac) == anchor_mac(anchor):
                genuine.append(anchor)
            else:
                yield f"{anchor}: was changed, or made without the key"
        ids = {
            length * PLACES + int(number)
            for anchor in genuine
            for number, (length, _mac) in anchor.heads.items()
        }
        macs = _macs_of(ids)
        for anchor in genuine:
            for number, (length, mac) in anchor.heads.items():
                if not self._has(int(number), length, mac, macs):
                    yield (
                        f"{anchor}: chain {number} no longer has the entry {length} that it had"
                        " then"
                    )

    def _has(self, number: int, length: int, mac: str, macs: Mapping[int, bytes]) -> bool:
        chain = self._chains.get(number)
        if chain is None:
            return False
        if length >= chain.begins:
            found = macs.get(length * PLACES + number)
            return found is not None and found.hex() == mac
        return length < chain.begins - 1 or chain.before.hex() == mac


def verify(exported: Iterable[AuditAnchor] = ()) -> Iterator[str]:
    """Yield one line per fault; nothing means that the trail is whole. See ``Proof``."""
    return Proof(exported).find_faults()


def _entries_beyond_their_head() -> Iterator[str]:
    """What was added behind the back of the chain; one statement sees heads and entries alike."""
    with connection.cursor() as cursor:
        cursor.execute(_BEYOND)
        for entry_id, chain, sequence, at, event in cursor.fetchall():
            place = f"chain {chain}, entry {sequence} (id {entry_id}, {at.isoformat()}, {event})"
            yield f"{place}: the head of the chain does not know it"


def _batches() -> Iterator[Sequence[tuple[Any, ...]]]:
    """All entries by id: of every chain the first, of every chain the second, and so on.

    Each query reads a whole range of ids, so that nothing hides behind an id that is there twice.
    """
    with connection.cursor() as cursor:
        start = _first_id(cursor, None)
        while start is not None:
            cursor.execute(_READ, [start, start + _AT_ONCE])
            yield cursor.fetchall()
            start = _first_id(cursor, start + _AT_ONCE)


def _first_id(cursor: Any, at_least: int | None) -> int | None:
    condition = "" if at_least is None else "WHERE id >= %s"
    cursor.execute(
        f"SELECT min(id) FROM audit_auditentry {condition}",  # noqa: S608  (no input)
        [] if at_least is None else [at_least],
    )
    (found,) = cursor.fetchone()
    return found if found is None else int(found)


def _macs_of(ids: Iterable[int]) -> dict[int, bytes]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, mac FROM audit_auditentry WHERE id = ANY(%s)", [list(ids)])
        return {entry_id: bytes(mac) for entry_id, mac in cursor.fetchall()}


def _in_batches(anchors: Iterable[AuditAnchor]) -> Iterator[list[AuditAnchor]]:
    rest = iter(anchors)
    while batch := list(islice(rest, _ANCHORS_AT_ONCE)):
        yield batch


def _place(row: Sequence[Any]) -> str:
    chain, sequence, at, event = row[4:8]
    moment = datetime.fromtimestamp(at / 1_000_000, UTC).isoformat()
    return f"chain {chain}, entry {sequence} (id {row[0]}, {moment}, {event})"


def _missing(chain: _Chain, last: int) -> str:
    if chain.expected == last:
        return f"chain {chain.number}, entry {last} (id {last * PLACES + chain.number}): is missing"
    return f"chain {chain.number}, entries {chain.expected} to {last}: are missing"


def _missing_anchors(first: int, last: int) -> str:
    if first == last:
        return f"anchor {first}: is missing"
    return f"anchors {first} to {last}: are missing"


def _missing_seals(chain: _Chain, last: int) -> str:
    first = chain.seals + 1
    if first == last:
        return f"chain {chain.number}, seal {first}: is missing"
    return f"chain {chain.number}, seals {first} to {last}: are missing"


def _number_in(data: str) -> int:
    return int(json.loads(data)["number"])
