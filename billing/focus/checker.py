"""Whether a file is FOCUS 1.2: our own reading of the norm, as strict as the public validator.

It reads the text of a file and shares nothing with what writes ours but the list of columns. Two
rules are ours: costs lie within their billing period, and numbers have a decimal point, because
the public validator takes a column of whole numbers for another type.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any, Final

from billing.focus.columns import FOCUS_COLUMNS, SUBCATEGORIES, Column, Type

Values = Mapping[str, Any]  # str, Decimal, datetime, dict or None, by column
Applies = Callable[[Values], bool]

_NUMBER: Final = re.compile(r"-?[0-9]+\.[0-9]+(E-?[0-9]+)?")
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_CURRENCY: Final = re.compile("[A-Z]{3}")
_CUSTOM: Final = re.compile("x_[A-Z][A-Za-z0-9]*")
_EXACT: Final = Context(prec=100)
_COLUMNS: Final = {column.name: column for column in FOCUS_COLUMNS}
HEADER: Final = 1  # the row with the names; of what is about no single row, 0
WHOLE_FILE: Final = 0


@dataclass(frozen=True)
class Problem:
    """What is wrong: in which row (``HEADER`` is the first), in which column, by which rule."""

    row: int
    column: str
    rule: str


@dataclass(frozen=True)
class _Rule:
    """What must hold of each row, and in which column it is told when it does not."""

    column: str
    text: str
    holds: Applies


def check(
    lines: Iterable[str], *, payable: Mapping[str, Decimal] | None = None
) -> Iterator[Problem]:
    """Yield what is wrong with a file, row by row and then as a whole.

    Args:
        lines: an opened file (``newline=""``), or its lines.
        payable: by InvoiceId what the invoice says is to be paid; without it sums are not checked.
    """
    reader = csv.reader(lines, strict=True)
    try:
        yield from check_cells(reader, payable)
    except csv.Error as error:
        yield Problem(WHOLE_FILE, "", f"is CSV: {error}")


def check_cells(
    reader: Iterator[list[str]], payable: Mapping[str, Decimal] | None
) -> Iterator[Problem]:
    """The same, of the names of the columns and then the cells of each row, as text."""
    names = next(reader, [])
    problems = list(_check_names(names))
    yield from problems
    if problems:
        return
    whole = _Whole()
    for number, cells in enumerate(reader, start=HEADER + 1):
        if len(cells) == len(names):
            yield from _check_row(number, dict(zip(names, cells, strict=True)), whole)
        else:
            yield Problem(number, "", "has as many cells as there are columns")
    if payable is not None:
        yield from whole.check_sums(payable)


def _check_names(names: list[str]) -> Iterator[Problem]:
    for name in sorted(_COLUMNS.keys() - set(names)):
        yield Problem(HEADER, name, "is present")
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem(HEADER, name, "is present once")
    known = [name for name in names if name in _COLUMNS]
    if known != names[: len(known)]:
        yield Problem(HEADER, "", "columns of FOCUS stand before others")
    if known != sorted(known):
        yield Problem(HEADER, "", "columns of FOCUS stand in the order of the norm")
    for name in names:
        if name not in _COLUMNS and not _CUSTOM.fullmatch(name):
            yield Problem(HEADER, name, "a column of our own is named x_ and Pascal case")


def _check_row(number: int, cells: Mapping[str, str], whole: _Whole) -> Iterator[Problem]:
    values: dict[str, Any] = {}
    broken = False
    for column in FOCUS_COLUMNS:
        try:
            values[column.name] = _read(column, cells[column.name])
        except ValueError as error:
            broken = True
            yield Problem(number, column.name, str(error))
    if broken:
        return  # what compares columns would only say the same again
    for rule in _RULES:
        if not rule.holds(values):
            yield Problem(number, rule.column, rule.text)
    yield from whole.add(number, values)


# --- one cell ----------------------------------------------------------------------------------


def _read(column: Column, text: str) -> Any:
    """The value of a cell.

    Raises:
        ValueError: it is none of this column; the text says by which rule.
    """
    if not text:
        if not column.nulls:
            raise ValueError("is not null")
        return None
    if column.allowed and text not in column.allowed:
        raise ValueError("has one of the allowed values")
    return _READERS[column.type](text)


def _read_text(text: str) -> str:
    if not text.strip():
        raise ValueError("has more than spaces")
    return text


def _read_number(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError("is a number with a decimal point and nothing else")
    return Decimal(text)


def _read_moment(text: str) -> datetime:
    try:
        if not _MOMENT.fullmatch(text):
            raise ValueError
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise ValueError("is a moment in UTC, as 2026-10-31T23:00:00Z") from error


def _read_object(text: str) -> dict[str, Any]:
    try:
        members = json.loads(text, object_pairs_hook=_names_once, parse_constant=_no_constant)
    except ValueError as error:
        raise ValueError("is a JSON object with names that differ") from error
    if not isinstance(members, dict):
        raise ValueError("is a JSON object with names that differ")
    if any(isinstance(value, dict | list) for value in members.values()):
        raise ValueError("has single values")
    return members


def _names_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _no_constant(name: str) -> None:
    raise ValueError(name)


_READERS: Final[Mapping[Type, Callable[[str], Any]]] = {
    Type.STRING: _read_text,
    Type.DECIMAL: _read_number,
    Type.DATE_TIME: _read_moment,
    Type.JSON: _read_object,
}


# --- one row -----------------------------------------------------------------------------------


def _is_correction(row: Values) -> bool:
    return bool(row["ChargeClass"] == "Correction")


def _is_sold(row: Values) -> bool:
    """Has a price by its nature: use or a purchase, and no repair of an earlier month."""
    return row["ChargeCategory"] in ("Usage", "Purchase") and not _is_correction(row)


def _is_tax(row: Values) -> bool:
    return bool(row["ChargeCategory"] == "Tax")


def _always(row: Values) -> bool:
    return True


def _is_measured(row: Values) -> bool:
    is_used = row["CommitmentDiscountStatus"] != "Unused"
    return is_used and bool(row["ChargeCategory"] == "Usage")


def _null_when(applies: Applies, when: str, column: str) -> _Rule:
    return _Rule(column, f"is null {when}", lambda row: not applies(row) or row[column] is None)


def _not_null_when(applies: Applies, when: str, column: str) -> _Rule:
    return _Rule(
        column, f"is not null {when}", lambda row: not applies(row) or row[column] is not None
    )


def _only_with(column: str, other: str) -> _Rule:
    return _null_when(lambda row: row[other] is None, f"when {other} is", column)


def _whenever(column: str, other: str) -> _Rule:
    return _not_null_when(lambda row: row[other] is not None, f"when {other} is not", column)


def _both_or_none(column: str, other: str) -> tuple[_Rule, _Rule]:
    return _only_with(column, other), _whenever(column, other)


def _of_what_is_sold(column: str) -> tuple[_Rule, _Rule]:
    return (
        _null_when(_is_tax, "of a Tax", column),
        _not_null_when(_is_sold, "of Usage and Purchase that is no Correction", column),
    )


def _not_negative(column: str) -> _Rule:
    return _Rule(column, "is not negative", lambda row: row[column] is None or row[column] >= 0)


def _product(cost: str, unit_price: str) -> _Rule:
    def holds(row: Values) -> bool:
        price, quantity = row[unit_price], row["PricingQuantity"]
        if price is None or quantity is None or _is_correction(row):
            return True
        return bool(_EXACT.multiply(price, quantity) == row[cost])

    return _Rule(cost, f"is {unit_price} times PricingQuantity", holds)


def _as_billed_without(cost: str, unit_price: str) -> _Rule:
    return _Rule(
        cost,
        f"is BilledCost when {unit_price} is null and it is no Tax",
        lambda row: row[unit_price] is not None or _is_tax(row) or row[cost] == row["BilledCost"],
    )


def _is_currency(column: str) -> _Rule:
    return _Rule(
        column,
        "is three letters of ISO 4217",
        lambda row: row[column] is None or bool(_CURRENCY.fullmatch(row[column])),
    )


_RULES: Final = (
    _is_currency("BillingCurrency"),
    _is_currency("PricingCurrency"),
    # what it costs
    _product("ContractedCost", "ContractedUnitPrice"),
    _product("ListCost", "ListUnitPrice"),
    _as_billed_without("ContractedCost", "ContractedUnitPrice"),
    _as_billed_without("ListCost", "ListUnitPrice"),
    _Rule(
        "EffectiveCost",
        "is BilledCost of Credit and Adjustment",
        lambda row: (
            row["ChargeCategory"] in ("Usage", "Purchase", "Tax")
            or row["EffectiveCost"] == row["BilledCost"]
        ),
    ),
    *(
        rule
        for name in (
            "ContractedUnitPrice",
            "ListUnitPrice",
            "PricingCurrencyContractedUnitPrice",
            "PricingCurrencyListUnitPrice",
        )
        for rule in (*_of_what_is_sold(name), _not_negative(name))
    ),
    _not_null_when(_always, "in any row", "PricingCurrency"),
    _not_null_when(_always, "in any row", "PricingCurrencyEffectiveCost"),
    # how much of what
    *(
        rule
        for name in ("PricingQuantity", "PricingCategory", "SkuId", "SkuPriceId")
        for rule in _of_what_is_sold(name)
    ),
    *_both_or_none("PricingUnit", "PricingQuantity"),
    _null_when(
        lambda row: not _is_measured(row), "of what is no Usage, or unused", "ConsumedQuantity"
    ),
    _not_null_when(
        lambda row: _is_measured(row) and not _is_correction(row),
        "of Usage that is no Correction",
        "ConsumedQuantity",
    ),
    *_both_or_none("ConsumedUnit", "ConsumedQuantity"),
    _only_with("SkuMeter", "SkuId"),
    _whenever("SkuId", "SkuPriceId"),
    _only_with("SkuPriceDetails", "SkuPriceId"),
    # what kind of cost, and when
    _Rule(
        "ChargeFrequency",
        "is not Usage-Based of a Purchase",
        lambda row: row["ChargeCategory"] != "Purchase" or row["ChargeFrequency"] != "Usage-Based",
    ),
    _Rule(
        "BillingPeriodEnd",
        "is after BillingPeriodStart",
        lambda row: row["BillingPeriodStart"] < row["BillingPeriodEnd"],
    ),
    _Rule(
        "ChargePeriodEnd",
        "is after ChargePeriodStart",
        lambda row: row["ChargePeriodStart"] < row["ChargePeriodEnd"],
    ),
    _Rule(
        "ChargePeriodStart",
        "is within the billing period, but of a Correction",
        lambda row: _is_correction(row) or row["BillingPeriodStart"] <= row["ChargePeriodStart"],
    ),
    _Rule(
        "ChargePeriodEnd",
        "is within the billing period, but of a Correction",
        lambda row: _is_correction(row) or row["ChargePeriodEnd"] <= row["BillingPeriodEnd"],
    ),
    # of which service, for whom
    _Rule(
        "ServiceSubcategory",
        "belongs to ServiceCategory",
        lambda row: row["ServiceSubcategory"] in SUBCATEGORIES[row["ServiceCategory"]],
    ),
    *_both_or_none("SubAccountName", "SubAccountId"),
    *_both_or_none("SubAccountType", "SubAccountId"),
    *_both_or_none("ResourceType", "ResourceId"),
    _only_with("ResourceName", "ResourceId"),
    *_both_or_none("RegionName", "RegionId"),
    # what was agreed beforehand
    *_both_or_none("CommitmentDiscountCategory", "CommitmentDiscountId"),
    *_both_or_none("CommitmentDiscountType", "CommitmentDiscountId"),
    _only_with("CommitmentDiscountName", "CommitmentDiscountId"),
    _only_with("CommitmentDiscountStatus", "CommitmentDiscountId"),
    _not_null_when(
        lambda row: bool(row["CommitmentDiscountId"]) and row["ChargeCategory"] == "Usage",
        "of Usage with CommitmentDiscountId",
        "CommitmentDiscountStatus",
    ),
    _only_with("CommitmentDiscountQuantity", "CommitmentDiscountId"),
    _not_null_when(
        lambda row: bool(row["CommitmentDiscountId"]) and _is_sold(row),
        "of Usage and Purchase with CommitmentDiscountId",
        "CommitmentDiscountQuantity",
    ),
    *_both_or_none("CommitmentDiscountUnit", "CommitmentDiscountQuantity"),
    _only_with("CapacityReservationStatus", "CapacityReservationId"),
    _not_null_when(
        lambda row: bool(row["CapacityReservationId"]) and row["ChargeCategory"] == "Usage",
        "of Usage with CapacityReservationId",
        "CapacityReservationStatus",
    ),
)


# --- the file as a whole -----------------------------------------------------------------------


@dataclass
class _Whole:
    """What is remembered of the rows so far: no more than there are accounts, SKUs and invoices."""

    parents: dict[tuple[str, str, str], str] = field(default_factory=dict)
    billed: dict[str, Decimal] = field(default_factory=dict)

    def add(self, number: int, row: Values) -> Iterator[Problem]:
        """Remember a row, and say where it contradicts an earlier one."""
        for child, parent in _ONE_PARENT:
            if row[child] is None or row[parent] is None:
                continue
            if self.parents.setdefault((child, row[child], parent), row[parent]) != row[parent]:
                yield Problem(number, child, f"has one {parent}")
        if (invoice := row["InvoiceId"]) is not None:
            so_far = self.billed.get(invoice, Decimal(0))
            self.billed[invoice] = _EXACT.add(so_far, row["BilledCost"])

    def check_sums(self, payable: Mapping[str, Decimal]) -> Iterator[Problem]:
        for invoice in sorted(self.billed.keys() | payable.keys()):
            if self.billed.get(invoice) != payable.get(invoice):
                yield Problem(WHOLE_FILE, "BilledCost", f"adds up to what {invoice} says")


_ONE_PARENT: Final = (
    ("SkuPriceId", "SkuId"),
    ("ServiceName", "ServiceCategory"),
    ("ServiceName", "ServiceSubcategory"),
    ("InvoiceId", "BillingAccountId"),
)
