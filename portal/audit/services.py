"""Writing audit entries: always inside the transaction that does what the entry tells."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils.timezone import now

from portal.audit.events import EVENTS
from portal.audit.models import CHAIN_COUNT, AuditAnchor, AuditChain, AuditEntry


class Subject(Protocol):
    """What an entry is about: any row with a public id."""

    @property
    def public_id(self) -> UUID: ...


class Actor(Protocol):
    """Who did it: a person, by primary key."""

    @property
    def pk(self) -> Any: ...


def record(
    event: str,
    subject: Subject,
    *,
    actor: Actor | None,
    node_id: int | None = None,
    data: dict[str, Any] | None = None,
) -> AuditEntry:
    """Append one entry to this transaction's chain. Call it last: it takes the last lock.

    Args:
        event: a name from ``portal.audit.events``.
        actor: the person who did it, or None for the system.
        node_id: the place in the organisation tree; decides who may read the entry.
        data: JSON-ready facts. Never a name, an e-mail address or a secret.

    Raises:
        ValueError: the event's name is not registered.
    """
    if event not in EVENTS:
        raise ValueError(f"unknown audit event {event!r}; add it to portal/audit/events.py")
    chain = AuditChain.objects.select_for_update().get(number=_chain_of_transaction())
    entry = AuditEntry(
        chain=chain,
        sequence=chain.length + 1,
        at=now(),
        event=event,
        actor_id=None if actor is None else actor.pk,
        node_id=node_id,
        subject_type=type(subject).__name__,
        subject_public_id=subject.public_id,
        data=data or {},
        previous_mac=bytes(chain.head),
    )
    entry.mac = entry_mac(entry)
    entry.save(force_insert=True)
    chain.length, chain.head = entry.sequence, entry.mac
    chain.save(update_fields=["length", "head"])
    return entry


@transaction.atomic(durable=True)
def record_refusal(
    event: str, subject: Subject, *, actor: Actor, node_id: int | None = None, code: str
) -> AuditEntry:
    """Write down a refused attempt, in a transaction of its own after the rollback."""
    return record(event, subject, actor=actor, node_id=node_id, data={"refused": code})


@transaction.atomic(durable=True)
def anchor_chains() -> AuditAnchor:
    """Sign the heads of all chains as they stand now."""
    chains = AuditChain.objects.select_for_update().order_by("number")
    heads = {str(chain.number): [chain.length, bytes(chain.head).hex()] for chain in chains}
    anchor = AuditAnchor(at=now(), heads=heads)
    anchor.mac = anchor_mac(anchor)
    anchor.save(force_insert=True)
    return anchor


def entry_mac(entry: AuditEntry) -> bytes:
    """The HMAC-SHA256 that ties an entry to all its fields and to the entry before it."""
    return _mac(
        bytes(entry.previous_mac),
        {
            "chain": entry.chain_id,
            "sequence": entry.sequence,
            "at": _stamp(entry.at),
            "event": entry.event,
            "actor": entry.actor_id,
            "node": entry.node_id,
            "subject": [entry.subject_type, str(entry.subject_public_id)],
            "data": entry.data,
        },
    )


def anchor_mac(anchor: AuditAnchor) -> bytes:
    """The HMAC-SHA256 of an anchor."""
    return _mac(b"anchor", {"at": _stamp(anchor.at), "heads": anchor.heads})


def _mac(prefix: bytes, facts: dict[str, Any]) -> bytes:
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.digest(settings.AUDIT_KEY, prefix + text.encode(), hashlib.sha256)


def _stamp(moment: datetime) -> int:
    """Microseconds since 1970: the same before and after a trip through the database."""
    return round(moment.timestamp() * 1_000_000)


def _chain_of_transaction() -> int:
    """One chain per transaction, so that a transaction holds one head only."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::numeric %% %s", [CHAIN_COUNT])
        (number,) = cursor.fetchone()
    return int(number)
