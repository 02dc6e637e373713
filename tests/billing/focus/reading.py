"""A FOCUS file read again."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import StringIO

from billing.focus.checker import Problem, check
from billing.focus.rows import Row
from billing.focus.writer import as_csv


def written(rows: Iterable[Row]) -> str:
    return "".join(as_csv(rows))


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text, newline=""), strict=True))


def problems_of(text: str) -> list[Problem]:
    return list(check(StringIO(text, newline="")))
