"""Old months go as a whole, by the owner's hand, and the rest stays provable."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from portal.audit import retention, services, verification
from portal.audit.macs import seal_mac
from portal.audit.models import AuditAnchor, AuditEntry, AuditSeal
from portal.audit.retention import CannotDrop, drop_months
from portal.audit.services import anchor_chains
from portal.audit.verification import verify
from portal.core.calendar import BUSINESS_TIME
from tests.portal.audit.tampering import as_superuser, columns_of, without_constraints

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def at(monkeypatch):
    """Set the clock of the trail, in Amsterdam; the database keeps its own."""

    def move(*parts: int) -> None:
        moment = datetime(*parts, tzinfo=BUSINESS_TIME)
        for module in (services, retention, verification):
            monkeypatch.setattr(module, "now", lambda: moment)

    return move


@pytest.fixture
def years(write_in, at):
    """Entries in two chains around the end of October 2018, and later ones."""
    at(2018, 10, 31, 23, 59)
    for _ in range(3):
        write_in(3)
        write_in(4)
    anchor_chains()
    at(2018, 11, 1, 0, 0)
    write_in(3)
    at(2019, 5, 1)
    write_in(3)
    write_in(7)
    anchor_chains()
    at(2025, 11, 26)


def test_months_before_the_term_are_dropped_and_the_rest_is_whole(years):
    dropped = drop_months(keep_years=7)

    assert dropped.until == datetime(2018, 11, 1, tzinfo=BUSINESS_TIME)
    assert dropped.entries == 7  # six, and that of the first anchor
    kept = AuditEntry.objects.exclude(event__startswith="audit.").order_by("id")
    assert [entry.place for entry in kept] == ["7-1", "3-4", "3-5"]
    assert AuditAnchor.objects.count() == 2
    assert list(verify()) == []


def test_dropping_is_told_in_the_trail(years):
    drop_months(keep_years=7)

    entry = AuditEntry.objects.get(event="audit.months_dropped")
    assert entry.data == {"until": "2018-11-01T00:00:00+01:00", "entries": 7}


def test_again_next_month_from_where_the_chain_begins(years, at, write_in):
    drop_months(keep_years=7)
    at(2026, 6, 3)
    anchor_chains()
    assert drop_months(keep_years=7).entries == 4  # 3-4, 3-5, 7-1, and that of the anchor

    assert list(AuditSeal.objects.filter(chain=3).values_list("begins", flat=True)) == [4, 6]
    write_in(3)
    assert list(verify()) == []


def test_nothing_to_drop_is_nothing_done(years):
    drop_months(keep_years=7)
    seals = AuditSeal.objects.count()

    assert drop_months(keep_years=7).entries == 0
    assert AuditSeal.objects.count() == seals


def test_shorter_than_three_years_is_refused(years):
    with pytest.raises(CannotDrop, match="3 years"):
        drop_months(keep_years=2)


def test_longer_than_there_is_a_calendar_is_refused(years):
    with pytest.raises(CannotDrop, match="1000 years"):
        drop_months(keep_years=5000)


def test_broken_trail_is_kept_as_evidence(years):
    as_superuser("UPDATE audit_auditentry SET actor_id = 1 WHERE id = 4003")

    with pytest.raises(CannotDrop, match="broken"):
        drop_months(keep_years=7)
    assert AuditEntry.objects.filter(pk=1003).exists()


def test_months_that_no_anchor_fixed_are_kept(write_in, at):
    at(2018, 10, 31)
    write_in(3)
    at(2025, 11, 26)

    with pytest.raises(CannotDrop, match="anchor"):
        drop_months(keep_years=7)


def test_clock_that_went_back_does_not_break_a_chain(write_in, at):
    """Of two nodes one is behind: an entry of October follows one of November."""
    at(2018, 11, 1, 0, 1)
    write_in(3)
    at(2018, 10, 31, 23, 59)
    write_in(3)
    at(2025, 11, 26)
    anchor_chains()

    assert drop_months(keep_years=7).entries == 0
    assert list(verify()) == []


class TestDatabase:
    def refuses(self, statement: str) -> None:
        with (
            pytest.raises(IntegrityError, match="never changed or deleted"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

    def test_keeps_what_no_seal_stands_behind(self, years):
        self.refuses("DELETE FROM audit_auditentry WHERE id = 1003")
        drop_months(keep_years=7)
        self.refuses("DELETE FROM audit_auditentry WHERE id = 4003")

    def test_keeps_what_is_younger_than_three_years_whatever_the_seal(self, write_in):
        entry = write_in(3)
        as_superuser(
            "INSERT INTO audit_auditseal (format, mac, chain, number, begins, at, previous_mac)"
            " VALUES (3, '', 3, 1, 100, now(), '')"
        )
        self.refuses(f"DELETE FROM audit_auditentry WHERE id = {entry.pk}")


class TestTampering:
    @pytest.fixture(autouse=True)
    def dropped(self, years):
        drop_months(keep_years=7)

    @pytest.mark.parametrize(
        "change",
        [
            "chain = 5",
            "number = number + 1",
            "begins = begins + 1",
            "at = at + interval '1 second'",
            "previous_mac = sha256('x')",
            "mac = sha256('x')",
            "format = 2",
        ],
    )
    def test_changed_seal_is_found(self, change):
        without_constraints()
        as_superuser(f"UPDATE audit_auditseal SET {change} WHERE chain = 3")

        assert any("seal" in fault and "without the key" in fault for fault in verify())

    def test_removed_seal_is_found(self):
        as_superuser("DELETE FROM audit_auditseal WHERE chain = 3")

        assert "chain 3, entries 1 to 3: are missing" in list(verify())

    @pytest.fixture
    def again(self, dropped, at):
        """The second and newest seal of chain 3."""
        at(2026, 6, 3)
        anchor_chains()
        drop_months(keep_years=7)
        assert list(verify()) == []
        return AuditSeal.objects.get(chain=3, number=2)

    def test_removed_older_seal_is_found(self, again):
        as_superuser("DELETE FROM audit_auditseal WHERE chain = 3 AND number = 1")

        assert list(verify()) == ["chain 3, seal 1: is missing"]

    def test_newer_seal_that_takes_its_number_is_found(self, again):
        as_superuser("DELETE FROM audit_auditseal WHERE chain = 3 AND number = 1")
        as_superuser("UPDATE audit_auditseal SET number = 1 WHERE chain = 3")

        assert any("seal" in fault and "without the key" in fault for fault in verify())

    def test_doubled_seal_is_found(self, again):
        without_constraints()
        columns = columns_of("audit_auditseal")
        others = columns.replace("id,", "", 1)
        as_superuser(
            f"INSERT INTO audit_auditseal ({others}) SELECT {others} FROM audit_auditseal"
            " WHERE chain = 3 AND number = 2"
        )

        assert [fault for fault in verify() if "stands where it does not belong" in fault]

    def test_seal_from_before_they_were_numbered_stays_provable(self, again):
        """And the numbered one after it says that it must be there."""
        first = AuditSeal.objects.get(chain=3, number=1)
        first.format = 2
        mac = seal_mac(first)
        as_superuser("UPDATE audit_auditseal SET format = 2, mac = %s WHERE id = %s", mac, first.pk)
        assert list(verify()) == []

        as_superuser("DELETE FROM audit_auditseal WHERE id = %s", first.pk)
        assert list(verify()) == ["chain 3, seal 1: is missing"]

    def test_dropping_more_than_the_seal_says_is_found(self):
        as_superuser("DELETE FROM audit_auditentry WHERE id = 4003")

        assert "chain 3, entry 4 (id 4003): is missing" in list(verify())

    def test_entry_that_is_put_back_before_the_seal_is_found(self):
        without_constraints()
        as_superuser("UPDATE audit_auditentry SET id = 2003, sequence = 2 WHERE id = 1007")

        faults = list(verify())
        assert any("chain 7" in fault and "without the key" in fault for fault in faults)


class TestCommand:
    def test_drops_by_the_setting(self, years, settings, capsys):
        settings.AUDIT_RETENTION_YEARS = 7
        call_command("drop_audit_months")

        assert capsys.readouterr().out == "dropped 7 entries of before 2018-11-01\n"

    def test_says_why_it_did_not(self, years):
        with pytest.raises(CommandError, match="nothing was dropped: the trail is kept for 3"):
            call_command("drop_audit_months", keep_years=1)
