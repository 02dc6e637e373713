"""Dropping the oldest months of the trail, and leaving it provable from there.

Only the owner of the database can: the role that the portal works with deletes nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.utils.timezone import now

from portal.audit.macs import SEAL_FORMAT, seal_mac
from portal.audit.models import GENESIS, PLACES, AuditAnchor, AuditEntry, AuditSeal
from portal.audit.services import record
from portal.audit.verification import verify
from portal.core.calendar import BUSINESS_TIME, month
from portal.core.locks import lock_trail

SHORTEST_YEARS: Final = 3  # BIO2 5.28.01; the database holds to it as well
LONGEST_YEARS: Final = 1000  # before which there is no calendar to count back in

# Per chain the first entry that is kept, where an older one stands before it.
_BEGINNINGS: Final = """
SELECT chain, coalesce(min(sequence) FILTER (WHERE at >= %(until)s), max(sequence) + 1)
FROM audit_auditentry GROUP BY chain HAVING bool_or(at < %(until)s)
"""
_DROP: Final = """
DELETE FROM audit_auditentry entry
USING unnest(%(chains)s::integer[], %(begins)s::bigint[]) AS kept (chain, begins)
WHERE entry.chain = kept.chain AND entry.sequence < kept.begins AND entry.id < %(last)s
"""


class CannotDrop(Exception):
    """Nothing was dropped; the text says why."""


@dataclass(frozen=True)
class Dropped:
    until: datetime
    entries: int


def drop_months(*, keep_years: int) -> Dropped:
    """Drop the whole months that are longer ago than ``keep_years``; anchors are kept.

    The trail is proved first: what does not fit is evidence, and stays.

    Raises:
        CannotDrop: the term is too short, no anchor fixed those months, or the trail is broken.
    """
    if keep_years < SHORTEST_YEARS:
        raise CannotDrop(f"the trail is kept for {SHORTEST_YEARS} years at least")
    if keep_years > LONGEST_YEARS:
        raise CannotDrop(f"choose {LONGEST_YEARS} years at most")
    today = now().astimezone(BUSINESS_TIME)
    until = month(today.year - keep_years, today.month).start
    if not AuditEntry.objects.filter(at__lt=until).exists():
        return Dropped(until, 0)
    if any(verify()):
        raise CannotDrop("the trail is broken: see docs/runbooks/audit-broken.md")
    return _drop(until)


@transaction.atomic(durable=True)
def _drop(until: datetime) -> Dropped:
    lock_trail()
    anchor = AuditAnchor.objects.filter(at__gte=until).order_by("number").first()
    if anchor is None:
        raise CannotDrop("no anchor fixes those months; is the clock running?")
    begins = _beginnings(until)
    if not begins:
        return Dropped(until, 0)
    for chain, first in begins.items():
        _seal(chain, first)
    dropped = _delete(begins)
    data = {"until": until.isoformat(), "entries": dropped}
    record("audit.months_dropped", anchor, actor=None, data=data)
    return Dropped(until, dropped)


def _beginnings(until: datetime) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_BEGINNINGS, {"until": until})
        return {
            chain: first for chain, first in cursor.fetchall() if first > _begins_already(chain)
        }


def _begins_already(chain: int) -> int:
    newest = _newest_seal(chain)
    return newest.begins if newest else 1


def _newest_seal(chain: int) -> AuditSeal | None:
    return AuditSeal.objects.filter(chain=chain).order_by("-number").first()


def _seal(chain: int, begins: int) -> None:
    newest = _newest_seal(chain)
    last = AuditEntry.objects.filter(pk=(begins - 1) * PLACES + chain).first()
    seal = AuditSeal(
        format=SEAL_FORMAT,
        chain=chain,
        number=newest.number + 1 if newest else 1,
        begins=begins,
        at=now(),
        previous_mac=bytes(last.mac) if last else GENESIS,
    )
    seal.mac = seal_mac(seal)
    seal.save(force_insert=True)


def _delete(begins: dict[int, int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            _DROP,
            {
                "chains": list(begins),
                "begins": list(begins.values()),
                "last": max(begins.values()) * PLACES,
            },
        )
        return int(cursor.rowcount)
