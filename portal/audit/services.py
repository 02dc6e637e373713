"""Writing audit entries: always inside the transaction that does what the entry tells."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

from django.db import connection, transaction
from django.utils.timezone import now

from portal.audit.events import EVENTS
from portal.audit.macs import FORMAT, Facts, anchor_mac, entry_mac, exact_text, microseconds
from portal.audit.models import (
    CHAIN_COUNT,
    GENESIS,
    PLACES,
    AuditAnchor,
    AuditChain,
    AuditEntry,
    Result,
)
from portal.core.origin import current_origin

LONGEST_ADDRESS: Final = 45  # characters; an IPv6 address without a zone

# A transaction has a chain by its number, so those that run together have different ones. When it
# is taken all the same, another that is free; so writers hardly ever wait. A transaction that
# holds a head finds that one free, and so never waits for a second.
_LOCK_HEAD: Final = f"""
SELECT head.number, head.length, head.head,
       (SELECT length FROM audit_auditchain
        WHERE number = (head.number + {CHAIN_COUNT - 1}) % {CHAIN_COUNT})
FROM audit_auditchain head {{which}} FOR NO KEY UPDATE
"""  # noqa: S608  (numbers of ours)
_OWN: Final = f"WHERE number = pg_current_xact_id()::text::bigint % {CHAIN_COUNT}"
_LOCK_ONE: Final = (
    f"{_LOCK_HEAD.format(which=_OWN)} SKIP LOCKED",
    f"{_LOCK_HEAD.format(which='LIMIT 1')} SKIP LOCKED",
    _LOCK_HEAD.format(which=_OWN),  # all are being written to: wait
)
_APPEND: Final = """
WITH entry AS (
    INSERT INTO audit_auditentry (
        id, chain, sequence, format, at, event, actor_id, node_id, subject_type,
        subject_public_id, result, code, channel, address, agent, request_id, beside, data,
        previous_mac, mac
    ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
)
UPDATE audit_auditchain SET length = %s, head = %s WHERE number = %s
"""

_Noted = list[str]
_noted_refusals: ContextVar[_Noted | None] = ContextVar("refusals written", default=None)


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
    result: Result = Result.SUCCEEDED,
    code: str = "",
) -> AuditEntry:
    """Append one entry to this transaction's chain. Call it last: it takes the last lock.

    Where it comes from is noted by itself (``portal.core.origin``).

    Args:
        event: a name from ``portal.audit.events``.
        actor: the person who did it, or None for the system.
        node_id: the place in the organisation tree; decides who may read the entry.
        data: JSON-ready facts. Never a name, an e-mail address or a secret.
        code: why not, when the result is not success: that of the ``DomainError``.

    Raises:
        ValueError: the event's name is not registered.
    """
    if event not in EVENTS:
        raise ValueError(f"unknown audit event {event!r}; add it to portal/audit/events.py")
    if result != Result.SUCCEEDED:
        note_refusal(event)
    origin = current_origin()
    text = exact_text(data or {})
    with connection.cursor() as cursor:
        chain, length, head, beside = _lock_head(cursor)
        at = now()
        facts = Facts(
            format=FORMAT,
            chain=chain,
            sequence=length + 1,
            at=microseconds(at),
            event=event,
            actor_id=None if actor is None else actor.pk,
            node_id=node_id,
            subject_type=subject.__class__.__name__,
            subject_public_id=str(subject.public_id),
            result=str(result),
            code=code,
            channel=str(origin.channel),
            address=origin.address[:LONGEST_ADDRESS],
            agent=origin.agent,
            request_id=origin.request_id,
            beside=beside,
            data=text,
        )
        return _append(cursor, facts, at, head, data or {})


def _lock_head(cursor: Any) -> tuple[int, int, bytes, int]:
    """Number, length and last HMAC of a chain, and the length of the chain before it."""
    for statement in _LOCK_ONE:
        cursor.execute(statement)
        if found := cursor.fetchone():
            break
    number, length, head, beside = found
    return number, length, bytes(head), beside


def _append(
    cursor: Any, facts: Facts, at: datetime, previous_mac: bytes, data: dict[str, Any]
) -> AuditEntry:
    """Write the entry and move the head, in one statement."""
    mac = entry_mac(previous_mac, facts)
    entry_id = facts.sequence * PLACES + facts.chain
    place = (entry_id, facts.chain, facts.sequence, facts.format, at)
    cursor.execute(
        _APPEND, (*place, *facts[4:], previous_mac, mac, facts.sequence, mac, facts.chain)
    )
    columns = facts._asdict() | {
        "at": at,
        "subject_public_id": UUID(facts.subject_public_id),
        "data": data,
    }
    return AuditEntry(id=entry_id, previous_mac=previous_mac, mac=mac, **columns)


@transaction.atomic(durable=True)
def record_refusal(
    event: str,
    subject: Subject,
    *,
    actor: Actor,
    node_id: int | None = None,
    code: str,
    data: dict[str, Any] | None = None,
) -> AuditEntry:
    """Write down a refused attempt, in a transaction of its own after the rollback."""
    return record(
        event,
        subject,
        actor=actor,
        node_id=node_id,
        data=data,
        result=Result.REFUSED,
        code=code,
    )


def note_refusal(event: str) -> None:
    """Tell who asked for it by ``noting_refusals`` that this is written down, or counted."""
    noted = _noted_refusals.get()
    if noted is not None:
        noted.append(event)


def is_refusal_noted() -> bool:
    """True when something that was refused or failed is written down for the work at hand."""
    return bool(_noted_refusals.get())


@contextmanager
def noting_refusals() -> Iterator[list[str]]:
    """Yield the events of what is refused or fails, and is written down, inside."""
    noted: _Noted = []
    token = _noted_refusals.set(noted)
    try:
        yield noted
    finally:
        _noted_refusals.reset(token)


@transaction.atomic(durable=True)
def anchor_chains() -> AuditAnchor:
    """Sign the heads of all chains as they stand now.

    That it was done stands in the trail as well: an anchor that somebody removes is missed.
    """
    chains = AuditChain.objects.select_for_update().order_by("number")
    heads = {str(chain.number): [chain.length, bytes(chain.head).hex()] for chain in chains}
    newest = AuditAnchor.objects.only("number", "mac").order_by("-number").first()
    anchor = AuditAnchor(
        number=newest.number + 1 if newest else 1,
        format=FORMAT,
        at=now(),
        heads=heads,
        previous_mac=bytes(newest.mac) if newest else GENESIS,
    )
    anchor.mac = anchor_mac(anchor)
    anchor.save(force_insert=True)
    record("audit.anchored", anchor, actor=None, data={"number": anchor.number})
    return anchor
