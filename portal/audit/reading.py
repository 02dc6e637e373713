"""Reading the trail: page by page, however long it is, and that somebody read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.timezone import now

from portal.audit.macs import is_genuine, microseconds, verification_mac
from portal.audit.models import (
    CHAIN_COUNT,
    IS_CREDIBLE,
    AuditAnchor,
    AuditEntry,
    AuditVerification,
)
from portal.audit.services import record

READING: Final = timedelta(hours=1)  # what one entry about reading stands for
_BATCH: Final = 1000
_POSITION: Final = re.compile(r"([0-9]{1,17})-([0-9]{1,18})")


class Reader(Protocol):
    """Somebody who reads: a person."""

    @property
    def pk(self) -> Any: ...
    @property
    def public_id(self) -> UUID: ...


@dataclass(frozen=True)
class Position:
    """Where in time an entry stands."""

    at: datetime
    entry_id: int

    @classmethod
    def of(cls, entry: AuditEntry) -> Position:
        return cls(entry.at, entry.pk)

    @classmethod
    def read(cls, text: str) -> Position | None:
        """What ``str`` wrote; None for anything else."""
        match = _POSITION.fullmatch(text)
        if match is None:
            return None
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(match[1]))
        return cls(moment, int(match[2]))

    def __str__(self) -> str:
        return f"{microseconds(self.at)}-{self.entry_id}"


@dataclass(frozen=True)
class Slice:
    """A part of a list, newest first, and where it goes on."""

    entries: list[AuditEntry]
    newer: Position | None
    older: Position | None


def read_slice(
    entries: QuerySet[AuditEntry],
    *,
    size: int,
    older_than: Position | None = None,
    newer_than: Position | None = None,
) -> Slice:
    """At most ``size`` entries next to a position, or the newest. One query."""
    if newer_than is not None:
        found = list(after(entries, newer_than).order_by("at", "id")[: size + 1])
        has_more, shown = len(found) > size, found[:size][::-1]
        newer = Position.of(shown[0]) if shown and has_more else None
        return Slice(shown, newer, Position.of(shown[-1]) if shown else None)
    chosen = before(entries, older_than) if older_than else entries
    found = list(chosen.order_by("-at", "-id")[: size + 1])
    shown = found[:size]
    older = Position.of(shown[-1]) if len(found) > size else None
    return Slice(shown, Position.of(shown[0]) if shown and older_than else None, older)


def before(entries: QuerySet[AuditEntry], position: Position) -> QuerySet[AuditEntry]:
    """What is older than the position."""
    same_moment = Q(at=position.at, id__lt=position.entry_id)
    return entries.filter(Q(at__lte=position.at), Q(at__lt=position.at) | same_moment)


def after(entries: QuerySet[AuditEntry], position: Position) -> QuerySet[AuditEntry]:
    """What is newer than the position."""
    same_moment = Q(at=position.at, id__gt=position.entry_id)
    return entries.filter(Q(at__gte=position.at), Q(at__gt=position.at) | same_moment)


def in_batches(entries: QuerySet[AuditEntry]) -> Iterator[list[AuditEntry]]:
    """All of them, oldest first; memory does not grow with their number."""
    batch = list(entries.order_by("at", "id")[:_BATCH])
    while batch:
        yield batch
        following = after(entries, Position.of(batch[-1]))
        batch = list(following.order_by("at", "id")[:_BATCH])


def legible_entries() -> QuerySet[AuditEntry]:
    """Every entry with a moment and a place that can be shown.

    The others somebody made so, behind the back of the portal: ``verify_audit`` tells of them.
    """
    return AuditEntry.objects.filter(IS_CREDIBLE, sequence__gte=1, chain__lt=CHAIN_COUNT)


def newest_proof() -> AuditVerification | None:
    """What the last ``verify_audit`` found; None when there is none that is genuine.

    The trail tells of each. Good news counts only when it is what the trail told of last, so that
    taking away bad news does not bring back the good news before it. Two queries.
    """
    found = AuditVerification.objects.filter(IS_CREDIBLE).order_by("-pk").first()
    if found is None or not is_genuine(found.mac, verification_mac, found):
        return None
    told = legible_entries().filter(event="audit.verified", at__gte=found.at)
    last = told.order_by("-at", "-id").values_list("subject_public_id", flat=True).first()
    return found if found.faults or last == found.public_id else None


def newest_anchor() -> AuditAnchor | None:
    """Number and moment of the last anchor."""
    return AuditAnchor.objects.filter(IS_CREDIBLE).only("number", "at").order_by("-number").first()


@transaction.atomic(durable=True)
def note_reading(reader: Reader) -> None:
    """Write down that somebody read the trail, once for each hour in which they did."""
    read_already = AuditEntry.objects.filter(
        subject_public_id=reader.public_id, event="audit.read", at__gt=now() - READING
    )
    if not read_already.exists():
        record("audit.read", reader, actor=reader)


@transaction.atomic(durable=True)
def note_export(reader: Reader, *, form: str, asked: dict[str, Any]) -> None:
    """Write down that somebody took a copy of the trail, and of what part.

    Args:
        form: "csv" or "jsonl".
        asked: the filter, JSON-ready and without names.
    """
    record("audit.exported", reader, actor=reader, data={"format": form, "filter": asked})
