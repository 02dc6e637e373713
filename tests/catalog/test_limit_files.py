"""Files with limits: what is read from them, whatever somebody put in."""

from __future__ import annotations

import csv
import re
import zipfile
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from io import BytesIO, StringIO

import openpyxl
import pytest
from django.utils.translation import override
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.limit_files import (
    LARGEST_CONTENT,
    LARGEST_FILE,
    MOST_COLUMNS,
    MOST_ROWS,
    Formula,
    read_amount,
    read_moment,
    read_rows,
)
from catalog.quota_errors import FileRefused

HEADING = ["code", "metric", "limit"]
MIDNIGHT = datetime(2026, 12, 31)  # noqa: DTZ001  (as a spreadsheet has it)


def xlsx(*rows: list[object]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    file = BytesIO()
    book.save(file)
    return file.getvalue()


@cache
def whole_file():
    """Always the same: a file holds the moment at which it was made, and so has another length."""
    return xlsx(HEADING, ["zaak", "vcpus", 40])


def repacked(content: bytes, **parts: bytes) -> bytes:
    """The same archive with other parts in it, by the end of their name."""
    file = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(content)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            found = [part for end, part in parts.items() if name.endswith(f"{end}.xml")]
            new.writestr(name, found[0] if found else old.read(name))
    return file.getvalue()


@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("mark", ["", "\N{BYTE ORDER MARK}"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_csv_file_of_any_program(separator, mark, end):
    lines = [separator.join(HEADING), separator.join(["zaak", "vcpus", "40"]), "", separator * 2]
    content = (mark + end.join(lines) + end).encode()

    assert read_rows(content) == [(1, HEADING), (2, ["zaak", "vcpus", "40"])]


def test_excels_own_hint_is_no_heading():
    assert read_rows(b"sep=;\ncode;limit\n")[0] == (2, ["code", "limit"])


def test_an_xlsx_file_keeps_numbers_and_days():
    rows = read_rows(xlsx(HEADING, ["zaak", 1.5, MIDNIGHT], [], ["b", 1000, True]))

    assert rows == [
        (1, HEADING),
        (2, ["zaak", Decimal("1.5"), MIDNIGHT]),
        (4, ["b", Decimal(1000), "True"]),
    ]


def test_what_the_own_files_put_before_a_formula_is_taken_off():
    assert read_rows(b"code\n'-zaak\n")[1] == (2, ["-zaak"])


def test_formulas_are_marked():
    for content in (b"code;limit\nzaak;=1+1\n", xlsx(["code", "limit"], ["zaak", "=1+1"])):
        (_line, cells) = read_rows(content)[1]
        assert isinstance(cells[1], Formula)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "nothing in this file"),
        (b"\n;;\n", "nothing in this file"),
        ("code;naam\nzaak;Coördinatie\n".encode("cp1252"), "not in UTF-8"),
        ("code;limit\n".encode("utf-16"), "not in UTF-8"),
        (b"code\x00;limit\n", "no spreadsheet"),
        (b'code;limit\n"zaak;1\n', "Line 2 cannot be read"),
        (b'code;limit\n"zaak"x;1\n', "Line 2 cannot be read"),
        (b"code;" + b"x" * 200_000, "Line 1 cannot be read"),
        (b"\xd0\xcf\x11\xe0old", "old Excel"),
        (b"%PDF-1.7\n%\xe2\xe3", "not in UTF-8"),
        (b"PK\x03\x04garbage", "cannot be read"),
        (b"x" * (LARGEST_FILE + 1), "larger than 1 MiB"),
        (b"code\n" + b"zaak\n" * (MOST_ROWS + 1), "more than 2000 lines"),
        (xlsx(*[["zaak"]] * (MOST_ROWS + 2)), "more than 2000 lines"),
    ],
    ids=range(14),
)
@override("en")
def test_what_is_no_table_is_refused(content, reason):
    with pytest.raises(FileRefused, match=reason):
        read_rows(content)


