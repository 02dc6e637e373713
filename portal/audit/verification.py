"""Proving that the audit trail is whole: nothing changed, nothing missing, nothing added."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

from django.db.models import F

from portal.audit.models import GENESIS, AuditAnchor, AuditChain, AuditEntry
from portal.audit.services import anchor_mac, entry_mac


def verify() -> Iterator[str]:
    """Yield one line per fault; nothing means that the trail is whole.

    Nothing is locked, so people go on working: a head is written together with its entry, so
    everything up to the heads that are read first is there. The trail is read in chunks, and
    memory does not grow with its length.
    """
    yield from _entries_beyond_their_head()
    chains = list(AuditChain.objects.order_by("number"))
    for chain in chains:
        yield from _verify_chain(chain)
    yield from _verify_anchors({chain.number: chain for chain in chains})


def _entries_beyond_their_head() -> Iterator[str]:
    """What was added behind the back of the chain; one statement sees heads and entries alike."""
    for entry in AuditEntry.objects.filter(sequence__gt=F("chain__length")).iterator():
        yield f"chain {entry.chain_id}, entry {entry.sequence}: the head does not know it"


def _verify_chain(chain: AuditChain) -> Iterator[str]:
    expected_sequence, previous = 1, GENESIS
    entries = chain.entries.filter(sequence__lte=chain.length).order_by("sequence")
    for entry in entries.iterator(chunk_size=2000):
        place = f"chain {chain.number}, entry {entry.sequence}"
        if entry.sequence != expected_sequence:
            yield f"{place}: entry {expected_sequence} is missing"
        elif not hmac.compare_digest(bytes(entry.previous_mac), previous):
            yield f"{place}: does not follow from the entry before it"
        if not hmac.compare_digest(bytes(entry.mac), entry_mac(entry)):
            yield f"{place}: was changed after it was written"
        expected_sequence, previous = entry.sequence + 1, bytes(entry.mac)
    if chain.length != expected_sequence - 1 or bytes(chain.head) != previous:
        found = expected_sequence - 1
        yield f"chain {chain.number}: the head says {chain.length} entries, found {found}"


def _verify_anchors(chains: dict[int, AuditChain]) -> Iterator[str]:
    for anchor in AuditAnchor.objects.order_by("at").iterator(chunk_size=500):
        if not hmac.compare_digest(bytes(anchor.mac), anchor_mac(anchor)):
            yield f"{anchor}: was changed after it was written"
            continue
        sealed = {int(number): (length, mac) for number, (length, mac) in anchor.heads.items()}
        yield from _compare_with_anchor(anchor, sealed, chains)


def _compare_with_anchor(
    anchor: AuditAnchor, sealed: dict[int, tuple[int, str]], chains: dict[int, AuditChain]
) -> Iterator[str]:
    macs = {
        (entry.chain_id, entry.sequence): bytes(entry.mac).hex()
        for number, (length, _) in sealed.items()
        if length
        for entry in AuditEntry.objects.filter(chain_id=number, sequence=length)
    }
    for number, (length, mac) in sealed.items():
        if number not in chains or (length and macs.get((number, length)) != mac):
            yield f"{anchor}: chain {number} no longer has the entry {length} that it had then"
