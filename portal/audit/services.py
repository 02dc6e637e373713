"""Writing audit entries: always inside the transaction that does what the entry tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol, cast
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


@dataclass(frozen=True, kw_only=True)
class Told:
    """What an entry will say.

    Attributes:
        event: a name from ``portal.audit.events``.
        actor: the person who did it, or None for the system.
        node_id: the place in the organisation tree; decides who may read the entry.
        data: JSON-ready facts. Never a name, an e-mail address or a secret.
        code: why not, when the result is not success: that of the ``DomainError``.
    """

    event: str
    subject: Subject
    actor: Actor | None
    node_id: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    result: Result = Result.SUCCEEDED
    code: str = ""


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
    """As ``record_all``, for one entry. The arguments: those of ``Told``."""
    told = Told(
        event=event,
        subject=subject,
        actor=actor,
        node_id=node_id,
        data=data or {},
        result=result,
        code=code,
    )
    return record_all([told])[0]


def record_all(entries: Sequence[Told]) -> list[AuditEntry]:
    """Append entries to this transaction's chain. Call it last: it takes the last lock.

    Where they come from is noted by itself (``portal.core.origin``).

    Raises:
        ValueError: the name of an event is not registered.
    """
    for told in entries:
        _check(told.event)
        if told.result != Result.SUCCEEDED:
            note_refusal(told.event)
    if not entries:
        return []
    texts = [exact_text(told.data) for told in entries]
    with connection.cursor() as cursor:
        chain, length, head, beside = _lock_head(cursor)
        at = now()
        links: list[_Link] = []
        for told, text in zip(entries, texts, strict=True):
            length += 1
            facts = _facts_of(told, text, chain=chain, sequence=length, at=at, beside=beside)
            mac = cast(bytes, entry_mac(head, facts))  # only of nonsense there is none
            links.append(_Link(facts, head, mac))
            head = mac
        _append(cursor, links, at)
    return [_as_row(link, at, told.data) for link, told in zip(links, entries, strict=True)]


def _check(event: str) -> None:
    if event not in EVENTS:
        raise ValueError(f"unknown audit event {event!r}; add it to portal/audit/events.py")


class _Link(NamedTuple):
    """An entry in its chain."""

    facts: Facts
    previous_mac: bytes
    mac: bytes


def _facts_of(
    told: Told, text: str, *, chain: int, sequence: int, at: datetime, beside: int
) -> Facts:
    origin = current_origin()
    return Facts(
        format=FORMAT,
        chain=chain,
        sequence=sequence,
        at=microseconds(at),
        event=told.event,
        actor_id=None if told.actor is None else told.actor.pk,
        node_id=told.node_id,
        subject_type=told.subject.__class__.__name__,
        subject_public_id=str(told.subject.public_id),
        result=str(told.result),
        code=told.code,
        channel=str(origin.channel),
        address=origin.address[:LONGEST_ADDRESS],
        agent=origin.agent,
        request_id=origin.request_id,
        beside=beside,
        data=text,
    )


def _lock_head(cursor: Any) -> tuple[int, int, bytes, int]:
    """Number, length and last HMAC of a chain, and the length of the chain before it."""
    for statement in _LOCK_ONE:
        cursor.execute(statement)
        if found := cursor.fetchone():
            break
    number, length, head, beside = found
    return number, length, bytes(head), beside


def _append(cursor: Any, links: Sequence[_Link], at: datetime) -> None:
    """Write each entry and move the head, in one statement; all are sent together."""
    rows = [_values(link, at) for link in links]
    if len(rows) == 1:
        cursor.execute(_APPEND, rows[0])
    else:
        cursor.executemany(_APPEND, rows)


def _values(link: _Link, at: datetime) -> tuple[Any, ...]:
    facts, previous_mac, mac = link
    place = (_id_of(facts), facts.chain, facts.sequence, facts.format, at)
    return (*place, *facts[4:], previous_mac, mac, facts.sequence, mac, facts.chain)


def _id_of(facts: Facts) -> int:
    return facts.sequence * PLACES + facts.chain


def _as_row(link: _Link, at: datetime, data: Mapping[str, Any]) -> AuditEntry:
    columns = link.facts._asdict() | {
        "at": at,
        "subject_public_id": UUID(link.facts.subject_public_id),
        "data": data,
    }
    return AuditEntry(
        id=_id_of(link.facts), previous_mac=link.previous_mac, mac=link.mac, **columns
    )


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
