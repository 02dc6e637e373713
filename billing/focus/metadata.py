"""What a FOCUS export is, for programs: the norm's metadata of generator and schema."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from billing.focus.columns import (
    COLUMNS,
    GENERATOR,
    PRECISION,
    SCALE,
    VERSION,
    Column,
    Type,
)
from billing.focus.writer import moment
from billing.models import Sku
from billing.services.billed import find_closed
from billing.services.charging import costs
from portal.core.calendar import Period

# When the columns were last changed. A change of columns needs another date; a test says so.
SCHEMA_SINCE: Final = "2026-11-28T12:00:00Z"
_PRECISION: Final = {"NumericPrecision": PRECISION, "NumberScale": SCALE}


def describe_month(node_ids: Sequence[int], *, month: Period, as_of: datetime) -> dict[str, Any]:
    """The metadata of ``export_month`` with the same arguments.

    ``x_IsComplete`` is false as long as the month runs: its costs still grow. Once ``x_IsClosed``
    the rows are those of the statements, and never change. Use without a price is in no row, so
    ``x_SkusWithoutPrice`` names what was used so; no month is closed before that has one.
    """
    is_closed = find_closed(month) is not None
    lines = () if is_closed else costs(node_ids, period=month, as_of=as_of).lines
    unpriced = {line.sku_id for line in lines if line.is_price_missing}
    codes = Sku.objects.filter(pk__in=unpriced).order_by("code").values_list("code", flat=True)
    return {
        "DataGenerator": {"DataGenerator": GENERATOR},
        "Schema": schema(),
        "x_BillingPeriodStart": moment(month.start),
        "x_BillingPeriodEnd": moment(month.end),
        "x_AsOf": moment(as_of),
        "x_IsComplete": as_of >= month.end,
        "x_IsClosed": is_closed,
        "x_SkusWithoutPrice": list(codes),
    }


def schema() -> dict[str, Any]:
    """The columns, with an id that changes when they do."""
    columns = [_definition(column) for column in COLUMNS]
    return {
        "SchemaId": sha256(repr(columns).encode()).hexdigest()[:32],
        "FocusVersion": VERSION,
        "CreationDate": SCHEMA_SINCE,
        "ColumnDefinition": columns,
    }


def _definition(column: Column) -> dict[str, Any]:
    definition: dict[str, Any] = {"ColumnName": column.name, "DataType": str(column.type)}
    match column.type:
        case Type.STRING:
            definition["StringEncoding"] = "UTF-8"
        case Type.DECIMAL:
            definition |= _PRECISION
    return definition
