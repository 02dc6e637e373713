"""Refusals that strangers can cause as often as they like: the first few, then how many more."""

from __future__ import annotations

import ipaddress
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.utils.timezone import now

from portal.audit.models import AuditEntry, RefusalTally, Result
from portal.audit.services import LONGEST_ADDRESS, Actor, Subject, note_refusal, record
from portal.core.origin import Channel, Origin, coming_from, current_origin

WRITTEN_PER_MINUTE: Final = 5  # of one event on one node, from one address
_AT_ONCE: Final = 200  # tallies in one transaction
_COUNT: Final = """
INSERT INTO audit_refusaltally AS tally (public_id, event, address, node_id, minute, count)
VALUES (gen_random_uuid(), %s, %s, %s, %s, 1)
ON CONFLICT (minute, address, event, node_id) DO UPDATE SET count = tally.count + 1
RETURNING count
"""


@transaction.atomic(durable=True)
def record_counted_refusal(
    event: str,
    subject: Subject,
    *,
    actor: Actor | None,
    node_id: int | None = None,
    code: str,
    result: Result = Result.REFUSED,
    data: dict[str, Any] | None = None,
) -> AuditEntry | None:
    """Write down a refused attempt, unless many like it came from the same address just now.

    What is not written is counted; ``write_tallies`` puts the count in the trail, for each node
    by itself: so its auditors read of it, and nothing of what happened elsewhere.
    """
    if _count(event, node_id) > WRITTEN_PER_MINUTE:
        note_refusal(event)
        return None
    return record(event, subject, actor=actor, node_id=node_id, data=data, result=result, code=code)


def write_tallies() -> int:
    """Put what was only counted in minutes that are over into the trail; return how many entries.

    Called by the clock. Each batch is a transaction of its own.
    """
    before, written = _minute_of(now()), 0
    while (entries := _write_batch(before)) is not None:
        written += entries
    return written


@transaction.atomic(durable=True)
def _write_batch(before: datetime) -> int | None:
    """None when there was nothing left to do."""
    tallies = list(
        RefusalTally.objects.select_for_update(skip_locked=True)
        .filter(minute__lt=before)
        .order_by("pk")[:_AT_ONCE]
    )
    if not tallies:
        return None
    RefusalTally.objects.filter(pk__in=[tally.pk for tally in tallies]).delete()
    passed = [tally for tally in tallies if tally.count > WRITTEN_PER_MINUTE]
    for tally in passed:
        with coming_from(Origin(channel=Channel.WORKER, address=tally.address)):
            record(
                "audit.refusals_counted",
                tally,
                actor=None,
                node_id=tally.node_id,
                data={
                    "event": tally.event,
                    "not_written": tally.count - WRITTEN_PER_MINUTE,
                    "minute": tally.minute.isoformat(),
                },
                result=Result.REFUSED,
            )
    return len(passed)


def _count(event: str, node_id: int | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [event, _neighbourhood(), node_id, _minute_of(now())])
        (count,) = cursor.fetchone()
    return int(count)


def _neighbourhood() -> str:
    """The address, or of IPv6 the network of one customer: who has one has all of them."""
    try:
        address = ipaddress.ip_address(current_origin().address)
    except ValueError:
        return ""
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((int(address), 64), strict=False))[:LONGEST_ADDRESS]


def _minute_of(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
