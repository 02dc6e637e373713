"""The costs of a month as a file in FOCUS, of either form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from billing.focus.export import export_month
from billing.focus.metadata import describe_month
from billing.focus.parquet import PARQUET_TYPE, as_parquet
from billing.focus.writer import CSV_TYPE, as_csv
from billing.services.tag_keys import TagChoice
from portal.core.calendar import Period


class Form(StrEnum):
    """The value is how the names of such files end."""

    CSV = "csv"
    PARQUET = "parquet"


MEDIA_TYPES: Final = {Form.CSV: CSV_TYPE, Form.PARQUET: PARQUET_TYPE}


def focus_file(
    node_ids: Sequence[int],
    form: Form,
    *,
    month: Period,
    as_of: datetime,
    tag: TagChoice | None = None,
) -> Iterator[bytes]:
    """Yield the file in pieces; see ``export_month``."""
    rows = export_month(node_ids, month=month, as_of=as_of, tag=tag)
    if form is Form.PARQUET:
        yield from as_parquet(rows, describe_month(node_ids, month=month, as_of=as_of))
        return
    for piece in as_csv(rows):
        yield piece.encode()
