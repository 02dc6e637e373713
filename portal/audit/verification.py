"""Proving that the audit trail is whole: nothing changed, nothing missing, nothing added."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from itertools import chain

from django.db.models import F, Q

from portal.audit.models import GENESIS, AuditAnchor, AuditChain, AuditEntry
from portal.audit.services import anchor_mac, entry_mac


def verify(exported: Iterable[AuditAnchor] = ()) -> Iterator[str]:
    """Yield one line per fault; nothing means that the trail is whole.

    Args:
        exported: anchors that were kept outside the database. Without them a superuser of the
            database could cut off the newest entries together with the anchors that know them.

    Nothing is locked, so people go on working: a head is written together with its entry, so
    everything up to the heads that are read first is there. The trail is read in chunks, and
    memory does not grow with its length.
    """
    yield from _entries_beyond_their_head()
    heads = list(AuditChain.objects.order_by("number"))
    for head in heads:
        yield from _verify_chain(head)
    anchors = AuditAnchor.objects.order_by("at").iterator(chunk_size=500)
    yield from _verify_anchors(chain(anchors, exported), {head.number for head in heads})


def _entries_beyond_their_head() -> Iterator[str]:
    """What was added behind the back of the chain; one statement sees heads and entries alike."""
    for entry in AuditEntry.objects.filter(sequence__gt=F("chain__length")).iterator():
        yield f"chain {entry.chain_id}, entry {entry.sequence}: the head does not know it"


def _verify_chain(head: AuditChain) -> Iterator[str]:
    expected_sequence, previous = 1, GENESIS
    entries = head.entries.filter(sequence__lte=head.length).order_by("sequence")
    for entry in entries.iterator(chunk_size=2000):
        place = f"chain {head.number}, entry {entry.sequence}"
        if entry.sequence != expected_sequence:
            yield f"{place}: entry {expected_sequence} is missing"
        elif not hmac.compare_digest(bytes(entry.previous_mac), previous):
            yield f"{place}: does not follow from the entry before it"
        if not hmac.compare_digest(bytes(entry.mac), entry_mac(entry)):
            yield f"{place}: was changed after it was written"
        expected_sequence, previous = entry.sequence + 1, bytes(entry.mac)
    if head.length != expected_sequence - 1 or bytes(head.head) != previous:
        found = expected_sequence - 1
        yield f"chain {head.number}: the head says {head.length} entries, found {found}"


def _verify_anchors(anchors: Iterable[AuditAnchor], chains: set[int]) -> Iterator[str]:
    for anchor in anchors:
        if not hmac.compare_digest(bytes(anchor.mac), anchor_mac(anchor)):
            yield f"{anchor}: was changed after it was written"
            continue
        sealed = {int(number): (length, mac) for number, (length, mac) in anchor.heads.items()}
        yield from _compare_with_anchor(anchor, sealed, chains)


def _compare_with_anchor(
    anchor: AuditAnchor, sealed: dict[int, tuple[int, str]], chains: set[int]
) -> Iterator[str]:
    places = Q(pk__in=[])
    for number, (length, _mac) in sealed.items():
        places |= Q(chain_id=number, sequence=length)
    macs = {
        (entry.chain_id, entry.sequence): bytes(entry.mac).hex()
        for entry in AuditEntry.objects.filter(places)
    }
    for number, (length, mac) in sealed.items():
        if number not in chains or (length and macs.get((number, length)) != mac):
            yield f"{anchor}: chain {number} no longer has the entry {length} that it had then"
