"""A review as a CSV file: for the file of the audit, or to look at beside a staff list."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import UTC, datetime
from io import StringIO
from typing import Final

from portal.core.spreadsheets import harmless
from portal.identity.models import ReviewItem

COLUMNS: Final = (
    "person",
    "person_id",
    "role",
    "place",
    "place_code",
    "origin",
    "granted_by",
    "valid_from",
    "valid_until",
    "last_login",
    "decision",
    "decided_by",
    "decided_at",
    "reason",
)


def write_csv(items: Iterable[ReviewItem]) -> str:
    """The items as CSV (RFC 4180), moments in UTC, with a byte order mark for spreadsheets.

    The items must come with ``person``, ``node``, ``decided_by`` and ``grant__granted_by``.
    """
    text = StringIO()
    text.write("\N{BYTE ORDER MARK}")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for item in items:
        writer.writerow([harmless(cell) for cell in _cells(item)])
    return text.getvalue()


def _cells(item: ReviewItem) -> list[str]:
    grant = item.grant
    return [
        item.person.name,
        str(item.person.public_id),
        item.role,
        item.node.name,
        item.node.code,
        item.issuer or "portal",
        grant.granted_by.name if grant.granted_by else "",
        _moment(grant.valid_from),
        _moment(grant.valid_until),
        _moment(item.person.last_login),
        item.decision,
        item.decided_by.name if item.decided_by else "",
        _moment(item.decided_at),
        item.reason,
    ]


def _moment(value: datetime | None) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if value else ""
