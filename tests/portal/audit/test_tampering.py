"""Whatever is done to the trail without the key is found, and the fault says where.

Each test does what a superuser of the database can: no trigger, right or constraint stops it.
"""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from portal.audit.macs import verification_mac
from portal.audit.models import GENESIS, AuditAnchor, AuditEntry, AuditVerification
from portal.audit.services import anchor_chains
from portal.audit.verification import Proof, verify
from tests.portal.audit.tampering import (
    as_superuser,
    columns_of,
    set_head_back,
    without_constraints,
)

pytestmark = [pytest.mark.django_db, pytest.mark.database]

# A value that the column does not have, for every column of every table of the trail.
ENTRY_CHANGES = {
    "id": "id + 1000000",
    "chain": "5",
    "sequence": "9",
    "format": "1",
    "at": "at + interval '1 microsecond'",
    "event": "'order.approved'",
    "actor_id": "999",
    "node_id": "NULL",
    "subject_type": "'Order'",
    "subject_public_id": "gen_random_uuid()",
    "result": "'failed'",
    "code": "'x'",
    "channel": "'api'",
    "address": "'192.0.2.8'",
    "agent": "'Firefox '",
    "request_id": "''",
    "beside": "beside + 1",
    "data": """'{"n": 2}'""",  # the same value, written otherwise
    "previous_mac": "sha256('x')",
    "mac": "sha256('x')",
}
ANCHOR_CHANGES = {
    "number": "7",
    "format": "1",
    "at": "at - interval '1 day'",
    "heads": "jsonb_set(heads, '{3,0}', '4')",
    "previous_mac": "sha256('x')",
    "mac": "sha256('x')",
}
HEAD_CHANGES = {"number": "70", "length": "length + 1", "head": "sha256('x')"}


def faults() -> list[str]:
    return list(verify())


def test_untouched_trail_is_whole(entries):
    assert faults() == []


class TestEveryColumn:
    def test_is_in_these_tables(self, db):
        assert set(columns_of("audit_auditentry").split(", ")) == set(ENTRY_CHANGES)
        # Nothing leans on the primary keys of the other two.
        assert set(columns_of("audit_auditanchor").split(", ")) == {"id", *ANCHOR_CHANGES}
        assert set(columns_of("audit_auditchain").split(", ")) == set(HEAD_CHANGES)

    @pytest.mark.parametrize("column", ENTRY_CHANGES)
    @pytest.mark.parametrize("position", [0, 2, 4])
    def test_of_an_entry(self, entries, column, position):
        without_constraints()
        entry = entries[position]
        changed = as_superuser(
            f"UPDATE audit_auditentry SET {column} = {ENTRY_CHANGES[column]} WHERE id = %s",
            entry.pk,
        )

        assert changed == 1
        assert any(f"chain 3, entry {entry.sequence} (id {entry.pk}" in fault for fault in faults())

    @pytest.mark.parametrize("column", ANCHOR_CHANGES)
    def test_of_an_anchor(self, entries, column):
        anchor_chains()
        without_constraints()
        as_superuser(
            f"UPDATE audit_auditanchor SET {column} = {ANCHOR_CHANGES[column]} WHERE number = 2"
        )

        assert any("anchor 2" in fault or "anchor 7" in fault for fault in faults())

    @pytest.mark.parametrize("column", HEAD_CHANGES)
    def test_of_a_head(self, entries, column):
        without_constraints()
        as_superuser(
            f"UPDATE audit_auditchain SET {column} = {HEAD_CHANGES[column]} WHERE number = 3"
        )

        assert any(fault.startswith("chain 3") for fault in faults())


