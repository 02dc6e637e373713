"""What the ledger and e-invoices need to know, read from one TOML file at start-up."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from billing.einvoice.parties import Address, Supplier, read_customers, read_supplier
from billing.focus.columns import SUBCATEGORIES
from billing.ledger.layout import DEFAULT_COLUMNS, OTHERWISE, Column, Field, Layout
from billing.ledger.vat import CATEGORY_BY_TREATMENT
from portal.identity.oidc.settings_table import SettingsTable

CATEGORIES: Final = (*SUBCATEGORIES, OTHERWISE)
_TABLES: Final = ("formats", "ledger_accounts", "cost_types", "vat_codes", "supplier", "customers")


@dataclass(frozen=True, kw_only=True)
class LedgerSettings:
    """``customers``: the addresses of who pays, by OIN."""

    layout: Layout = field(default_factory=Layout)
    supplier: Supplier = field(default_factory=Supplier)
    customers: Mapping[str, Address] = field(default_factory=dict)


def read_ledger(file: str, *, variable: str) -> LedgerSettings:
    """Return what the file says, completed with what holds without it; no name is no file.

    Args:
        variable: the environment variable that named it, for error lines.

    Raises:
        ImproperlyConfigured: one line that names the variable, the table and the setting.
    """
    if not file:
        return LedgerSettings()
    path = Path(file)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ImproperlyConfigured(f"{variable}: cannot read {path}: {error}") from error
    unknown = set(document) - {"columns", *_TABLES}
    if unknown:
        raise ImproperlyConfigured(f"{variable}: unknown table {', '.join(sorted(unknown))}")
    tables = {
        name: SettingsTable(document.get(name, {}), f"{variable}: [{name}]", path.parent)
        for name in _TABLES
    }
    return LedgerSettings(
        layout=_layout(tables, _columns(document.get("columns"), variable)),
        supplier=read_supplier(tables["supplier"]),
        customers=read_customers(tables["customers"]),
    )


def _layout(tables: Mapping[str, SettingsTable], columns: tuple[Column, ...]) -> Layout:
    usual = Layout()
    formats = tables["formats"]
    layout = Layout(
        columns=columns,
        ledger_accounts=_codes(tables["ledger_accounts"], CATEGORIES),
        cost_types=_codes(tables["cost_types"], CATEGORIES),
        vat_codes={**usual.vat_codes, **_codes(tables["vat_codes"], CATEGORY_BY_TREATMENT)},
        date_format=_format(formats, "date", usual.date_format),
        period_format=_format(formats, "period", usual.period_format),
    )
    formats.refuse_what_was_not_read()
    return layout


def _columns(values: Any, variable: str) -> tuple[Column, ...]:
    """In the order of the file. Those of the ledger itself when it names none."""
    if values is None:
        return DEFAULT_COLUMNS
    if not isinstance(values, list) or not values:
        raise ImproperlyConfigured(f"{variable}: columns must be [[columns]] tables")
    columns = tuple(
        _column(SettingsTable(value, f"{variable}: [[columns]] {number}", Path()))
        for number, value in enumerate(values, start=1)
    )
    headers = [column.header for column in columns]
    if len(set(headers)) != len(headers):
        raise ImproperlyConfigured(f"{variable}: two of the columns have the same header")
    if Field.AMOUNT not in {column.field for column in columns}:
        raise ImproperlyConfigured(f"{variable}: none of the columns has the field amount")
    return columns


def _column(table: SettingsTable) -> Column:
    if table.has("field") == table.has("value"):
        raise table.mistake("must have either field or value")
    column = Column(
        header=table.text("header"),
        field=Field(table.choice("field", list(Field))) if table.has("field") else None,
        value=table.text("value", may_be_empty=True) if table.has("value") else "",
    )
    table.refuse_what_was_not_read()
    return column


def _codes(table: SettingsTable, allowed: Collection[str]) -> dict[str, str]:
    for name in table.names():
        if name not in allowed:
            raise table.mistake(f"{name} is not one of {', '.join(allowed)}")
    return {name: table.text(name) for name in table.names()}


def _format(table: SettingsTable, name: str, usual: str) -> str:
    """A format of ``strftime`` in which two days differ."""
    text = table.text(name) if table.has(name) else usual
    if date(2026, 1, 2).strftime(text) == date(2027, 11, 23).strftime(text):
        raise table.mistake(f"{name} holds no part of a date, such as %Y or %m")
    return text