def far_below(content, row, *, bounds="A1:C2"):
    """The same file with one more line, far below the others; the bounds are what a program says
    of the sheet."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    sheet = re.sub('<dimension ref="[^"]*"', f'<dimension ref="{bounds}"', sheet)
    line = f'<row r="{row}"><c r="B{row}"><v>7</v></c></row>'
    return repacked(content, sheet1=sheet.replace("</sheetData>", f"{line}</sheetData>").encode())


@pytest.mark.parametrize("row", [MOST_ROWS + 11, 2**20])
def test_a_line_far_below_the_others_is_read(row):
    assert read_rows(far_below(whole_file(), row))[1:] == [
        (2, ["zaak", "vcpus", Decimal(40)]),
        (row, ["", Decimal(7)]),
    ]


def test_blank_lines_hide_none_below_them():
    content = b"code;limit\n" + b"\n" * MOST_ROWS + b";;\n" * MOST_ROWS + b"zaak;1\n"

    assert read_rows(content)[1:] == [(2 * MOST_ROWS + 2, ["zaak", "1"])]


@pytest.mark.parametrize("row", [2**20 + 1, 10**15])
@override("en")
def test_a_row_that_no_sheet_has_is_refused(row):
    with pytest.raises(FileRefused, match="cannot be read"):
        read_rows(far_below(whole_file(), row))


@pytest.mark.parametrize("write", [xlsx, lambda *rows: "\n".join(map(";".join, rows)).encode()])
def test_a_column_that_is_not_read_is_no_secret(write):
    wide = [*HEADING, *[f"extra{number}" for number in range(MOST_COLUMNS - 3)]]
    assert len(read_rows(write(wide))[0][1]) == MOST_COLUMNS

    for heading in ([*wide, "until"], [*HEADING, *[""] * MOST_COLUMNS, "until"]):
        with override("en"), pytest.raises(FileRefused, match="more than 50 columns"):
            read_rows(write(heading, ["zaak", "vcpus", "40"]))


def test_as_many_lines_as_are_allowed():
    assert len(read_rows(b"code\n" + b"zaak\n" * MOST_ROWS)) == MOST_ROWS + 1


class TestHostileArchive:
    @pytest.fixture
    def content(self):
        return xlsx(HEADING, ["zaak", "vcpus", 40])

    @override("en")
    def test_a_bomb_is_not_unpacked(self, content):
        bomb = repacked(content, sheet1=b" " * 17 * 1024 * 1024)
        assert len(bomb) < LARGEST_FILE

        with pytest.raises(FileRefused, match="too much in this file"):
            read_rows(bomb)

    @override("en")
    @pytest.mark.parametrize("element", ["<row/>", "<c/>"])
    def test_a_million_elements_are_not_kept(self, content, element):
        sheet = f"<worksheet><sheetData>{element * 10**6}</sheetData></worksheet>".encode()
        bomb = repacked(content, sheet1=sheet)
        assert len(sheet) < LARGEST_CONTENT

        with pytest.raises(FileRefused, match="too much in this file"):
            read_rows(bomb)

    def test_the_largest_table_is_no_bomb(self):
        """Also when each cell has a text of its own, which takes the most elements."""
        table = [[f"{row} {column}" for column in range(MOST_COLUMNS)] for row in range(MOST_ROWS)]

        assert len(read_rows(xlsx(HEADING, *table))) == MOST_ROWS + 1

    @override("en")
    def test_too_many_parts(self, content):
        file = BytesIO(content)
        with zipfile.ZipFile(file, "a") as archive:
            for number in range(300):
                archive.writestr(f"{number}.txt", "")

        with pytest.raises(FileRefused, match="too much in this file"):
            read_rows(file.getvalue())

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
    @pytest.mark.parametrize(
        "definition",
        [
            '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
            '<!DOCTYPE x [<!ENTITY b SYSTEM "file:///etc/hostname">]>',
            '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
        ],
    )
    @pytest.mark.parametrize("part", ["sheet1", "styles", "workbook"])
    def test_xml_brings_no_definitions_of_its_own(self, content, part, definition, encoding):
        """Also in a file that is right in all else, and whatever it is encoded in."""
        with zipfile.ZipFile(BytesIO(content)) as archive:
            name = next(each for each in archive.namelist() if each.endswith(f"{part}.xml"))
            body = re.sub(r"^<\?xml.*?\?>", "", archive.read(name).decode()).strip()
        xml = f'<?xml version="1.0" encoding="{encoding}"?>{definition}{body}'
        plain = xml.replace(definition, "")
        read_rows(repacked(content, **{part: plain.encode(encoding)}))

        with pytest.raises(FileRefused):
            read_rows(repacked(content, **{part: xml.encode(encoding)}))

    def test_a_lone_row_far_below_makes_no_million(self, content):
        sheet = (
            '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
            '<sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
            '<row r="1048576"><c r="XFD1048576"><v>2</v></c></row></sheetData></worksheet>'
        )

        rows = read_rows(repacked(content, sheet1=sheet.encode()))

        assert [number for number, _cells in rows] == [1]

    @settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
    @given(data=st.data())
    def test_no_broken_file_breaks_us(self, data):
        content = bytearray(whole_file())
        for _number in range(data.draw(st.integers(1, 8))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))

        with suppress(FileRefused):
            read_rows(bytes(content))

    @settings(deadline=None, max_examples=150)
    @given(content=st.binary(max_size=200))
    def test_no_bytes_break_us(self, content):
        for whole in (content, b"code;limit\n" + content):
            with suppress(FileRefused):
                read_rows(whole)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("40", "40"),
        ("1.000", "1000"),
        ("1,000", "1000"),
        ("1 000", "1000"),
        ("1.000.000", "1000000"),
        ("12.500,75", "12500.75"),
        ("12,500.75", "12500.75"),
        ("250,5", "250.5"),
        ("250.50", "250.50"),
        ("0", "0"),
        (" 7 ", "7"),
    ],
)
def test_numbers_in_dutch_and_in_english(text, amount):
    assert read_amount(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["unlimited", "Onbeperkt", " UNLIMITED "])
def test_unlimited_is_said_in_words(text):
    assert read_amount(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("veel", "-5", "1e3", "1.0000", "0.001", "1.00.000", "1.000,000.0", "€ 5", "1_000", "٣"),
        *("NaN", "Infinity", "9" * 40, "1.000.00", "5 GiB", "4,", ",5"),
    ],
)
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match=r"getal|number"):
        read_amount(text)


@pytest.mark.parametrize(
    "cell",
    [
        *map(Decimal, ("1E+30", "-1E+30", "1000000001", "Infinity", "NaN", "-Infinity")),
        *("1.000" + ".000" * 9, "1000000000,01", "9" * 15),
    ],
)
@override("en")
def test_what_no_limit_is_as_high_as_is_refused(cell):
    with pytest.raises(ValueError, match="a number up to 1,000,000,000, or"):
        read_amount(cell)


@pytest.mark.parametrize(
    "cell",
    [
        *("0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
        *("2999-12-31T23:30:00-02:00", "31-12-1999", "01-01-3000", date.min, date.max),
    ],
)
@override("en")
def test_what_is_too_far_away_is_refused(cell):
    with pytest.raises(ValueError, match="in the years 2000 to 2999"):
        read_moment(cell)


def test_the_last_day_there_is():
    assert read_moment("31-12-2999") == date(2999, 12, 31)


@pytest.mark.parametrize("text", ["31-12-2026", "2026-12-31", "31/12/2026", "31.12.2026"])
def test_days_as_people_write_them(text):
    assert read_moment(text) == date(2026, 12, 31)


def test_a_moment_has_its_offset():
    assert read_moment("2026-12-31T12:00:00+00:00") == datetime(2026, 12, 31, 12, tzinfo=UTC)
    assert read_moment("") is None


@pytest.mark.parametrize(
    "text", ["31-02-2026", "12/31/2026", "morgen", "2026-12-31T12:00", "20261231x"]
)
def test_what_is_no_day_is_refused(text):
    with pytest.raises(ValueError, match=r"31-12-2026"):
        read_moment(text)


def test_a_cell_may_hold_a_line_end():
    text = StringIO()
    csv.writer(text, delimiter=";").writerows([HEADING, ["a\nb", "x", "1"], ["c", "y", "2"]])

    assert [number for number, _cells in read_rows(text.getvalue().encode())] == [1, 3, 4]