class TestRemoving:
    @pytest.mark.parametrize("position", range(5))
    def test_one_entry(self, entries, position):
        entry = entries[position]
        as_superuser("DELETE FROM audit_auditentry WHERE id = %s", entry.pk)

        missing = f"chain 3, entry {entry.sequence} (id {entry.pk}): is missing"
        assert missing in faults()

    def test_a_range(self, entries):
        as_superuser("DELETE FROM audit_auditentry WHERE chain = 3 AND sequence IN (2, 3, 4)")

        assert "chain 3, entries 2 to 4: are missing" in faults()

    def test_the_last_with_the_head_set_back(self, entries):
        as_superuser("DELETE FROM audit_auditentry WHERE id = %s", entries[4].pk)
        set_head_back(entries[3])

        found = faults()
        assert "chain 3, entries 5 to 5: were cut off; entries of chain 4 saw them" in found
        assert any("anchor 1" in fault and "chain 3 no longer" in fault for fault in found)

    def test_the_last_since_the_anchor_with_the_head_set_back(self, entries, write_in):
        """No anchor knows these entries; the ones beside them do."""
        kept = write_in(3)
        removed = write_in(3)
        write_in(4)
        as_superuser("DELETE FROM audit_auditentry WHERE id = %s", removed.pk)
        set_head_back(kept)

        assert faults() == ["chain 3, entries 7 to 7: were cut off; entries of chain 4 saw them"]

    def test_a_whole_chain_with_its_head_set_back(self, entries):
        as_superuser("DELETE FROM audit_auditentry WHERE chain = 3")
        as_superuser("UPDATE audit_auditchain SET length = 0, head = %s WHERE number = 3", GENESIS)

        assert "chain 3, entries 1 to 5: were cut off; entries of chain 4 saw them" in faults()

    def test_all_entries(self, entries):
        as_superuser("TRUNCATE audit_auditentry")

        found = faults()
        assert "chain 3, entries 1 to 5: are missing" in found
        assert "chain 4, entries 1 to 5: are missing" in found
        assert any("anchor 1" in fault for fault in found)

    def test_all_entries_with_the_heads_set_back(self, entries):
        as_superuser("TRUNCATE audit_auditentry")
        as_superuser("UPDATE audit_auditchain SET length = 0, head = %s", GENESIS)

        assert any("anchor 1" in fault and "chain 3 no longer" in fault for fault in faults())

    def test_a_head(self, entries):
        as_superuser("DELETE FROM audit_auditchain WHERE number = 3")

        assert "chain 3: its head is missing" in faults()


class TestAdding:
    def test_behind_the_head(self, entries):
        copy(entries[4], "sequence = sequence + 1, id = id + 1000")

        assert any("the head of the chain does not know it" in fault for fault in faults())

    def test_behind_the_head_which_is_moved(self, entries):
        copy(entries[4], "sequence = sequence + 1, id = id + 1000, previous_mac = mac")
        as_superuser("UPDATE audit_auditchain SET length = length + 1 WHERE number = 3")

        assert any(
            "chain 3, entry 6 (id 6003" in fault and "made without the key" in fault
            for fault in faults()
        )

    def test_to_another_chain(self, entries):
        without_constraints()
        copy(entries[4], "chain = 5, sequence = 1, id = 1005, previous_mac = %s", GENESIS)
        as_superuser(
            "UPDATE audit_auditchain SET length = 1, head = %s WHERE number = 5",
            bytes(entries[4].mac),
        )

        assert any(
            "chain 5, entry 1 (id 1005" in fault and "without the key" in fault
            for fault in faults()
        )

    def test_to_a_chain_that_does_not_exist(self, entries):
        without_constraints()
        copy(entries[4], "chain = 32, id = id + 29")

        assert any("chain 32, entry 5" in fault for fault in faults())

    def test_in_a_place_that_is_taken(self, entries):
        """The same row twice, then another text in the place of a genuine one."""
        without_constraints()
        copy(entries[2], "id = id")
        assert any("chain 3, entry 3" in fault and "does not belong" in fault for fault in faults())

        as_superuser("DELETE FROM audit_auditentry WHERE id = %s", entries[2].pk)
        assert any("chain 3, entry 3 (id 3003): is missing" in fault for fault in faults())

    @pytest.mark.parametrize("entry_id", [-5, 0, 2**62])
    def test_far_from_all_others(self, entries, entry_id):
        without_constraints()
        copy(entries[2], "id = %s", entry_id)

        assert any(f"(id {entry_id}" in fault for fault in faults())

    def test_a_forged_anchor(self, entries):
        as_superuser(
            "INSERT INTO audit_auditanchor (number, format, at, heads, previous_mac, mac)"
            " SELECT number + 1, format, at + interval '1 hour', heads, mac, sha256('x')"
            " FROM audit_auditanchor"
        )

        assert any("anchor 2" in fault and "without the key" in fault for fault in faults())


class TestMoving:
    def test_two_entries_that_change_places(self, entries):
        without_constraints()
        first, second = entries[1], entries[2]
        as_superuser(
            "UPDATE audit_auditentry SET id = 5005 - id, sequence = 5 - sequence"
            " WHERE id IN (%s, %s)",
            first.pk,
            second.pk,
        )
        as_superuser("UPDATE audit_auditentry SET id = sequence * 1000 + chain")

        found = faults()
        for entry in (first, second):
            assert any(f"chain 3, entry {entry.sequence} (" in fault for fault in found)

    def test_two_entries_that_change_contents(self, entries):
        """Ids and places stay; everything else changes hands."""
        rest = "event, at, data, subject_public_id, actor_id, beside, previous_mac, mac"
        as_superuser(
            f"UPDATE audit_auditentry one SET ({rest}) = (SELECT {rest} FROM audit_auditentry other"
            " WHERE other.id = 5006 - one.id) WHERE id IN (2003, 3003)"
        )

        found = faults()
        assert any("chain 3, entry 2 (id 2003" in fault for fault in found)
        assert any("chain 3, entry 3 (id 3003" in fault for fault in found)

    def test_two_heads_that_change_places(self, entries):
        as_superuser(
            "UPDATE audit_auditchain one SET (length, head) = (SELECT length, head FROM"
            " audit_auditchain other WHERE other.number = 7 - one.number) WHERE number IN (3, 4)"
        )

        found = faults()
        assert any(fault.startswith("chain 3") for fault in found)
        assert any(fault.startswith("chain 4") for fault in found)


