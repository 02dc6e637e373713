from __future__ import annotations

from uuid import uuid4

import pytest

from portal.audit import services
from portal.audit.models import AuditEntry
from portal.audit.services import anchor_chains, record
from portal.core.origin import Channel, Origin, coming_from


class Thing:
    """What the entries of these tests are about."""

    def __init__(self) -> None:
        self.public_id = uuid4()


class Somebody:
    pk = 4711


@pytest.fixture
def write_in(monkeypatch: pytest.MonkeyPatch):
    """Append an entry to one chosen chain, as a transaction of its own would."""

    def write(chain: int, event: str = "quota.limit_set", **data: object) -> AuditEntry:
        chosen = services._LOCK_HEAD.format(which=f"WHERE number = {chain}")
        monkeypatch.setattr(services, "_LOCK_ONE", (chosen,))
        origin = Origin(
            channel=Channel.PAGE, address="192.0.2.7", agent="Firefox", request_id="a" * 32
        )
        with coming_from(origin):
            return record(event, Thing(), actor=Somebody(), node_id=12, data=data)

    return write


@pytest.fixture
def entries(db, write_in) -> list[AuditEntry]:
    """Five entries in chain 3, one in chain 4 after each, then an anchor in chain 9."""
    written = []
    for number in range(5):
        written.append(write_in(3, n=number))
        write_in(4)
    write_in(9)
    anchor_chains()
    return written
