"""How the HMAC of each row of the trail is made, in every format that was ever in use.

A row names its format, and the format is part of what the HMAC covers. A next one is added
beside these; what was written in an earlier one stays as provable as it was.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.conf import settings

from portal.audit.models import AuditAnchor, AuditSeal, AuditVerification

FORMAT: Final = 2  # of what is written now
SEAL_FORMAT: Final = 3

# What making the HMAC of a row can end in when somebody wrote nonsense into its columns.
NONSENSE: Final = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
)

_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_STRICT_ENCODER: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


class Facts(NamedTuple):
    """What an entry says, as its HMAC covers it: one value a column, in this order."""

    format: int
    chain: int
    sequence: int
    at: int  # microseconds since 1970
    event: str
    actor_id: int | None
    node_id: int | None
    subject_type: str
    subject_public_id: str
    result: str
    code: str
    channel: str
    address: str
    agent: str
    request_id: str
    beside: int | None
    data: str  # the JSON itself, letter by letter


def exact_text(data: Any) -> str:
    """JSON in the one form in which it is stored.

    Raises:
        TypeError, ValueError: it is not JSON.
    """
    return _STRICT_ENCODER.encode(data)


def microseconds(moment: datetime) -> int:
    """Since 1970: the same before and after a trip through the database."""
    return round(moment.timestamp() * 1_000_000)


def is_genuine(mac: object, make: Callable[..., bytes | None], *facts: Any) -> bool:
    """True when this is the HMAC that ``make`` makes of the facts; of nonsense none is.

    Args:
        mac: as it stands in the row, where it may be anything.
    """
    try:
        made = make(*facts)
    except NONSENSE:
        return False
    return made is not None and made == mac


def entry_mac(previous_mac: bytes, facts: tuple[Any, ...]) -> bytes | None:
    """The HMAC that ties an entry to all its columns and to the entry before it.

    Args:
        facts: a ``Facts``, or its values in that order.

    Returns:
        None when no entry of that format could read so.
    """
    text_of = _ENTRY_FORMATS.get(facts[0])
    text = text_of(facts) if text_of else None
    return None if text is None else _mac(previous_mac, text)


def anchor_mac(anchor: AuditAnchor) -> bytes:
    """The HMAC that ties an anchor to the heads of all chains and to the anchor before it."""
    at = microseconds(anchor.at)
    if anchor.format == 1:
        return _mac(b"anchor", _ENCODER.encode({"at": at, "heads": anchor.heads}))
    facts = ("anchor", anchor.format, anchor.number, at, anchor.heads)
    return _mac(bytes(anchor.previous_mac), _ENCODER.encode(facts))


def seal_mac(seal: AuditSeal) -> bytes:
    """The HMAC of where a chain begins. Before format 3 it did not cover the seal's number."""
    number = () if seal.format < 3 else (seal.number,)
    facts = ("seal", seal.format, seal.chain, *number, seal.begins, microseconds(seal.at))
    return _mac(bytes(seal.previous_mac), _ENCODER.encode(facts))


def verification_mac(found: AuditVerification) -> bytes:
    """The HMAC of what a reading of the trail found."""
    counts = (found.seconds, found.entries, found.anchors, found.faults)
    facts = ("verification", found.format, microseconds(found.at), *counts)
    return _mac(b"", _ENCODER.encode(facts))


def keyed_hash(*texts: str) -> bytes:
    """A pseudonym that nobody without the key can make, or find again by trying."""
    return _mac(b"", _ENCODER.encode(("pseudonym", *texts)))


def _first_format(facts: tuple[Any, ...]) -> str | None:
    """Of before results and origins were written: then those columns hold what follows."""
    entry = Facts(*facts)
    data = json.loads(entry.data)
    code = str(data.get("refused", ""))
    added = ("refused" if code else "succeeded", code, "", "", "", "", None)
    if facts[9:16] != added:
        return None
    return _ENCODER.encode(
        {
            "chain": entry.chain,
            "sequence": entry.sequence,
            "at": entry.at,
            "event": entry.event,
            "actor": entry.actor_id,
            "node": entry.node_id,
            "subject": [entry.subject_type, entry.subject_public_id],
            "data": data,
        }
    )


_ENTRY_FORMATS: Final[Mapping[int, Callable[[tuple[Any, ...]], str | None]]] = {
    1: _first_format,
    2: _ENCODER.encode,
}


def _mac(previous_mac: bytes, text: str) -> bytes:
    return hmac.digest(settings.AUDIT_KEY, previous_mac + text.encode(), "sha256")
