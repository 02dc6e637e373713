"""A superuser without the key puts into a column whatever its type can hold, and takes the
constraints away. The reading goes on, says where, and what it found is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, transaction

from portal.audit import raw, retention, services
from portal.audit.models import AuditAnchor, AuditSeal, AuditVerification
from portal.audit.retention import CannotDrop, drop_months
from portal.audit.services import anchor_chains
from portal.audit.verification import Proof, verify
from tests.portal.audit.tampering import as_superuser, columns_of, types_of, without_constraints

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DEEP = "(repeat('[', 5000) || repeat(']', 5000))"
JSON = ["'{}'", "'[1]'", "'7'", "'null'", "'\"x\"'", "'1e400'", "repeat('9', 5000)", DEEP]
# What a column of each type can hold at its ends, and what programs tend to trip over.
EXTREMES = {
    "smallint": ["NULL", "-32768", "-1", "0", "32767"],
    "integer": ["NULL", "-2147483648", "-1", "0", "2147483647"],
    "bigint": ["NULL", "-9223372036854775808", "-1", "0", "9223372036854775807"],
    "timestamp with time zone": [
        *("NULL", "'infinity'", "'-infinity'", "'4714-11-24 00:00:00+00 BC'", "'294276-12-31'"),
        *("'0001-01-01'", "'9999-12-31 23:59:59.999999'", "'20000-01-01'", "'1969-12-31'"),
    ],
    "character varying": ["NULL", "''", "' '", "chr(10)", "chr(27) || '[2K'", "'٣'", "chr(65535)"],
    "uuid": ["NULL", "'00000000-0000-0000-0000-000000000000'", "gen_random_uuid()"],
    "json": ["NULL", *(f"{value}::json" for value in JSON), '\'{"n": "\\ud800"}\''],
    "jsonb": [
        *("NULL", "'{\"3\": 1}'", '\'{"x": [1, ""]}\''),
        *(f"{value}::jsonb" for value in JSON),
    ],
    "bytea": ["NULL", "''", "'\\x00'", "sha256('x')", "decode(repeat('00', 100000), 'hex')"],
}
# Nothing leans on the primary keys of the others.
COLUMNS = {
    "audit_auditentry": (
        *("id", "chain", "sequence", "format", "at", "event", "actor_id", "node_id"),
        *("subject_type", "subject_public_id", "result", "code", "channel", "address", "agent"),
        *("request_id", "beside", "data", "previous_mac", "mac"),
    ),
    "audit_auditanchor": ("number", "format", "at", "heads", "previous_mac", "mac"),
    "audit_auditchain": ("number", "length", "head"),
    "audit_auditseal": ("format", "chain", "number", "begins", "at", "previous_mac", "mac"),
    "audit_auditverification": (
        *("format", "at", "seconds", "entries", "anchors", "faults", "mac"),
    ),
}
ALL_COLUMNS = [(table, column) for table, columns in COLUMNS.items() for column in columns]


def faults() -> list[str]:
    return list(verify())


def changes_of(table: str, column: str, row: str) -> Iterator[str]:
    """Change one column of one row to each extreme in turn; yields to what, and puts it back."""
    without_constraints()
    for value in EXTREMES[types_of(table)[column]]:
        fork = transaction.savepoint()
        differs = f"{column}::text IS DISTINCT FROM ({value})::text"
        try:
            if as_superuser(f"UPDATE {table} SET {column} = {value} WHERE {row} AND {differs}"):
                yield value
        finally:
            transaction.savepoint_rollback(fork)


def missed(table: str, column: str, row: str, is_named: Callable[[str], bool]) -> list[str]:
    """The extremes of a column for which no fault says where."""
    assert faults() == []
    changes = changes_of(table, column, row)
    return [value for value in changes if not any(is_named(fault) for fault in faults())]


@pytest.fixture
def proved(entries):
    """What a trail holds of everything: entries, two anchors, a seal and a verification."""
    anchor_chains()
    proof = Proof()
    assert list(proof.find_faults()) == []
    proof.store()
    return entries


@pytest.fixture
def sealed(write_in, monkeypatch) -> AuditSeal:
    """The newest seal of chain 3, of which the oldest entries were dropped twice."""
    for year in (2016, 2017, 2018):
        set_clock(monkeypatch, services, year)
        write_in(3)
        anchor_chains()
    for year in (2024, 2025):
        set_clock(monkeypatch, retention, year)
        drop_months(keep_years=7)
    monkeypatch.undo()
    return AuditSeal.objects.get(chain=3, number=2)


def set_clock(monkeypatch, module, year: int) -> None:
    moment = datetime(year, 6, 30, tzinfo=UTC)
    monkeypatch.setattr(module, "now", lambda: moment)


def test_every_column_is_tried(db):
    keys = {"audit_auditanchor", "audit_auditseal", "audit_auditverification"}
    for table, columns in COLUMNS.items():
        there = set(columns_of(table).split(", ")) - ({"id"} if table in keys else set())
        assert there == set(columns), table


class TestEveryExtreme:
    @pytest.mark.parametrize("column", COLUMNS["audit_auditentry"])
    @pytest.mark.parametrize("position", [2, 4])
    def test_of_an_entry_is_located(self, proved, column, position):
        entry = proved[position]
        place = f"chain 3, entry {entry.sequence} "

        def is_named(fault: str) -> bool:
            return f"(id {entry.pk}" in fault or place in fault

        assert missed("audit_auditentry", column, f"id = {entry.pk}", is_named) == []

    @pytest.mark.parametrize("value", EXTREMES["json"])
    def test_of_what_an_entry_of_the_first_format_tells_is_located(self, proved, value):
        without_constraints()
        entry = proved[2]
        as_superuser(
            f"UPDATE audit_auditentry SET format = 1, data = {value} WHERE id = {entry.pk}"
        )

        assert any(f"chain 3, entry 3 (id {entry.pk}" in fault for fault in faults())

    @pytest.mark.parametrize("column", COLUMNS["audit_auditanchor"])
    def test_of_an_anchor_is_located(self, proved, column):
        def is_named(fault: str) -> bool:
            return fault.startswith(("anchor 2", "anchors 2", "anchor None")) or (
                column == "number" and fault.startswith("anchor ")
            )

        assert missed("audit_auditanchor", column, "number = 2", is_named) == []

    @pytest.mark.parametrize("value", EXTREMES["jsonb"])
    def test_of_the_heads_in_an_anchor_of_the_first_format_is_located(self, proved, value):
        without_constraints()
        as_superuser(f"UPDATE audit_auditanchor SET format = 1, heads = {value} WHERE number = 2")

        assert any(fault.startswith("anchor 2") for fault in faults())

    @pytest.mark.parametrize("column", COLUMNS["audit_auditchain"])
    def test_of_a_head_is_located(self, proved, column):
        def is_named(fault: str) -> bool:
            return "chain 3" in fault

        assert missed("audit_auditchain", column, "number = 3", is_named) == []

    @pytest.mark.parametrize("column", COLUMNS["audit_auditverification"])
    def test_of_a_kept_finding_is_located(self, proved, column):
        found = AuditVerification.objects.get()

        def is_named(fault: str) -> bool:
            return fault.startswith(f"verification {found.pk} ")

        row = f"id = {found.pk}"
        assert missed("audit_auditverification", column, row, is_named) == []

    @pytest.mark.parametrize("column", COLUMNS["audit_auditseal"])
    def test_of_a_seal_is_located(self, sealed, column):
        def is_named(fault: str) -> bool:
            return fault.startswith((f"seal {sealed.pk} ", f"chain {sealed.chain}, seal"))

        assert missed("audit_auditseal", column, f"id = {sealed.pk}", is_named) == []


class TestWhatNobodyReadsByItsPlace:
    @pytest.mark.parametrize("column", ["id", "sequence", "chain"])
    def test_copy_without_a_place_is_found(self, proved, column):
        without_constraints()
        columns = columns_of("audit_auditentry")
        values = columns.replace("event", "'order.rejected'")
        values = ", ".join("NULL" if one == column else one for one in values.split(", "))
        added = as_superuser(
            f"INSERT INTO audit_auditentry ({columns}) SELECT {values} FROM audit_auditentry"
            " WHERE id = 3003"
        )

        assert added == 1
        assert any(
            "the head of the chain does not know it" in fault and "order.rejected" in fault
            for fault in faults()
        )

    def test_more_copies_than_memory_is_for(self, proved, monkeypatch):
        monkeypatch.setattr(raw, "_ROWS_AT_ONCE", 4)
        without_constraints()
        columns = columns_of("audit_auditentry")
        as_superuser(
            f"INSERT INTO audit_auditentry ({columns}) SELECT {columns} FROM audit_auditentry,"
            " generate_series(1, 20) WHERE id = 3003"
        )

        found = [fault for fault in faults() if "(id 3003" in fault]
        assert len(found) == 20
        assert max(len(rows) for rows in raw.rows_of_entries()) < 20

    def test_second_head_of_a_chain(self, proved):
        without_constraints()
        as_superuser("INSERT INTO audit_auditchain VALUES (3, 2, '')")

        assert "chain 3: has more than one head" in faults()

    def test_last_entry_and_its_head_without_hmac(self, write_in):
        """A row that no format can read has no HMAC that fits, an empty one neither."""
        entry = write_in(3)
        without_constraints()
        as_superuser(
            "UPDATE audit_auditentry SET format = 99, mac = NULL, event = 'order.rejected'"
        )
        as_superuser("UPDATE audit_auditchain SET head = NULL WHERE number = 3")

        found = faults()
        assert any(f"(id {entry.pk}" in fault and "was changed" in fault for fault in found)
        assert any(fault.startswith("chain 3: its head was changed") for fault in found)

    def test_entry_that_an_index_passes_over(self, proved, monkeypatch):
        """As a damaged index would: the row is there, and reading by id does not come across it."""
        statement = raw._ENTRIES
        monkeypatch.setattr(raw, "_ENTRIES", statement.replace("WHERE", "WHERE id <> 3003 AND"))

        assert any("entries are there, but" in fault for fault in faults())

    def test_words_that_would_deceive_on_a_screen_are_shown_letter_by_letter(self, proved):
        as_superuser(
            "UPDATE audit_auditentry SET event = E'x)\\n\\x1b[2Kthe audit trail is whole'"
            " WHERE id = 3003"
        )

        (fault,) = (fault for fault in faults() if "(id 3003" in fault)
        assert fault.isprintable()


class TestCommand:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit_auditentry SET at = 'infinity' WHERE id = 3003",
            f"UPDATE audit_auditentry SET format = 1, data = {DEEP}::json WHERE id = 3003",
            "UPDATE audit_auditentry SET sequence = NULL WHERE id = 3003",
            "UPDATE audit_auditchain SET head = NULL",  # the trail can take no entry either
            "UPDATE audit_auditchain SET length = 9223372036854775807",
            "UPDATE audit_auditanchor SET at = '20000-01-01' WHERE number = 2",
            "UPDATE audit_auditverification SET at = '-infinity'",
            "ALTER TABLE audit_auditentry ALTER data TYPE bytea USING ''::bytea",
        ],
    )
    def test_fails_and_keeps_that(self, proved, statement, capsys):
        without_constraints()
        before = AuditVerification.objects.count()
        as_superuser(statement)

        with pytest.raises(CommandError, match="the audit trail is broken"):
            call_command("verify_audit")
        assert capsys.readouterr().out
        assert AuditVerification.objects.count() == before + 1
        assert AuditVerification.objects.latest("pk").faults > 0

    def test_table_that_cannot_be_read_is_a_fault(self, proved, monkeypatch, capsys):
        monkeypatch.setattr(raw, "count_known", refused_by_the_database)

        with pytest.raises(CommandError, match="broken: 1 faults"):
            call_command("verify_audit")
        assert "the reading broke off: 'no such column'" in capsys.readouterr().out

    def test_reader_that_goes_away_does_not_undo_what_was_found(self, proved):
        as_superuser("DELETE FROM audit_auditentry WHERE id = 3003")

        with pytest.raises(BrokenPipeError):
            call_command("verify_audit", stdout=GoneAway())
        assert AuditVerification.objects.latest("pk").faults == 1

    def test_reading_that_was_stopped_proves_nothing(self, proved, monkeypatch):
        monkeypatch.setattr(raw, "count_known", stop)

        with pytest.raises(KeyboardInterrupt):
            call_command("verify_audit")
        assert AuditVerification.objects.count() == 1

    @pytest.mark.parametrize(
        "line",
        [
            '{"heads": {}, "at": "0001-01-01T00:00:00", "mac": "00"}',
            '{"heads": {}, "at": "0001-01-01T00:00:00+00:00", "mac": "00"}',
            '{"heads": {}, "at": "9999-12-31T23:59:59-12:00", "mac": "00"}',
            '{"heads": {"3": [1e400, "x"]}, "at": "2026-01-01T00:00:00+00:00", "mac": "00"}',
            '{"heads": {"9": [' + "9" * 5000 + ', ""]}, "at": "2026-01-01T00:00:00Z", "mac": ""}',
            "[" * 100_000,
        ],
    )
    def test_damaged_file_of_anchors_is_refused(self, proved, line):
        with pytest.raises(CommandError, match="line 1 is not an exported anchor"):
            call_command("verify_audit", anchors=StringIO(line))

    def test_nothing_is_dropped_from_it(self, proved):
        without_constraints()
        as_superuser("UPDATE audit_auditentry SET at = '-infinity' WHERE id = 3003")

        with pytest.raises(CannotDrop, match="broken"):
            drop_months(keep_years=7)


def test_the_clock_goes_on_anchoring_after_an_anchor_that_was_made_unreadable(proved):
    without_constraints()
    as_superuser(
        f"UPDATE audit_auditanchor SET at = 'infinity', heads = {DEEP}::jsonb WHERE number = 2"
    )

    anchor_chains()
    assert AuditAnchor.objects.filter(number=3).exists()


@pytest.mark.parametrize("table", ["entry", "anchor", "seal", "verification"])
@pytest.mark.parametrize("moment", ["infinity", "-infinity", "1969-12-31", "3000-01-01 00:00+00"])
def test_database_refuses_moments_that_cannot_be(sealed, table, moment):
    Proof().store()
    name = f"audit_{table}_moment_is_credible"
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        as_superuser(f"UPDATE audit_audit{table} SET at = %s", moment)


class GoneAway(StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def stop(*_arguments: object) -> int:
    raise KeyboardInterrupt


def refused_by_the_database(*_arguments: object) -> int:
    raise ProgrammingError("no such column")
