"""Whether a Parquet file is FOCUS 1.2: its types, and then all that holds of the text of a CSV.

It reads the file, and shares nothing with what writes ours but the list of columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow
from pyarrow import parquet, types

from billing.focus.checker import HEADER, WHOLE_FILE, Problem, check_cells
from billing.focus.columns import FOCUS_COLUMNS, Type

MAGIC: Final = b"PAR1"  # what a Parquet file begins with
_ROWS_AT_A_TIME: Final = 5_000
_IS: Final[Mapping[Type, tuple[str, Callable[[Any], bool]]]] = {
    Type.STRING: ("is text", types.is_string),
    Type.DECIMAL: ("is an exact decimal", types.is_decimal),
    Type.DATE_TIME: (
        "is a moment in UTC",
        lambda kind: types.is_timestamp(kind) and kind.tz == "UTC",
    ),
    Type.JSON: ("is text", types.is_string),
}


def is_parquet(path: Path) -> bool:
    """True for what begins as one."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def check_parquet(path: Path, *, payable: Mapping[str, Decimal] | None = None) -> Iterator[Problem]:
    """As ``check``, of a Parquet file. ``row`` counts as in a CSV: the names are the first."""
    try:
        file = parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        yield Problem(WHOLE_FILE, "", f"is Parquet: {error}")
        return
    with file:
        problems = list(_check_types(file.schema_arrow))
        yield from problems
        if not problems:
            yield from check_cells(_rows(file), payable)


def _check_types(schema: Any) -> Iterator[Problem]:
    kinds = dict(zip(schema.names, schema.types, strict=True))
    for column in FOCUS_COLUMNS:
        rule, holds = _IS[column.type]
        if column.name in kinds and not holds(kinds[column.name]):
            yield Problem(HEADER, column.name, rule)


def _rows(file: Any) -> Iterator[list[str]]:
    """The names, and then the cells as a CSV has them."""
    yield file.schema_arrow.names
    for batch in file.iter_batches(_ROWS_AT_A_TIME):
        columns = [column.to_pylist() for column in batch.columns]
        for values in zip(*columns, strict=True):
            yield [_text(value) for value in values]


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case Decimal():
            text = format(value, "f")
            return text if "." in text else f"{text}.0"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case "":
            return " "  # no null, and says as little as a space, which the rules forbid
    return str(value)
