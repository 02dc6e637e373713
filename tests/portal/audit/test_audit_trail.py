"""The trail proves itself: whatever is changed, removed or added afterwards is found."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from portal.audit.models import AuditAnchor, AuditChain, AuditEntry
from portal.audit.services import anchor_chains, record, record_refusal
from portal.audit.verification import verify
from tests.factories import PersonFactory, make_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def entries():
    organization = make_organization()
    actor = PersonFactory()
    return [record("quota.limit_set", organization, actor=actor, data={"n": n}) for n in range(3)]


def as_superuser(statement, *values):
    """Do what somebody with the database's highest rights could do."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_untouched_trail_is_whole(entries):
    anchor_chains()

    assert list(verify()) == []


def test_entries_of_one_transaction_follow_each_other_in_one_chain(entries):
    assert len({entry.chain_id for entry in entries}) == 1
    assert bytes(entries[2].previous_mac) == bytes(entries[1].mac)


@pytest.mark.parametrize(
    "change",
    [
        "event = 'order.approved'",
        "actor_id = 999",
        "node_id = 999",
        "at = at + interval '1 microsecond'",
        "data = '{\"n\": 7}'",
        "subject_public_id = gen_random_uuid()",
        "subject_type = 'Order'",
    ],
)
def test_changed_entry_is_found(entries, change):
    as_superuser(f"UPDATE audit_auditentry SET {change} WHERE id = %s", entries[1].pk)  # noqa: S608

    assert any("was changed" in fault for fault in verify())


def test_removed_entry_is_found(entries):
    as_superuser("DELETE FROM audit_auditentry WHERE id = %s", entries[1].pk)

    assert any("is missing" in fault for fault in verify())


def test_entry_that_was_added_behind_the_chain_is_found(entries):
    last = entries[2]
    as_superuser(
        "INSERT INTO audit_auditentry (chain_id, sequence, at, event, subject_type,"
        " subject_public_id, data, previous_mac, mac) SELECT chain_id, sequence + 1, at, event,"
        " subject_type, subject_public_id, data, mac, mac FROM audit_auditentry WHERE id = %s",
        last.pk,
    )

    assert any("the head does not know it" in fault for fault in verify())


def test_removed_tail_with_a_head_that_was_set_back_is_found_by_the_anchor(entries):
    anchor_chains()
    last, before = entries[2], entries[1]
    as_superuser("DELETE FROM audit_auditentry WHERE id = %s", last.pk)
    as_superuser(
        "UPDATE audit_auditchain SET length = %s, head = %s WHERE number = %s",
        before.sequence,
        bytes(before.mac),
        before.chain_id,
    )

    assert any("no longer has the entry" in fault for fault in verify())


def test_tail_that_was_cut_off_together_with_its_anchor_is_found_by_the_export(entries, capsys):
    anchor_chains()
    call_command("export_anchors")
    exported = StringIO(capsys.readouterr().out)
    last, before = entries[2], entries[1]
    as_superuser("DELETE FROM audit_auditanchor")
    as_superuser("DELETE FROM audit_auditentry WHERE id = %s", last.pk)
    as_superuser(
        "UPDATE audit_auditchain SET length = %s, head = %s WHERE number = %s",
        before.sequence,
        bytes(before.mac),
        before.chain_id,
    )

    call_command("verify_audit")  # the database alone cannot know
    with pytest.raises(CommandError, match="broken"):
        call_command("verify_audit", anchors=exported)


@pytest.mark.parametrize("line", ["{}", "[]", "niets", '{"at": 1, "heads": {}, "mac": ""}'])
def test_file_that_holds_no_anchors_is_refused(db, line):
    with pytest.raises(CommandError, match="line 1"):
        call_command("verify_audit", anchors=StringIO(line))


def test_forged_export_is_found(entries):
    anchor = anchor_chains()
    anchor.mac = b"\0" * 32

    assert any("was changed" in fault for fault in verify([anchor]))


def test_changed_anchor_is_found(entries):
    anchor_chains()
    as_superuser("UPDATE audit_auditanchor SET at = at - interval '1 day'")

    assert any("anchor" in fault and "was changed" in fault for fault in verify())


@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", ["audit_auditentry", "audit_auditanchor"])
def test_database_refuses_to_change_the_trail(entries, table, statement):
    anchor_chains()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
        with pytest.raises(IntegrityError, match="never changed or deleted"), transaction.atomic():
            cursor.execute(statement.format(table))


def test_unknown_event_is_refused():
    with pytest.raises(ValueError, match=r"portal/audit/events\.py"):
        record("order.aproved", make_organization(), actor=None)


def test_refusal_is_written_down_although_the_action_was_rolled_back():
    organization, actor = make_organization(), PersonFactory()

    record_refusal("order.approval_refused", organization, actor=actor, code="self_approval")

    entry = AuditEntry.objects.get(event="order.approval_refused")
    assert (entry.actor_id, entry.data) == (actor.pk, {"refused": "self_approval"})


def test_command_tells_what_it_proved(entries, capsys):
    anchor_chains()
    call_command("verify_audit")

    assert "whole" in capsys.readouterr().out


def test_command_fails_on_a_broken_trail(entries):
    as_superuser("DELETE FROM audit_auditentry WHERE id = %s", entries[0].pk)

    with pytest.raises(CommandError, match="broken"):
        call_command("verify_audit")


def test_every_chain_has_a_head():
    assert AuditChain.objects.count() == 32
    assert AuditAnchor.objects.count() == 0
