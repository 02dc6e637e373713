"""What is in the files that finance wants by the clock. In Dutch, whoever set them up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import IO, Final

from django.db.models import QuerySet
from django.utils import translation

from billing.cost_sheets import TwoMonths, cost_rows
from billing.focus.files import Form, focus_file
from billing.focus.parquet import PARQUET_TYPE
from billing.ledger.journal import LANGUAGE, journal_rows
from billing.models import FileKind, FileRhythm, ScheduledFile, Statement
from billing.overview import month_before
from billing.services.billed import find_closed, payers_in
from billing.services.month_costs import month_costs
from billing.statement_archives import ZIP_TYPE, zip_of_documents, zip_of_invoices
from portal.core.calendar import Period, month_of, start_of_day
from portal.core.sheets import CSV_TYPE, XLSX_TYPE, as_csv, as_xlsx

_PIECE: Final = 1 << 20  # bytes
MEDIA_TYPES: Final = {
    FileKind.FOCUS_CSV: CSV_TYPE,
    FileKind.FOCUS_PARQUET: PARQUET_TYPE,
    FileKind.JOURNAL: CSV_TYPE,
    FileKind.JOURNAL_XLSX: XLSX_TYPE,
    FileKind.STATEMENTS: ZIP_TYPE,
    FileKind.E_INVOICES: ZIP_TYPE,
    FileKind.COSTS: XLSX_TYPE,
}
_NAMES: Final = {
    FileKind.FOCUS_CSV: ("focus", "csv"),
    FileKind.FOCUS_PARQUET: ("focus", "parquet"),
    FileKind.JOURNAL: ("journaal", "csv"),
    FileKind.JOURNAL_XLSX: ("journaal", "xlsx"),
    FileKind.STATEMENTS: ("afschriften", "zip"),
    FileKind.E_INVOICES: ("e-facturen", "zip"),
    FileKind.COSTS: ("kosten", "xlsx"),
}


def name_of(file: ScheduledFile) -> str:
    """As people save it: of a closed month its key, else the day."""
    word, ending = _NAMES[FileKind(file.schedule.kind)]
    is_closed = file.schedule.rhythm == FileRhythm.CLOSING
    when = file.day.strftime("%Y-%m") if is_closed else file.day.isoformat()
    return f"{word}-{file.schedule.organization.code}-{when}.{ending}"


def content_of(file: ScheduledFile) -> Iterator[bytes]:
    """Yield the file in pieces. Use counts until the end of its day, whenever it is made.

    Raises:
        DocumentNotReady: as ``zip_of_documents``.
        DomainError: as ``zip_of_invoices``.
    """
    month = month_of(start_of_day(file.day))
    organization = file.schedule.organization
    match FileKind(file.schedule.kind):
        case FileKind.FOCUS_CSV:
            yield from _focus(organization.pk, Form.CSV, month, file.day)
        case FileKind.FOCUS_PARQUET:
            yield from _focus(organization.pk, Form.PARQUET, month, file.day)
        case FileKind.JOURNAL:
            yield from _journal(organization.pk, month)
        case FileKind.JOURNAL_XLSX:
            yield from _journal_book(organization.pk, month)
        case FileKind.STATEMENTS:
            statements = _statements(organization.pk, month)
            yield from _read(zip_of_documents(statements, month, organization.name))
        case FileKind.E_INVOICES:
            statements = _statements(organization.pk, month)
            yield from _read(zip_of_invoices(statements, month, organization.name))
        case FileKind.COSTS:
            yield from _costs(organization.pk, month, file.day)


def _focus(organization_id: int, form: Form, month: Period, day: date) -> Iterator[bytes]:
    return focus_file([organization_id], form, month=month, as_of=_end_of(day))


def _statements(organization_id: int, month: Period) -> QuerySet[Statement]:
    """Of the organization and of all below it; none of a month that is not closed."""
    closed = find_closed(month)
    if closed is None:
        return Statement.objects.none()
    payers = payers_in([organization_id], closed)
    return Statement.objects.filter(month=closed, organization__in=payers)


def _journal(organization_id: int, month: Period) -> Iterator[bytes]:
    with translation.override(LANGUAGE):
        lines = as_csv(journal_rows(_statements(organization_id, month)))
    for line in lines:
        yield line.encode()


def _journal_book(organization_id: int, month: Period) -> Iterator[bytes]:
    with translation.override(LANGUAGE):
        book = as_xlsx(journal_rows(_statements(organization_id, month)))
    return _read(book)


def _costs(organization_id: int, month: Period, day: date) -> Iterator[bytes]:
    other = month_before(month)
    found, earlier = month_costs([organization_id], [month, other], at=_end_of(day), is_fresh=True)
    with translation.override(LANGUAGE):
        book = as_xlsx(cost_rows(TwoMonths(found=found, earlier=earlier)))
    return _read(book)


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece


def _end_of(day: date) -> datetime:
    return start_of_day(day + timedelta(days=1))
