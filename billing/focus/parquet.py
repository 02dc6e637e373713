"""Rows as a Parquet file, with the types that FOCUS gives its columns, written while it is read.

So many rows are in memory as one group has, however many there are. The file ends with where
everything in it is: one that broke off is no Parquet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import RawIOBase
from itertools import islice
from typing import Any, Final

import pyarrow
from pyarrow import parquet

from billing.focus.columns import COLUMNS, PRECISION, SCALE, Type
from billing.focus.rows import Row, Value
from billing.focus.writer import as_text

PARQUET_TYPE: Final = "application/vnd.apache.parquet"
DESCRIPTION: Final = b"focus"  # the key under which a file has the metadata of the norm, as JSON
ROWS_PER_GROUP: Final = 10_000
_TYPES: Final = {
    Type.STRING: pyarrow.string(),
    Type.DECIMAL: pyarrow.decimal128(PRECISION, SCALE),
    Type.DATE_TIME: pyarrow.timestamp("ms", tz="UTC"),
    Type.JSON: pyarrow.string(),  # of names with values every reader knows the text
}
_SCHEMA: Final = pyarrow.schema([(column.name, _TYPES[column.type]) for column in COLUMNS])


def as_parquet(rows: Iterable[Row], description: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield the file in pieces.

    Args:
        description: what ``describe_month`` says of these rows; it goes into the file.
    """
    words = json.dumps(description, ensure_ascii=False).encode()
    pieces = _Pieces()
    waiting = iter(rows)
    with parquet.ParquetWriter(pieces, _SCHEMA.with_metadata({DESCRIPTION: words})) as writer:
        while group := list(islice(waiting, ROWS_PER_GROUP)):
            writer.write_batch(_as_batch(group))
            yield pieces.take()
    yield pieces.take()


def _as_batch(rows: Sequence[Row]) -> Any:
    """They are all of one type in a column, and what says nothing is null, as in CSV."""
    return pyarrow.record_batch(
        [
            pyarrow.array([_cell(row[column.name], column.type) for row in rows], field.type)
            for column, field in zip(COLUMNS, _SCHEMA, strict=True)
        ],
        schema=_SCHEMA,
    )


def _cell(value: Value, kind: Type) -> Any:
    if value is None or value == "":
        return None
    return as_text(value) if kind is Type.JSON else value


class _Pieces(RawIOBase):
    """A file that is written from its beginning, and keeps only what nobody took yet."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._kept.append(bytes(piece))
        self._length += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._length

    def take(self) -> bytes:
        taken = b"".join(self._kept)
        self._kept.clear()
        return taken
