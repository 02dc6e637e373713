"""A file that somebody made, as rows of cells: CSV or XLSX, and never trusted.

Numbers and days are read in the Dutch and in the English way of writing. No amount has more than
two decimals, so three digits behind a point or a comma are always thousands.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from itertools import count
from typing import Any, Final
from xml.parsers import expat
from zipfile import ZipFile

from django.utils.translation import gettext as _
from openpyxl import load_workbook
from openpyxl.cell.read_only import EmptyCell

from catalog.amounts import HIGHEST_LIMIT
from catalog.horizon import find_far
from catalog.quota_errors import FileRefused
from portal.core.formats import DATE_FORMATS, quantity
from portal.core.spreadsheets import as_typed

LARGEST_FILE: Final = 1024 * 1024  # bytes
LARGEST_CONTENT: Final = 16 * 1024 * 1024  # bytes, unpacked
MOST_PARTS: Final = 200  # files inside an XLSX
MOST_ELEMENTS: Final = 500_000  # of XML in those; the largest table has 400,000
MOST_ROWS: Final = 2_000  # below the heading
MOST_COLUMNS: Final = 50
LAST_ROW: Final = 2**20  # of a sheet, in any office program
LAST_COLUMN: Final = 2**14
SEPARATORS: Final = (";", ",", "\t")
_ZIP: Final = b"PK\x03\x04"
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0"
_GROUPED: Final = re.compile(
    r"[1-9][0-9]{0,2}(?:([.,' ])[0-9]{3})(?:\1[0-9]{3})*(?:(?!\1)[.,][0-9]{1,2})?"
)
_PLAIN: Final = re.compile(r"[0-9]{1,15}(?:[.,][0-9]{1,2})?")


class Formula:
    """A cell that calculates: what it says is not for us to say."""


Cell = str | Decimal | datetime | date | Formula
Row = tuple[int, list[Cell]]  # line of the file, from 1


def read_rows(content: bytes) -> list[Row]:
    """The rows that hold something, the heading first.

    Raises:
        FileRefused: it is too large, or no table that we read.
    """
    if len(content) > LARGEST_FILE:
        raise FileRefused(_("The file is larger than 1 MiB. Split it up."))
    if content.startswith(_OLD_EXCEL):
        raise FileRefused(_("This is an old Excel file. Save it as XLSX or CSV."))
    rows = _rows_of_xlsx(content) if content.startswith(_ZIP) else _rows_of_csv(content)
    filled = []
    for number, cells in rows:
        while cells and cells[-1] == "":
            cells.pop()
        if len(cells) > MOST_COLUMNS:
            raise FileRefused(_too_wide())
        if cells:
            filled.append((number, cells))
        if len(filled) > MOST_ROWS + 1:
            raise FileRefused(
                _("There are more than {most} lines in the file. Split it up.").format(
                    most=MOST_ROWS
                )
            )
    if not filled:
        raise FileRefused(_("There is nothing in this file."))
    return filled


# --- CSV ---------------------------------------------------------------------------------------


def _rows_of_csv(content: bytes) -> Iterator[Row]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRefused(
            _("The file is not in UTF-8. Save it as “CSV UTF-8” or as XLSX.")
        ) from error
    if "\x00" in text:
        raise FileRefused(_("This is no spreadsheet. Choose a CSV or XLSX file."))
    reader = csv.reader(StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    try:
        for cells in reader:
            if reader.line_num == 1 and cells[:1] == ["sep="]:  # Excel's own hint
                continue
            yield reader.line_num, [_cell_of_csv(cell) for cell in cells]
    except csv.Error as error:
        number = reader.line_num
        raise FileRefused(_("Line {number} cannot be read.").format(number=number)) from error


def _separator(text: str) -> str:
    """What stands most often in the heading."""
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("sep="))
    heading = next(lines, "")
    return max(SEPARATORS, key=heading.count)


def _cell_of_csv(text: str) -> Cell:
    typed = as_typed(text).strip()
    if typed.startswith("=") and typed == text.strip():
        return Formula()
    return typed


# --- XLSX --------------------------------------------------------------------------------------


def _rows_of_xlsx(content: bytes) -> Iterator[Row]:
    """The rows of the first sheet that hold a cell, wherever they stand.

    ``data_only`` stays off: with it a formula cannot be told from a number, and what is stored
    beside a formula is whatever the program that saved it thought.

    The bounds are ours: those in the file may be wrong, and the library gives nothing below them.
    """
    try:
        _check_archive(content)
        book = load_workbook(BytesIO(content), read_only=True, keep_links=False)
        sheet, has_heading = book.worksheets[0], False
        rows = sheet.iter_rows(max_row=LAST_ROW + 1, max_col=MOST_COLUMNS)
        for number, row in enumerate(rows, start=1):
            if number > LAST_ROW:
                raise FileRefused(_unreadable())
            if {*map(type, row)} == {EmptyCell}:  # fast, for there may be a million
                continue
            cells = [_cell_of_xlsx(cell) for cell in row]
            if not has_heading and any(cell != "" for cell in cells):
                has_heading = True
                _check_width(sheet, number)
            yield number, cells
    except FileRefused:
        raise
    except Exception as error:  # whatever a crooked file does to the library
        raise FileRefused(_unreadable()) from error


def _check_width(sheet: Any, number: int) -> None:
    """Refuse a heading that goes on beyond what is read; below it nothing says what a cell is."""
    rest = sheet.iter_rows(
        min_row=number, max_row=number, min_col=MOST_COLUMNS + 1, max_col=LAST_COLUMN
    )
    if any(_cell_of_xlsx(cell) != "" for row in rest for cell in row):
        raise FileRefused(_too_wide())


def _too_wide() -> str:
    text = _("There are more than {most} columns in the file. Leave out what is not needed.")
    return text.format(most=MOST_COLUMNS)


def _unreadable() -> str:
    return _("This XLSX file cannot be read. Save it again, or as CSV.")


def _check_archive(content: bytes) -> None:
    """Refuse what unpacks to too much, and XML that brings definitions of its own.

    The sizes are those in the directory of the archive; more than those is never unpacked.
    Elements are counted too, for the library keeps each, at many times its size in the file. No
    office program writes a document type (ECMA-376, part 2, forbids it), and without one there
    are no entities to expand or to fetch.
    """
    with ZipFile(BytesIO(content)) as archive:
        parts = archive.infolist()
        if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > LARGEST_CONTENT:
            raise FileRefused(_too_much())
        elements = count()
        for part in parts:
            _check_part(archive.read(part), elements)


def _check_part(part: bytes, elements: Iterator[int]) -> None:
    """By the parser that the library uses: where this one stops, so does that."""

    def refuse_definition(*_arguments: object) -> None:
        raise FileRefused(_unreadable())

    def count_element(*_arguments: object) -> None:
        if next(elements) >= MOST_ELEMENTS:
            raise FileRefused(_too_much())

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse_definition
    parser.StartElementHandler = count_element
    with suppress(expat.ExpatError):
        parser.Parse(part, True)


def _too_much() -> str:
    return _("There is too much in this file. Split it up.")


def _cell_of_xlsx(cell: Any) -> Cell:
    value = cell.value
    if cell.data_type == "f":
        return Formula()
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value)
    if isinstance(value, int | float):
        return Decimal(str(value))
    if isinstance(value, datetime | date):
        return value
    return as_typed(str(value)).strip()


# --- what is in a cell -------------------------------------------------------------------------


def read_amount(cell: Cell) -> Decimal | None:
    """A number; None is “unlimited”.

    Raises:
        ValueError: it is neither, or farther from zero than any limit.
    """
    amount = _amount_in(cell)
    if amount is not None and not (amount.is_finite() and abs(amount) <= HIGHEST_LIMIT):
        most = quantity(HIGHEST_LIMIT)
        raise ValueError(_("Fill in a number up to {most}, or “unlimited”.").format(most=most))
    return amount


def _amount_in(cell: Cell) -> Decimal | None:
    if isinstance(cell, Decimal):
        return cell
    if not isinstance(cell, str):
        raise ValueError(_("Fill in a number, or “unlimited”."))
    text = " ".join(cell.split())
    if text.casefold() in ("unlimited", "onbeperkt"):
        return None
    if match := _GROUPED.fullmatch(text):
        whole, decimals = _split_decimals(text, match.group(1))
        return Decimal("".join(re.findall("[0-9]", whole)) + decimals)
    if _PLAIN.fullmatch(text):
        return Decimal(text.replace(",", "."))
    raise ValueError(_("Fill in a number, or “unlimited”."))


def _split_decimals(text: str, separator: str) -> tuple[str, str]:
    """The part before the decimals, and those with a point."""
    whole, found, decimals = text.rpartition("," if separator != "," else ".")
    return (whole, f".{decimals}") if found else (decimals, "")


def read_moment(cell: Cell) -> datetime | date | None:
    """A day, or a moment with its offset as our own files have it; None is an empty cell.

    Raises:
        ValueError: it is neither, or too far away.
    """
    if cell == "":
        return None
    found = _moment_in(cell)
    if found is None:
        raise ValueError(_("Fill in a date as 31-12-2026."))
    if problem := find_far(found):
        raise ValueError(problem)
    return found


def _moment_in(cell: Cell) -> datetime | date | None:
    if isinstance(cell, datetime):
        return cell if cell.tzinfo else cell.date()
    if isinstance(cell, date):
        return cell
    if not isinstance(cell, str):
        return None
    for form in DATE_FORMATS:
        try:
            return datetime.strptime(cell, form).date()  # noqa: DTZ007  (a day has no zone)
        except ValueError:
            continue
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def heading_of(row: Sequence[Cell]) -> list[str]:
    """The names of the columns, as they are compared."""
    return ["_".join(str(cell).casefold().split()) for cell in row]