class TestAnotherHistory:
    """Genuine rows of a copy of the database that went its own way, put in the place of ours."""

    @pytest.fixture
    def elsewhere(self, entries, write_in):
        """The next entry of chain 3 and the next anchor, in the copy."""
        fork = transaction.savepoint()
        entry, anchor = write_in(3), anchor_chains()
        transaction.savepoint_rollback(fork)
        return entry, anchor

    def test_entry(self, elsewhere, write_in):
        entry, _anchor = elsewhere
        write_in(3)
        write_in(3)
        as_superuser("DELETE FROM audit_auditentry WHERE id = %s", entry.pk)
        entry.save(force_insert=True)

        (fault,) = faults()
        assert f"entry {entry.sequence + 1} " in fault
        assert "does not follow from the entry before it" in fault

    def test_anchor(self, elsewhere, write_in):
        _entry, anchor = elsewhere
        write_in(3)
        anchor_chains()
        third = anchor_chains()
        as_superuser("DELETE FROM audit_auditanchor WHERE number = %s", anchor.number)
        anchor.save(force_insert=True)

        assert f"{third}: does not follow from the anchor before it" in faults()


class TestAnchors:
    @pytest.fixture
    def three(self, entries):
        return [AuditAnchor.objects.get(), anchor_chains(), anchor_chains()]

    @pytest.mark.parametrize("number", [1, 2, 3])
    def test_one_that_is_removed(self, three, number):
        as_superuser("DELETE FROM audit_auditanchor WHERE number = %s", number)

        assert f"anchor {number}: is missing" in faults()

    def test_all_that_are_removed(self, three):
        as_superuser("DELETE FROM audit_auditanchor")

        assert faults() == ["anchors 1 to 3: are missing"]

    def test_one_that_is_put_in_the_place_of_another(self, three):
        as_superuser(
            "UPDATE audit_auditanchor one SET (heads, mac, previous_mac) = (SELECT heads, mac,"
            " previous_mac FROM audit_auditanchor other WHERE other.number = 1) WHERE number = 2"
        )

        assert any("anchor 2" in fault for fault in faults())


class TestWhatWasFound:
    @pytest.fixture
    def found(self, entries) -> AuditVerification:
        proof = Proof()
        list(proof.find_faults())
        return proof.store()

    @pytest.mark.parametrize("column", ["at", "seconds", "entries", "anchors", "faults", "format"])
    def test_signature_covers_it(self, found, column):
        assert bytes(found.mac) == verification_mac(found)
        value = getattr(found, column)
        setattr(found, column, value.replace(year=2020) if column == "at" else value + 1)
        assert bytes(found.mac) != verification_mac(found)


class TestOutsideThePromise:
    """What is found by exported anchors only, or not at all: docs/operations.md says so."""

    def test_everything_since_one_moment_is_taken_back(self, entries, write_in):
        kept = write_in(3)
        with connection.cursor() as cursor:
            cursor.execute("SELECT length, head FROM audit_auditchain WHERE number = 4")
            length, head = cursor.fetchone()
        write_in(4)
        write_in(3)
        as_superuser(
            "DELETE FROM audit_auditentry WHERE chain = 3 AND sequence > %s", kept.sequence
        )
        as_superuser("DELETE FROM audit_auditentry WHERE chain = 4 AND sequence > %s", length)
        set_head_back(kept)
        as_superuser(
            "UPDATE audit_auditchain SET length = %s, head = %s WHERE number = 4", length, head
        )

        assert faults() == []


def copy(entry: AuditEntry, changes: str, *values: object) -> None:
    """Add the entry once more, with other values in some columns."""
    names = columns_of("audit_auditentry")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE copied (LIKE audit_auditentry) ON COMMIT DROP")
        cursor.execute(
            f"INSERT INTO copied SELECT {names} FROM audit_auditentry WHERE id = %s",
            [entry.pk],
        )
        cursor.execute(f"UPDATE copied SET {changes}", list(values))
    as_superuser(f"INSERT INTO audit_auditentry ({names}) SELECT {names} FROM copied")
    as_superuser("DROP TABLE copied")
