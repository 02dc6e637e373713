"""A FOCUS file read again."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from billing.focus.checker import Problem, check
from billing.focus.parquet import as_parquet
from billing.focus.parquet_checker import check_parquet
from billing.focus.rows import Row
from billing.focus.writer import as_csv


def written(rows: Iterable[Row]) -> str:
    return "".join(as_csv(rows))


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text, newline=""), strict=True))


def problems_of(text: str) -> list[Problem]:
    return list(check(StringIO(text, newline="")))


def written_as_parquet(rows: Iterable[Row]) -> bytes:
    return b"".join(as_parquet(rows, {}))


def problems_of_parquet(content: bytes) -> list[Problem]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file.parquet"
        path.write_bytes(content)
        return list(check_parquet(path))
