"""The records of a zone as a file that other name servers read (RFC 1035, section 5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

TTL_SECONDS: Final = 3600


class Record(Protocol):
    """One set of records: name and values as name servers write them, names ending with a dot."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def values(self) -> Sequence[str]: ...


def zone_text(zone: str, email: str, records: Iterable[Record]) -> str:
    """The zone without the lines that belong to who serves it next; a comment asks for those.

    Args:
        zone: its name, ending with a dot.
        email: of who answers for it.
    """
    lines = [
        f"$ORIGIN {zone}",
        f"$TTL {TTL_SECONDS}",
        "; Add the SOA and NS records of your new name servers. In the SOA record, the address of",
        f"; who answers for this zone is: {_mailbox(email)}",
    ]
    for record in records:
        name = _relative(record.name, zone)
        lines += [f"{name} IN {record.type} {value}" for value in record.values]
    return "\n".join(lines) + "\n"


def _relative(name: str, zone: str) -> str:
    return "@" if name == zone else name.removesuffix(f".{zone}")


def _mailbox(email: str) -> str:
    """The address as a name: a dot before the @ is escaped (RFC 1035, section 5.3)."""
    local, _at, domain = email.partition("@")
    escaped = local.replace(".", "\\.")
    return f"{escaped}.{domain}."
