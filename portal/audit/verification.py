"""Proving that the audit trail is whole: nothing changed, missing, added or moved."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from django.db import (
    DatabaseError,
    DataError,
    InternalError,
    NotSupportedError,
    ProgrammingError,
    transaction,
)
from django.utils.timezone import now

from portal.audit import raw
from portal.audit.macs import (
    FORMAT,
    NONSENSE,
    anchor_mac,
    entry_mac,
    is_genuine,
    seal_mac,
    verification_mac,
)
from portal.audit.models import CHAIN_COUNT, GENESIS, PLACES, AuditAnchor, AuditVerification
from portal.audit.raw import NamedAnchor, Row
from portal.audit.services import record
from portal.core.locks import hold_trail

logger = logging.getLogger(__name__)

_ANCHORS_AT_ONCE: Final = 100
# What the database answers about rows or tables that it cannot make sense of. Not that it is away.
_UNREADABLE: Final = (DataError, InternalError, NotSupportedError, ProgrammingError)


@dataclass(slots=True)
class _Chain:
    """How far a chain has been read."""

    number: int
    length: int
    head: bytes | None  # None: it cannot be read, which is a fault already
    read: int = 0  # entries
    begins: int = 1
    before: bytes = GENESIS  # what the first entry follows from
    expected: int = 1
    previous: bytes | None = GENESIS
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
        self._told: dict[str, str] = {}  # public id of what was found once -> who tells of it
        self.at = now()
        self.anchors = self.faults = 0
        self._began = time.monotonic()

    @property
    def entries(self) -> int:
        """How many were read."""
        return sum(chain.read for chain in self._chains.values())

    def find_faults(self) -> Iterator[str]:
        """Yield one line per fault; nothing means that the trail is whole."""
        with hold_trail():
            for fault in self._find_whatever_stands_there():
                self.faults += 1
                yield fault

    def store(self) -> AuditVerification:
        """Keep what was found, signed, for who reads the trail, and tell of it in the trail.

        A trail that is broken may take no entry. Bad news counts without one.
        """
        found = self._keep()
        try:
            _tell(found)
        except (DatabaseError, *NONSENSE):
            if not found.faults:
                raise
            logger.exception("the trail took no entry about what was found in it")
        return found

    @transaction.atomic(durable=True)
    def _keep(self) -> AuditVerification:
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

    def _find_whatever_stands_there(self) -> Iterator[str]:
        """The faults; one more when nonsense that nobody thought of ends the reading."""
        try:
            yield from self._find_faults()
        except (*_UNREADABLE, *NONSENSE) as error:
            logger.exception("the reading of the trail broke off")
            yield f"the reading broke off: {str(error)!a}"

    def _find_faults(self) -> Iterator[str]:
        for entry in raw.rows_beyond():
            yield f"{raw.place_beyond(entry)}: the head of the chain does not know it"
        yield from self._take_heads()
        yield from self._apply_seals()
        for rows in raw.rows_of_entries():
            yield from self._check_entries(rows)
            yield from self._check_told()
        for chain in self._chains.values():
            yield from self._check_end(chain)
        yield from self._check_count()
        yield from self._check_anchors()
        yield from _check_verifications()

    def _take_heads(self) -> Iterator[str]:
        for number, length, head in raw.rows_of_heads():
            if number is None or not 0 <= number < CHAIN_COUNT:
                yield f"chain {number}: there is no such chain"
            elif number in self._chains:
                yield f"chain {number}: has more than one head"
            else:
                if length is None or head is None:
                    yield f"chain {number}: its head was changed; it is not filled in"
                self._chains[number] = _Chain(number, length or 0, head)
        yield from (
            f"chain {number}: its head is missing"
            for number in range(CHAIN_COUNT)
            if number not in self._chains
        )

    def _apply_seals(self) -> Iterator[str]:
        """Let each chain begin where its newest seal says."""
        for seal in raw.seals():
            chain = self._chains.get(seal.chain)
            if chain is None or not is_genuine(seal.mac, seal_mac, seal):
                yield f"seal {seal.pk} ({seal}): was changed, or made without the key"
                continue
            number: int | None = seal.number  # which the HMAC did not cover before its format 3
            if number is None or number <= chain.seals:
                yield f"seal {seal.pk} ({seal}): stands where it does not belong"
                continue
            if number > chain.seals + 1:
                yield _missing_seals(chain, number - 1)
            chain.seals = number
            chain.begins = chain.expected = seal.begins
            chain.before = chain.previous = bytes(seal.previous_mac)

    def _check_entries(self, rows: Sequence[Row]) -> Iterator[str]:
        chains = self._chains
        for row in rows:
            entry_id, mac, previous, facts = row[0], row[2], row[3], row[4:]
            chain = chains.get(facts[1])
            sequence = facts[2]
            if chain is None or sequence is None or sequence > chain.length:
                continue  # written since; or found by rows_beyond
            chain.read += 1
            is_changed = not is_genuine(mac, entry_mac, previous, facts)
            if is_changed:
                yield f"{raw.place_of(row)}: was changed, or made without the key"
            if sequence < chain.expected or entry_id != sequence * PLACES + chain.number:
                yield f"{raw.place_of(row)}: stands where it does not belong"
                continue
            if sequence > chain.expected:
                yield _missing(chain, sequence - 1)
            elif previous != chain.previous and not is_changed:
                yield f"{raw.place_of(row)}: does not follow from the entry before it"
            chain.expected, chain.previous = sequence + 1, mac
            if not is_changed:
                self._note(chain, row)

    def _note(self, chain: _Chain, row: Row) -> None:
        """Remember what this entry knows of other rows."""
        event, beside = row[8], row[19]
        if beside is not None and beside > chain.witnessed:
            chain.witnessed = beside
        if event == "audit.anchored":
            self._last_anchor = max(self._last_anchor, _number_in(row[20]))
        elif event == "audit.verified":
            self._told[row[12]] = raw.place_of(row)

    def _check_told(self) -> Iterator[str]:
        """What entries say was found once is kept."""
        if not self._told:
            return
        kept = raw.kept_verifications(self._told)
        yield from (
            f"{place}: what was found then is no longer kept"
            for public_id, place in self._told.items()
            if public_id not in kept
        )
        self._told.clear()

    def _check_end(self, chain: _Chain) -> Iterator[str]:
        """The chain ends where its head says, and no entry elsewhere saw it longer."""
        if chain.expected <= chain.length:
            yield _missing(chain, chain.length)
        elif chain.head is not None and chain.previous != chain.head:
            yield f"chain {chain.number}: its head was changed; it does not fit the last entry"
        following = self._chains.get((chain.number + 1) % CHAIN_COUNT)
        if following and following.witnessed > chain.length:
            yield (
                f"chain {chain.number}, entries {chain.length + 1} to {following.witnessed}: were"
                f" cut off; entries of chain {following.number} saw them"
            )

    def _check_count(self) -> Iterator[str]:
        """Nothing was passed over: an index can be damaged, or made to be."""
        count = raw.count_known({chain.number: chain.length for chain in self._chains.values()})
        if count != self.entries:
            yield f"{count} entries are there, but {self.entries} were found by their places"

    def _check_anchors(self) -> Iterator[str]:
        expected = 1
        previous: object = GENESIS
        for batch in raw.anchors():
            for name, anchor in batch:
                self.anchors += 1
                number: int | None = anchor.number
                if number is None or number < expected:
                    yield f"{name}: stands where it does not belong"
                    continue
                if number > expected:
                    yield _missing_anchors(expected, number - 1)
                elif anchor.format != 1 and anchor.previous_mac != previous:
                    yield f"{name}: does not follow from the anchor before it"
                expected, previous = number + 1, anchor.mac
            yield from self._compare(batch)
        if self._last_anchor >= expected:
            yield _missing_anchors(expected, self._last_anchor)
        for exported in _in_batches(self._exported):
            yield from self._compare([NamedAnchor(str(anchor), anchor) for anchor in exported])

    def _compare(self, anchors: Sequence[NamedAnchor]) -> Iterator[str]:
        """Each anchor is genuine, and every entry that it names is still the same."""
        genuine = []
        for named in anchors:
            if is_genuine(named.anchor.mac, anchor_mac, named.anchor):
                genuine.append(named)
            else:
                yield f"{named.name}: was changed, or made without the key"
        ids = {
            length * PLACES + int(number)
            for _name, anchor in genuine
            for number, (length, _mac) in anchor.heads.items()
        }
        macs = raw.macs_of(ids)
        for name, anchor in genuine:
            for number, (length, mac) in anchor.heads.items():
                if not self._has(int(number), length, mac, macs):
                    yield (
                        f"{name}: chain {number} no longer has the entry {length} that it had then"
                    )

    def _has(self, number: int, length: int, mac: str, macs: Mapping[int, bytes | None]) -> bool:
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


@transaction.atomic(durable=True)
def _tell(found: AuditVerification) -> None:
    record("audit.verified", found, actor=None, data={"faults": found.faults})


def _check_verifications() -> Iterator[str]:
    for name, found in raw.verifications():
        if not is_genuine(found.mac, verification_mac, found):
            yield f"{name}: was changed, or made without the key"


def _in_batches(anchors: Iterable[AuditAnchor]) -> Iterator[list[AuditAnchor]]:
    rest = iter(anchors)
    while batch := list(islice(rest, _ANCHORS_AT_ONCE)):
        yield batch


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
