"""Writing the trail: what an entry holds, in which chain, and what the database refuses."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from portal.audit.macs import Facts, entry_mac
from portal.audit.models import (
    CHAIN_COUNT,
    GENESIS,
    AuditAnchor,
    AuditChain,
    AuditEntry,
    AuditVerification,
    Result,
)
from portal.audit.services import (
    Told,
    anchor_chains,
    noting_refusals,
    record,
    record_all,
    record_refusal,
)
from portal.audit.verification import verify
from portal.core.origin import Channel, Origin, coming_from
from tests.factories import PersonFactory, make_organization
from tests.portal.audit.conftest import Somebody, Thing
from tests.portal.audit.tampering import as_superuser, set_head_back

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_entry_tells_act_object_result_origin_actor_and_time():
    thing = Thing()
    origin = Origin(channel=Channel.API, address="2001:db8::1", agent="curl/8", request_id="b" * 32)
    before = datetime.now(UTC)
    with coming_from(origin):
        record("order.approved", thing, actor=Somebody(), node_id=5, data={"é": [1, None, "x"]})

    entry = AuditEntry.objects.get()
    assert entry.event == "order.approved"
    assert (entry.subject_type, entry.subject_public_id) == ("Thing", thing.public_id)
    assert (entry.result, entry.code) == (Result.SUCCEEDED, "")
    assert (entry.channel, entry.address) == ("api", "2001:db8::1")
    assert (entry.agent, entry.request_id) == ("curl/8", "b" * 32)
    assert (entry.actor_id, entry.node_id) == (4711, 5)
    assert before <= entry.at <= datetime.now(UTC)
    assert entry.data == {"é": [1, None, "x"]}
    assert list(verify()) == []


def test_work_without_a_door_comes_from_a_command_on_the_server():
    entry = record("order.expired", Thing(), actor=None)

    assert (entry.channel, entry.address, entry.actor_id) == ("command", "", None)


def test_what_record_returns_is_what_is_stored():
    returned = record("order.approved", Thing(), actor=Somebody(), data={"n": 1})

    stored = AuditEntry.objects.get()
    for field in AuditEntry._meta.concrete_fields:
        assert getattr(returned, field.attname) == getattr(stored, field.attname), field.name


@pytest.mark.parametrize(
    "data",
    [
        {"float": 1e16, "small": 1e-7, "zero": -0.0, "big": 10**30},
        {"b": 1, "a": {"z": 1, "é": "\u2028 <>&'\""}},
        {"text": "\\u0041 \\ \n \t 🦭"},
        {"truth": True, "nothing": None, "list": [[], {}]},
    ],
)
def test_json_is_kept_letter_by_letter(data):
    record("order.approved", Thing(), actor=None, data=data)

    assert AuditEntry.objects.get().data == data
    assert list(verify()) == []


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()])
def test_what_is_not_json_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        record("order.approved", Thing(), actor=None, data={"value": value})


def test_several_entries_stand_one_after_the_other_in_one_chain():
    things = [Thing() for _ in range(3)]
    told = [
        Told(event="order.approved", subject=thing, actor=None, data={"n": number})
        for number, thing in enumerate(things)
    ]
    with transaction.atomic():
        returned = record_all(told)
        record("order.expired", Thing(), actor=None)

    stored = list(AuditEntry.objects.order_by("sequence"))
    assert len({entry.chain for entry in stored}) == 1
    assert [entry.sequence for entry in stored] == [1, 2, 3, 4]
    assert [entry.subject_public_id for entry in stored[:3]] == [one.public_id for one in things]
    for one, other in zip(returned, stored, strict=False):
        for field in AuditEntry._meta.concrete_fields:
            assert getattr(one, field.attname) == getattr(other, field.attname), field.name
    head = AuditChain.objects.get(number=stored[0].chain)
    assert (head.length, bytes(head.head)) == (4, bytes(stored[-1].mac))
    assert list(verify()) == []


def test_of_several_entries_all_are_refused_when_one_cannot_be():
    told = [
        Told(event="order.approved", subject=Thing(), actor=None),
        Told(event="order.aproved", subject=Thing(), actor=None),
    ]
    with pytest.raises(ValueError, match=r"portal/audit/events\.py"):
        record_all(told)

    assert not AuditEntry.objects.exists()


def test_no_entries_take_no_chain(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert record_all([]) == []


def test_very_long_address_is_cut():
    with coming_from(Origin(channel=Channel.PAGE, address="fe80::1%" + "x" * 100)):
        record("order.approved", Thing(), actor=None)

    assert len(AuditEntry.objects.get().address) == 45


def test_unknown_event_is_refused():
    with pytest.raises(ValueError, match=r"portal/audit/events\.py"):
        record("order.aproved", Thing(), actor=None)


def test_refusal_is_written_down_although_the_action_was_rolled_back():
    organization, actor = make_organization(), PersonFactory()

    record_refusal("order.approval_refused", organization, actor=actor, code="self_approval")

    entry = AuditEntry.objects.get(event="order.approval_refused")
    assert (entry.actor_id, entry.result, entry.code) == (actor.pk, "refused", "self_approval")
    assert entry.data == {}


def test_only_refusals_and_failures_are_noted():
    with noting_refusals() as noted:
        record("order.approved", Thing(), actor=None)
        assert noted == []
        record_refusal("order.approval_refused", Thing(), actor=Somebody(), code="x")
    record_refusal("order.rejection_refused", Thing(), actor=Somebody(), code="x")

    assert noted == ["order.approval_refused"]


def test_success_cannot_have_a_refusal_code():
    with pytest.raises(IntegrityError, match="audit_entry_of_success_has_no_refusal"):
        record("order.approved", Thing(), actor=None, code="self_approval")


class TestChains:
    def test_every_chain_has_a_head(self):
        assert AuditChain.objects.count() == CHAIN_COUNT
        assert AuditAnchor.objects.count() == 0

    def test_entries_of_one_transaction_follow_each_other_in_one_chain(self):
        first, second = (record("order.approved", Thing(), actor=None) for _ in range(2))

        assert (second.chain, second.sequence) == (first.chain, first.sequence + 1)
        assert bytes(second.previous_mac) == bytes(first.mac)
        assert second.id == second.sequence * 1000 + second.chain

    def test_entry_notes_how_long_the_chain_before_it_was(self, write_in):
        write_in(3)
        write_in(3)

        assert write_in(4).beside == 2
        assert write_in(3).beside == 0
        assert write_in(0).beside == 0  # of chain 31

    @pytest.mark.django_db(transaction=True)
    def test_writer_takes_a_free_chain_when_its_own_is_taken(self):
        """Every head but one is held by somebody: nobody waits, and both can commit."""
        free, is_held, may_end = 17, threading.Event(), threading.Event()

        def hold_the_others():
            with transaction.atomic():
                list(AuditChain.objects.select_for_update().exclude(number=free))
                is_held.set()
                may_end.wait(10)
            connection.close()

        holder = threading.Thread(target=hold_the_others)
        holder.start()
        try:
            assert is_held.wait(10)
            with transaction.atomic():
                entries = [record("order.approved", Thing(), actor=None) for _ in range(2)]
        finally:
            may_end.set()
            holder.join()

        assert {entry.chain for entry in entries} == {free}
        assert list(verify()) == []

    @pytest.mark.django_db(transaction=True)
    def test_writers_wait_while_all_chains_are_anchored(self):
        """With every head held, the entry is written as soon as one is free."""
        is_held, may_end, written = threading.Event(), threading.Event(), []

        def hold_all():
            with transaction.atomic():
                list(AuditChain.objects.select_for_update())
                is_held.set()
                may_end.wait(10)
            connection.close()

        def write():
            with transaction.atomic():
                written.append(record("order.approved", Thing(), actor=None))
            connection.close()

        threads = [threading.Thread(target=hold_all), threading.Thread(target=write)]
        threads[0].start()
        assert is_held.wait(10)
        threads[1].start()
        threads[1].join(0.3)
        assert written == []
        may_end.set()
        for thread in threads:
            thread.join()

        assert len(written) == 1
        assert list(verify()) == []

    @pytest.mark.django_db(transaction=True)
    def test_many_writers_at_once_leave_a_whole_trail(self):
        def write():
            for _ in range(20):
                with transaction.atomic():
                    record("order.approved", Thing(), actor=None)
            connection.close()

        threads = [threading.Thread(target=write) for _ in range(8)]
        for thread in threads:
            thread.start()
        anchor_chains()
        for thread in threads:
            thread.join()

        assert AuditEntry.objects.filter(event="order.approved").count() == 160
        assert list(verify()) == []


class TestDatabase:
    @pytest.mark.parametrize("statement", ["UPDATE {} SET {key} = {key}", "DELETE FROM {}"])
    @pytest.mark.parametrize(
        "table", ["auditentry", "auditanchor", "auditseal", "auditverification", "auditchain"]
    )
    def test_refuses_to_change_the_trail(self, entries, table, statement):
        call_command("verify_audit")
        as_superuser(
            "INSERT INTO audit_auditseal (format, mac, chain, number, begins, at, previous_mac)"
            " VALUES (3, '', 3, 1, 2, now(), '')"
        )
        key = "number" if table == "auditchain" else "id"
        sql = statement.format(f"audit_{table}", key=key)
        with pytest.raises(IntegrityError, match="never changed or deleted"), transaction.atomic():
            connection.cursor().execute(sql)

    @pytest.mark.parametrize(
        "table", ["auditentry", "auditanchor", "auditseal", "auditverification", "auditchain"]
    )
    def test_refuses_to_truncate_the_trail(self, entries, table):
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            connection.cursor().execute(f"TRUNCATE audit_{table}")

    @pytest.mark.parametrize("length", ["length - 1", "length + 2", "0"])
    def test_moves_a_head_one_place_at_a_time(self, entries, length):
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            connection.cursor().execute(f"UPDATE audit_auditchain SET length = {length}")

    def test_holds_an_entry_to_its_place(self, entries):
        with pytest.raises(IntegrityError, match="id_is_its_place"), transaction.atomic():
            as_superuser("UPDATE audit_auditentry SET id = 5")


class TestFormats:
    """What was written before stays provable: these HMACs are fixed."""

    KEY = bytes(range(32))
    THING = "5f0f7c9e-3c1b-4d3a-9a55-0a8f5a1f9a01"
    SECOND = Facts(
        2, 3, 7, 1_790_000_000_123_456, "order.approved", 5, None, "Order", THING,
        "refused", "self_approval", "page", "192.0.2.7", "Firefox/140", "a" * 32, 12, '{"é":1}',
    )  # fmt: skip
    FIRST = Facts(
        1, 3, 7, 1_790_000_000_123_456, "order.approved", 5, None, "Order", THING,
        "succeeded", "", "", "", "", "", None, '{"b": 1, "a": "é"}',
    )  # fmt: skip

    @pytest.fixture(autouse=True)
    def _key(self, settings):
        settings.AUDIT_KEY = self.KEY

    def test_second(self):
        assert (
            entry_mac(b"\0" * 32, self.SECOND).hex() == "b01bb4227b500b40326ec326c1a95cfb"
            "9160a68fbff5bc2a876b3006104137dc"
        )

    def test_first(self):
        assert (
            entry_mac(b"\0" * 32, self.FIRST).hex() == "dc06a842f714cf6f51882f3e3562a858"
            "cc22c3cabbd187587104f7c96666f4b8"
        )

    def test_first_of_a_refusal(self):
        refused = self.FIRST._replace(data='{"refused": "x"}')

        assert entry_mac(b"", refused._replace(result="refused", code="x"))
        assert entry_mac(b"", refused) is None

    @pytest.mark.parametrize("change", [{"channel": "page"}, {"beside": 1}, {"code": "x"}])
    def test_first_has_no_room_for_what_it_does_not_cover(self, change):
        assert entry_mac(b"", self.FIRST._replace(**change)) is None

    def test_unknown(self):
        assert entry_mac(b"", self.SECOND._replace(format=3)) is None


class TestCommand:
    def test_tells_what_it_proved_and_keeps_it(self, entries, capsys):
        call_command("verify_audit")

        assert "whole: 12 entries, 1 anchors" in capsys.readouterr().out
        found = AuditVerification.objects.get()
        assert (found.entries, found.anchors, found.faults) == (12, 1, 0)

    def test_fails_on_a_broken_trail_and_keeps_that(self, entries, capsys):
        as_superuser("DELETE FROM audit_auditentry WHERE id = %s", entries[0].pk)

        with pytest.raises(CommandError, match="broken: 1 faults"):
            call_command("verify_audit")
        assert AuditVerification.objects.get().faults == 1
        assert "chain 3, entry 1 (id 1003): is missing" in capsys.readouterr().out

    def test_cut_off_tail_with_its_anchors_is_found_by_the_export(self, entries, capsys):
        """Back to before the last anchor, everywhere: only what is kept elsewhere can tell."""
        call_command("export_anchors")
        exported = StringIO(capsys.readouterr().out)
        as_superuser("DELETE FROM audit_auditanchor")
        as_superuser("DELETE FROM audit_auditentry WHERE chain IN (3, 4) AND sequence > 3")
        as_superuser("DELETE FROM audit_auditentry WHERE chain = 9")
        as_superuser("UPDATE audit_auditchain SET length = 0, head = %s WHERE number = 9", GENESIS)
        for entry in AuditEntry.objects.filter(sequence=3):
            set_head_back(entry)

        call_command("verify_audit")  # the database alone cannot know
        with pytest.raises(CommandError, match="broken"):
            call_command("verify_audit", anchors=exported)
        assert "anchor 1 of" in capsys.readouterr().out

    def test_anchors_of_the_first_format_are_read(self, entries):
        line = '{"at": "2026-11-01T10:00:00+00:00", "heads": {"3": [1, "00"]}, "mac": "00"}'
        with pytest.raises(CommandError, match="broken: 1 faults"):
            call_command("verify_audit", anchors=StringIO(line))

    @pytest.mark.parametrize("line", ["{}", "[]", "niets", '{"at": 1, "heads": {}, "mac": ""}'])
    def test_file_that_holds_no_anchors_is_refused(self, line):
        with pytest.raises(CommandError, match="line 1"):
            call_command("verify_audit", anchors=StringIO(line))


def test_subject_of_an_entry_about_an_anchor_follows_from_its_mac(entries):
    anchor = AuditAnchor.objects.get()

    entry = AuditEntry.objects.get(event="audit.anchored")
    assert entry.subject_public_id == anchor.public_id == UUID(bytes=bytes(anchor.mac)[:16])
