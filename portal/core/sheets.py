"""Rows as a file: CSV in pieces, or XLSX. Text stays text, whatever a spreadsheet sees in it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from tempfile import TemporaryFile
from typing import IO, Any, Final

from django.http import FileResponse, Http404, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import get_language
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from portal.core.calendar import BUSINESS_TIME
from portal.core.printable import printable
from portal.core.spreadsheets import Pieces, harmless

Rows = Iterable[Sequence[str | Decimal]]

LARGEST_SHEET: Final = 1_048_576  # rows that Excel opens, the head among them
CSV_TYPE: Final = "text/csv; charset=utf-8"
XLSX_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def answer_file(rows: Rows, form: str, name: str) -> HttpResponseBase:
    """The rows to download, as ``name`` and then .csv or .xlsx.

    Raises:
        Http404: ``form`` is neither.
    """
    if form not in ("csv", "xlsx"):
        raise Http404
    if form == "xlsx":
        return _answer_xlsx(as_xlsx(rows), name)
    response = StreamingHttpResponse(as_csv(rows), content_type=CSV_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def answer_book(sheets: Iterable[tuple[str, Rows]], name: str) -> HttpResponseBase:
    """Several sheets, each with its title, to download as ``name`` and then .xlsx.

    They are written in this order, so a later one may tell what went by in an earlier one.
    """
    return _answer_xlsx(as_book(sheets), name)


def _answer_xlsx(file: IO[bytes], name: str) -> HttpResponseBase:
    return FileResponse(file, as_attachment=True, filename=f"{name}.xlsx", content_type=XLSX_TYPE)


def moment_cell(moment: datetime) -> str:
    """A moment to the second in local time, with its distance to UTC: one hour comes twice."""
    return moment.astimezone(BUSINESS_TIME).isoformat(timespec="seconds")


def as_csv(rows: Rows) -> Iterator[str]:
    """The file line by line, with a byte order mark for spreadsheets.

    A Dutch spreadsheet expects semicolons, and a comma before the decimals.
    """
    is_dutch = (get_language() or "").startswith("nl")
    return _lines(rows, *((";", ",") if is_dutch else (",", ".")))


def _lines(rows: Rows, delimiter: str, point: str) -> Iterator[str]:
    writer = csv.writer(Pieces(), delimiter=delimiter)
    yield "\N{BYTE ORDER MARK}"
    for row in rows:
        yield str(writer.writerow([_text(cell, point) for cell in row]))


def as_xlsx(rows: Rows) -> IO[bytes]:
    """The file, opened at its beginning; it is gone when it is closed."""
    return as_book([(None, rows)])


def as_book(sheets: Iterable[tuple[str | None, Rows]]) -> IO[bytes]:
    """The same with several sheets, each with its title. None: that of the library."""
    book = Workbook(write_only=True)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append([_cell(sheet, value) for value in row])
    file = TemporaryFile()  # noqa: SIM115  (the answer closes it)
    book.save(file)
    file.seek(0)
    return file


def _text(value: str | Decimal, point: str) -> str:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f").replace(".", point)
    return harmless(value)


def _cell(sheet: Any, value: Any) -> Any:
    if not isinstance(value, str):
        return WriteOnlyCell(sheet, value)
    cell = WriteOnlyCell(sheet, printable(value))
    cell.data_type = "s"  # the library would take "=…" for a formula
    return cell
