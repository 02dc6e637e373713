"""Rows as the text of a CSV file, as FOCUS 1.2 wants values written: for programs, in no language.

So without the semicolons, the byte order mark and the guard against formulas that files for
spreadsheets have: a name stays what it is, whatever it begins with.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from billing.focus.columns import NAMES
from billing.focus.rows import Row, Value
from portal.core.spreadsheets import Pieces

CSV_TYPE: Final = "text/csv; charset=utf-8"
_ROWS_PER_PIECE: Final = 500


def as_csv(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the file in pieces, beginning with the names of the columns."""
    writer = csv.writer(Pieces())
    pieces = [str(writer.writerow(NAMES))]
    for row in rows:
        pieces.append(str(writer.writerow([as_text(row[name]) for name in NAMES])))
        if len(pieces) >= _ROWS_PER_PIECE:
            yield "".join(pieces)
            pieces.clear()
    yield "".join(pieces)


def as_text(value: Value) -> str:
    """A value as the norm writes it; null is empty."""
    match value:
        case None:
            return ""
        case str():
            return value
        case Decimal():
            return _number(value)
        case datetime():
            return moment(value)
        case Mapping():
            return json.dumps(value, ensure_ascii=False, sort_keys=True)


def moment(value: datetime) -> str:
    """A moment in UTC, to the second."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(value: Decimal) -> str:
    """All digits and always a point: readers take a column of whole numbers for another type."""
    text = format(value, "f")
    if "." not in text:
        return f"{text}.0"
    whole, decimals = text.split(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}"
