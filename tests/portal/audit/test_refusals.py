"""Many refusals from one address within a minute: the first few are written, the rest counted."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils.timezone import now

from portal.audit import refusals
from portal.audit.models import AuditEntry, RefusalTally
from portal.audit.refusals import WRITTEN_PER_MINUTE, record_counted_refusal, write_tallies
from portal.audit.services import noting_refusals
from portal.audit.verification import verify
from portal.core.origin import Channel, Origin, coming_from
from tests.portal.audit.conftest import Thing

pytestmark = pytest.mark.django_db
MOMENT = now().replace(second=30)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Set how many minutes have passed."""

    def move(minutes: int) -> None:
        monkeypatch.setattr(refusals, "now", lambda: MOMENT + timedelta(minutes=minutes))

    move(0)
    return move


def refuse(times=1, address="192.0.2.7", event="login.failed", node_id=None):
    with coming_from(Origin(channel=Channel.PAGE, address=address)):
        return [
            record_counted_refusal(event, Thing(), actor=None, node_id=node_id, code="no_access")
            for _ in range(times)
        ]


def written(event: str = "login.failed") -> int:
    return AuditEntry.objects.filter(event=event).count()


def test_first_few_are_written_and_the_rest_is_counted(clock):
    answers = refuse(12)

    assert [answer is None for answer in answers] == [False] * 5 + [True] * 7
    assert written() == WRITTEN_PER_MINUTE
    clock(1)
    assert write_tallies() == 1

    entry = AuditEntry.objects.get(event="audit.refusals_counted")
    assert entry.data["event"] == "login.failed"
    assert entry.data["not_written"] == 7
    assert (entry.address, entry.channel, entry.result) == ("192.0.2.7", "worker", "refused")
    assert not RefusalTally.objects.exists()
    assert list(verify()) == []


def test_few_need_no_counting(clock):
    refuse(WRITTEN_PER_MINUTE)
    clock(1)

    assert write_tallies() == 0
    assert not RefusalTally.objects.exists()


def test_running_minute_is_left_alone():
    refuse(8)

    assert write_tallies() == 0
    assert RefusalTally.objects.get().count == 8


def test_next_minute_begins_anew(clock):
    refuse(6)
    clock(1)
    refuse(1)

    assert written() == 6


def test_one_address_does_not_silence_another():
    refuse(9)
    refuse(1, address="192.0.2.8")
    refuse(1, event="logout.refused")

    assert written() == 6
    assert written("logout.refused") == 1


def test_auditors_of_a_node_read_how_many_were_counted_there(clock):
    refuse(7, node_id=31)
    refuse(9, node_id=32)
    refuse(6)
    clock(1)
    assert write_tallies() == 3

    counted = AuditEntry.objects.filter(event="audit.refusals_counted")
    told = {entry.node_id: entry.data["not_written"] for entry in counted}
    assert told == {31: 2, 32: 4, None: 1}


def test_one_node_does_not_silence_another():
    refuse(9, node_id=31)
    refuse(1, node_id=32)

    assert set(AuditEntry.objects.filter(node_id=32).values_list("event", flat=True)) == {
        "login.failed"
    }


def test_network_of_an_ipv6_customer_is_one_address():
    for number in range(9):
        refuse(1, address=f"2001:db8:1:2::{number}")
    refuse(1, address="2001:db8:1:3::1")

    assert written() == WRITTEN_PER_MINUTE + 1


def test_counted_one_is_noted_as_well():
    refuse(5)
    with noting_refusals() as noted:
        refuse(1)

    assert noted == ["login.failed"]


@pytest.mark.django_db(transaction=True)
def test_at_the_same_time_as_well():
    def attempt():
        refuse(4)
        connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert written() == WRITTEN_PER_MINUTE
    assert RefusalTally.objects.get().count == 20
