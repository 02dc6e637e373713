"""Files by the clock of what is in the books: statements, e-invoices and journal lines."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from io import BytesIO, StringIO
from typing import Any
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook

from billing.einvoice.document import write_invoice
from billing.errors import JournalNeedsClosing, StatementsNeedClosing
from billing.file_contents import content_of, name_of
from billing.ledger.settings_file import LedgerSettings
from billing.models import FileKind, FileRhythm, FileState, ScheduledFile, Statement
from billing.services.documents import make_documents
from billing.services.file_schedules import set_up_files
from billing.services.scheduled_files import tend_files
from portal.core.calendar import start_of_day
from portal.identity.models import Role
from tests.billing.einvoice.conftest import known, tax
from tests.billing.files import content, schedule_of
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, used
from tests.constraints import refused_by
from tests.factories import PersonFactory, grant, make_organization, make_project

__all__ = ["known"]  # a fixture
pytestmark = pytest.mark.django_db
CLOSING = FileRhythm.CLOSING
NIGHT = start_of_day(date(2026, 11, 12)) + timedelta(minutes=1)
OF_THE_BOOKS = [FileKind.JOURNAL, FileKind.JOURNAL_XLSX, FileKind.STATEMENTS, FileKind.E_INVOICES]


def members(file: ScheduledFile) -> dict[str, bytes]:
    """What is in its zip, by name."""
    with ZipFile(BytesIO(content(file))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def note_of(file: ScheduledFile) -> str:
    (name,) = members(file)
    assert name == "LEESMIJ.txt"
    return members(file)[name].decode()


def test_statements_are_those_of_all_below_as_they_were_made(
    close: Any, service: Any, server: Any, first: Any
) -> None:
    beside = make_organization(service.parent, name="Andere dienst")
    for payer in (beside, make_organization(name="Ander ministerie")):
        used(make_project(payer), SEPTEMBER.start)
    schedule_of(service.parent, FileKind.STATEMENTS, CLOSING, by=first)
    close(SEPTEMBER)
    make_documents()

    tend_files(at=NIGHT)

    file = ScheduledFile.objects.get()
    own = Statement.objects.filter(organization__in=[service, beside]).order_by("sequence")
    assert list(members(file).items()) == [(f"{one.number}.pdf", one.document) for one in own]
    assert len(own) == 2
    assert name_of(file) == f"afschriften-{service.parent.code}-2026-09.zip"


def test_statements_wait_for_the_last_document_which_is_no_failure(
    close: Any, service: Any, server: Any, first: Any, caplog: Any
) -> None:
    schedule_of(service, FileKind.STATEMENTS, CLOSING, by=first)
    close(SEPTEMBER)

    tend_files(at=NIGHT)

    file = ScheduledFile.objects.get()
    assert (file.state, file.attempts, caplog.records) == (FileState.WAITING, 0, [])
    make_documents()
    tend_files(at=file.due_at - timedelta(seconds=1))  # not yet
    file.refresh_from_db()
    assert file.state == FileState.WAITING
    tend_files(at=file.due_at)
    file.refresh_from_db()
    assert file.state == FileState.READY


def test_e_invoices_are_those_of_who_is_taxed(
    close: Any, service: Any, server: Any, known: Any, first: Any
) -> None:
    inside = make_organization(service.parent, name="Andere dienst")
    used(make_project(inside), SEPTEMBER.start)
    tax(inside, "outside_scope")
    tax(known, "standard_21")
    schedule_of(service.parent, FileKind.E_INVOICES, CLOSING, by=first)
    close(SEPTEMBER)

    tend_files(at=NIGHT)

    file, statement = ScheduledFile.objects.get(), Statement.objects.get(organization=service)
    assert members(file) == {f"{statement.number}.xml": write_invoice(statement)}
    assert name_of(file) == f"e-facturen-{service.parent.code}-2026-09.zip"


def test_e_invoices_that_may_be_missing_are_named(
    close: Any, service: Any, server: Any, known: Any, first: Any
) -> None:
    unsaid = make_organization(service.parent, name="Andere dienst")
    used(make_project(unsaid), SEPTEMBER.start)
    tax(known, "standard_21")
    schedule_of(service.parent, FileKind.E_INVOICES, CLOSING, by=first)
    close(SEPTEMBER)

    tend_files(at=NIGHT)

    taxed, other = (Statement.objects.get(organization=payer) for payer in (service, unsaid))
    found = members(ScheduledFile.objects.get())
    assert sorted(found) == sorted([f"{taxed.number}.xml", "LEESMIJ.txt"])
    note = found["LEESMIJ.txt"].decode()
    assert note.startswith(f"{other.number}: ")
    assert "Andere dienst" in note


def test_where_nobody_is_taxed_the_file_says_that_there_are_none(
    close: Any, service: Any, server: Any, known: Any, first: Any
) -> None:
    tax(known, "outside_scope")
    schedule_of(service, FileKind.E_INVOICES, CLOSING, by=first)
    close(SEPTEMBER)

    tend_files(at=NIGHT)

    note = note_of(ScheduledFile.objects.get())
    assert note.startswith("September 2026: Dienst heeft geen e-facturen, ")


def test_where_nothing_was_used_the_file_says_that_there_are_no_statements(
    close: Any, service: Any, server: Any, first: Any
) -> None:
    schedule_of(make_organization(name="Leeg"), FileKind.STATEMENTS, CLOSING, by=first)
    close(SEPTEMBER)

    tend_files(at=NIGHT)

    note = note_of(ScheduledFile.objects.get())
    assert note.startswith("September 2026: Leeg heeft geen afschriften, ")


def test_an_e_invoice_that_lacks_settings_fails_until_they_are_there(
    close: Any, service: Any, server: Any, known: Any, first: Any, settings: Any
) -> None:
    complete, settings.LEDGER = settings.LEDGER, LedgerSettings()
    tax(known, "standard_21")
    schedule_of(service, FileKind.E_INVOICES, CLOSING, by=first)
    close(SEPTEMBER)

    tend_files(at=NIGHT)

    file = ScheduledFile.objects.get()
    assert file.is_failing
    settings.LEDGER = complete
    tend_files(at=file.due_at)
    assert list(members(ScheduledFile.objects.get())) == [f"{Statement.objects.get().number}.xml"]


@pytest.mark.parametrize("kind", [FileKind.STATEMENTS, FileKind.E_INVOICES])
def test_the_same_statements_are_the_same_bytes(
    close: Any, service: Any, server: Any, known: Any, first: Any, kind: FileKind
) -> None:
    tax(known, "standard_21")
    schedule_of(service, kind, CLOSING, by=first)
    close(SEPTEMBER)
    make_documents()
    tend_files(at=NIGHT)
    file = ScheduledFile.objects.get()

    assert b"".join(content_of(file)) == content(file)


def test_the_journal_for_a_spreadsheet_is_that_in_csv(
    close: Any, service: Any, server: Any, first: Any
) -> None:
    for kind in (FileKind.JOURNAL, FileKind.JOURNAL_XLSX):
        schedule_of(service, kind, CLOSING, by=first)
    close(SEPTEMBER)

    tend_files(at=NIGHT)

    text, book = ScheduledFile.objects.order_by("schedule__kind")
    rows = list(csv.reader(StringIO(content(text).decode("utf-8-sig")), delimiter=";"))
    sheet = load_workbook(BytesIO(content(book))).active
    found = [["" if cell is None else cell for cell in row] for row in sheet.values]
    amount = rows[0].index("Bedrag")
    assert [row.pop(amount) for row in rows] == ["Bedrag", "38,4"]
    assert [row.pop(amount) for row in found] == ["Bedrag", 38.4]
    assert found == rows
    assert name_of(book) == f"journaal-{service.code}-2026-09.xlsx"


def test_each_month_has_a_file_of_its_own(
    close: Any, service: Any, server: Any, first: Any
) -> None:
    schedule_of(service, FileKind.STATEMENTS, CLOSING, by=first)
    close(SEPTEMBER)
    close(OCTOBER)
    make_documents()

    tend_files(at=NIGHT)

    names = [list(members(file)) for file in ScheduledFile.objects.order_by("day")]
    numbers = Statement.objects.order_by("sequence")
    assert names == [[f"{one.number}.pdf"] for one in numbers]


@pytest.mark.parametrize("kind", OF_THE_BOOKS)
def test_a_month_that_runs_has_none_of_these(service: Any, first: Any, kind: FileKind) -> None:
    finance = PersonFactory()
    grant(finance, Role.FINANCE, service)

    with pytest.raises((JournalNeedsClosing, StatementsNeedClosing)) as refused:
        set_up_files(service, kind, FileRhythm.DAILY, kept_days=7, actor=finance)
    assert isinstance(refused.value, JournalNeedsClosing) == kind.startswith("journal")
    with refused_by("file_schedule_of_the_books_is_of_closed_months"):
        schedule_of(service, kind, FileRhythm.DAILY, by=finance)
    assert set_up_files(service, kind, CLOSING, kept_days=7, actor=finance).kind == kind
