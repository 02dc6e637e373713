"""Each rule of the checker: a file that keeps it passes, and one that breaks it is told where."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest

from billing.focus.checker import HEADER, WHOLE_FILE, Problem, check
from billing.focus.columns import FOCUS_COLUMNS, NAMES, SUBCATEGORIES, Level

GOOD = {
    "BilledCost": "19.2",
    "BillingAccountId": "org-1",
    "BillingAccountName": "Dienst",
    "BillingAccountType": "Organization",
    "BillingCurrency": "EUR",
    "BillingPeriodEnd": "2026-11-30T23:00:00Z",
    "BillingPeriodStart": "2026-10-31T23:00:00Z",
    "ChargeCategory": "Usage",
    "ChargeDescription": "Server, small",
    "ChargeFrequency": "Usage-Based",
    "ChargePeriodEnd": "2026-11-15T23:00:00Z",
    "ChargePeriodStart": "2026-10-31T23:00:00Z",
    "ConsumedQuantity": "1296000.0",
    "ConsumedUnit": "Seconds",
    "ContractedCost": "19.2",
    "ContractedUnitPrice": "38.4",
    "EffectiveCost": "19.2",
    "InvoiceIssuerName": "Rijksdatacenter",
    "ListCost": "20.0",
    "ListUnitPrice": "40.0",
    "PricingCategory": "Standard",
    "PricingCurrency": "EUR",
    "PricingCurrencyContractedUnitPrice": "38.4",
    "PricingCurrencyEffectiveCost": "19.2",
    "PricingCurrencyListUnitPrice": "40.0",
    "PricingQuantity": "0.5",
    "PricingUnit": "Months",
    "ProviderName": "Rijksdatacenter",
    "PublisherName": "Rijksdatacenter",
    "RegionId": "nl-west-1",
    "RegionName": "Noord",
    "ResourceId": "res-1",
    "ResourceName": "zaak-app-01",
    "ResourceType": "server",
    "ServiceCategory": "Compute",
    "ServiceName": "Virtual Machines",
    "ServiceSubcategory": "Virtual Machines",
    "SkuId": "server.gp.small",
    "SkuMeter": "Server, small",
    "SkuPriceDetails": '{"CoreCount": 2}',
    "SkuPriceId": "price-1",
    "SubAccountId": "project-1",
    "SubAccountName": "Zaaksysteem",
    "SubAccountType": "Project",
    "Tags": '{"dienst": "zaken"}',
}
PRICES = {
    "ContractedUnitPrice": "",
    "ListUnitPrice": "",
    "PricingCategory": "",
    "PricingCurrencyContractedUnitPrice": "",
    "PricingCurrencyListUnitPrice": "",
    "PricingQuantity": "",
    "PricingUnit": "",
    "SkuId": "",
    "SkuMeter": "",
    "SkuPriceDetails": "",
    "SkuPriceId": "",
}
UNUSED = {"ConsumedQuantity": "", "ConsumedUnit": ""}
SAME_COSTS = {"ContractedCost": "19.2", "ListCost": "19.2"}
CREDIT = {**PRICES, **UNUSED, **SAME_COSTS, "ChargeCategory": "Credit"}
TAX = {**PRICES, **UNUSED, "ChargeCategory": "Tax", "ContractedCost": "4.0", "ListCost": "4.2"}
PURCHASE = {**UNUSED, "ChargeCategory": "Purchase", "ChargeFrequency": "One-Time"}
LAST_YEAR = {
    "ChargeClass": "Correction",
    "ChargePeriodStart": "2025-10-31T23:00:00Z",
    "ChargePeriodEnd": "2025-11-15T23:00:00Z",
}
DISCOUNT = {
    "CommitmentDiscountCategory": "Usage",
    "CommitmentDiscountId": "discount-1",
    "CommitmentDiscountName": "Three years",
    "CommitmentDiscountQuantity": "1.0",
    "CommitmentDiscountStatus": "Used",
    "CommitmentDiscountType": "Reserved",
    "CommitmentDiscountUnit": "Hours",
}
RESERVATION = {"CapacityReservationId": "reservation-1", "CapacityReservationStatus": "Used"}


def text_of(*rows: Mapping[str, str], names: Any = NAMES) -> str:
    """A file of good rows with these cells changed."""
    file = StringIO()
    writer = csv.writer(file)
    writer.writerow(names)
    writer.writerows([{**GOOD, **row}.get(name, "") for name in names] for row in rows)
    return file.getvalue()


def problems(*rows: Mapping[str, str], names: Any = NAMES, **options: Any) -> list[Problem]:
    return list(check(StringIO(text_of(*rows, names=names), newline=""), **options))


# --- what is right -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        {},
        CREDIT,
        {**CREDIT, "ChargeCategory": "Adjustment"},
        TAX,
        PURCHASE,
        LAST_YEAR,
        {**LAST_YEAR, "ContractedCost": "1.0", "ListCost": "7.0"},
        {**LAST_YEAR, **PRICES, **UNUSED, **SAME_COSTS},
        DISCOUNT,
        {**DISCOUNT, **UNUSED, "CommitmentDiscountStatus": "Unused"},
        RESERVATION,
        {"BilledCost": "1.92E1", "EffectiveCost": "192.0E-1"},
        {"Tags": "", "SkuPriceDetails": "", "BillingAccountName": "", "AvailabilityZone": "a"},
        {"Tags": '{"a": "", "b": 1, "c": true, "d": null}'},
    ],
    ids=lambda row: " ".join(row)[:40] or "usage",
)
def test_right_rows_pass(row: Mapping[str, str]) -> None:
    assert problems(row) == []


def test_norm_has_57_columns_and_each_category_a_rest() -> None:
    assert len(FOCUS_COLUMNS) == len({column.name for column in FOCUS_COLUMNS}) == 57
    levels = [column.level for column in FOCUS_COLUMNS]
    assert [levels.count(level) for level in Level] == [21, 4, 32]
    assert all(f"Other ({name})" in names for name, names in SUBCATEGORIES.items())


# --- one cell ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [column.name for column in FOCUS_COLUMNS if not column.nulls])
def test_null_where_none_may_be(name: str) -> None:
    assert problems({name: ""}) == [Problem(2, name, "is not null")]


@pytest.mark.parametrize("name", [column.name for column in FOCUS_COLUMNS if column.allowed])
def test_value_that_the_norm_does_not_know(name: str) -> None:
    assert problems({name: "usage"}) == [Problem(2, name, "has one of the allowed values")]


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        *(
            ("BilledCost", text, "is a number with a decimal point and nothing else")
            for text in (
                "1",
                "1,0",
                "+1.0",
                "€1.0",
                "1.0 ",
                ".5",
                "1.",
                "NaN",
                "1.0E+2",
                "\u0661.\u0662",
            )
        ),
        *(
            ("ChargePeriodEnd", text, "is a moment in UTC, as 2026-10-31T23:00:00Z")
            for text in ("2026-11-15", "2026-11-15 23:00:00Z", "2026-11-15T23:00:00+00:00")
        ),
        ("ChargePeriodEnd", "2026-11-31T00:00:00Z", "is a moment in UTC, as 2026-10-31T23:00:00Z"),
        ("ResourceName", "  ", "has more than spaces"),
        *(
            ("Tags", text, "is a JSON object with names that differ")
            for text in ("zaken", "[1]", '{"a": 1, "a": 2}', '{"a": NaN}', "3")
        ),
        ("Tags", '{"a": {"b": 1}}', "has single values"),
        ("SkuPriceDetails", '{"a": [1]}', "has single values"),
        ("BillingCurrency", "euro", "is three letters of ISO 4217"),
        ("PricingCurrency", "€", "is three letters of ISO 4217"),
    ],
)
def test_cell_that_is_not_written_so(name: str, text: str, rule: str) -> None:
    assert problems({name: text}) == [Problem(2, name, rule)]


# --- one row -----------------------------------------------------------------------------------

TAXED = "is null of a Tax"
SOLD = "is not null of Usage and Purchase that is no Correction"
WITHIN = "is within the billing period, but of a Correction"


@pytest.mark.parametrize(
    ("row", "column", "rule"),
    [
        # what it costs
        *(
            ({cost: "19.3"}, cost, f"is {unit_price} times PricingQuantity")
            for cost, unit_price in (
                ("ContractedCost", "ContractedUnitPrice"),
                ("ListCost", "ListUnitPrice"),
            )
        ),
        *(
            (
                {**CREDIT, cost: "0.0"},
                cost,
                f"is BilledCost when {unit_price} is null and it is no Tax",
            )
            for cost, unit_price in (
                ("ContractedCost", "ContractedUnitPrice"),
                ("ListCost", "ListUnitPrice"),
            )
        ),
        (
            {**CREDIT, "EffectiveCost": "0.0"},
            "EffectiveCost",
            "is BilledCost of Credit and Adjustment",
        ),
        (
            {"ContractedUnitPrice": "-38.4", "ContractedCost": "-19.2"},
            "ContractedUnitPrice",
            "is not negative",
        ),
        ({"ListUnitPrice": "-40.0", "ListCost": "-20.0"}, "ListUnitPrice", "is not negative"),
        *(
            ({name: "-1.0"}, name, "is not negative")
            for name in ("PricingCurrencyContractedUnitPrice", "PricingCurrencyListUnitPrice")
        ),
        *(
            ({name: ""}, name, "is not null in any row")
            for name in ("PricingCurrency", "PricingCurrencyEffectiveCost")
        ),
        # what has a price, and what has none
        *(
            ({**TAX, name: GOOD[name], **more}, name, TAXED)
            for name, more in (
                ("ContractedUnitPrice", {}),
                ("ListUnitPrice", {}),
                ("PricingCategory", {}),
                ("PricingCurrencyContractedUnitPrice", {}),
                ("PricingCurrencyListUnitPrice", {}),
                ("PricingQuantity", {"PricingUnit": "Months"}),
                ("SkuId", {}),
            )
        ),
        *(
            ({name: "", **more}, name, SOLD)
            for name, more in (
                ("ContractedUnitPrice", {}),
                ("ListUnitPrice", {"ListCost": "19.2"}),
                ("PricingCategory", {}),
                ("PricingCurrencyContractedUnitPrice", {}),
                ("PricingCurrencyListUnitPrice", {}),
                ("PricingQuantity", {"PricingUnit": ""}),
                ("SkuPriceId", {"SkuPriceDetails": ""}),
            )
        ),
        ({**PURCHASE, "PricingCategory": ""}, "PricingCategory", SOLD),
        (
            {**CREDIT, "SkuPriceId": "price-1"},
            "SkuId",
            "is not null when SkuPriceId is not",
        ),
        # how much of what
        (
            {**PURCHASE, "ConsumedQuantity": "1.0", "ConsumedUnit": "Seconds"},
            "ConsumedQuantity",
            "is null of what is no Usage, or unused",
        ),
        (
            {**DISCOUNT, "CommitmentDiscountStatus": "Unused"},
            "ConsumedQuantity",
            "is null of what is no Usage, or unused",
        ),
        (UNUSED, "ConsumedQuantity", "is not null of Usage that is no Correction"),
        # what kind of cost, and when
        (
            {**PURCHASE, "ChargeFrequency": "Usage-Based"},
            "ChargeFrequency",
            "is not Usage-Based of a Purchase",
        ),
        ({"ChargePeriodEnd": "2026-12-01T00:00:00Z"}, "ChargePeriodEnd", WITHIN),
        ({"ChargePeriodStart": "2026-10-31T22:59:59Z"}, "ChargePeriodStart", WITHIN),
        (
            {"ChargePeriodEnd": GOOD["ChargePeriodStart"]},
            "ChargePeriodEnd",
            "is after ChargePeriodStart",
        ),
        (
            {**LAST_YEAR, "BillingPeriodEnd": GOOD["BillingPeriodStart"]},
            "BillingPeriodEnd",
            "is after BillingPeriodStart",
        ),
        (
            {"ServiceName": "Disks", "ServiceCategory": "Storage"},
            "ServiceSubcategory",
            "belongs to ServiceCategory",
        ),
        # what comes with something else
        *(
            ({name: ""}, name, f"is not null when {other} is not")
            for name, other in (
                ("ConsumedUnit", "ConsumedQuantity"),
                ("PricingUnit", "PricingQuantity"),
                ("RegionName", "RegionId"),
                ("ResourceType", "ResourceId"),
                ("SubAccountName", "SubAccountId"),
                ("SubAccountType", "SubAccountId"),
            )
        ),
        *(
            ({**DISCOUNT, name: ""}, name, f"is not null when {other} is not")
            for name, other in (
                ("CommitmentDiscountCategory", "CommitmentDiscountId"),
                ("CommitmentDiscountType", "CommitmentDiscountId"),
                ("CommitmentDiscountUnit", "CommitmentDiscountQuantity"),
            )
        ),
        (
            {**DISCOUNT, "CommitmentDiscountStatus": ""},
            "CommitmentDiscountStatus",
            "is not null of Usage with CommitmentDiscountId",
        ),
        (
            {**DISCOUNT, "CommitmentDiscountQuantity": "", "CommitmentDiscountUnit": ""},
            "CommitmentDiscountQuantity",
            "is not null of Usage and Purchase with CommitmentDiscountId",
        ),
        (
            {**RESERVATION, "CapacityReservationStatus": ""},
            "CapacityReservationStatus",
            "is not null of Usage with CapacityReservationId",
        ),
        *(
            ({**CREDIT, **cells}, name, f"is null when {other} is")
            for name, other, cells in (
                ("SkuMeter", "SkuId", {"SkuMeter": "Server"}),
                ("SkuPriceDetails", "SkuPriceId", {"SkuPriceDetails": "{}"}),
                ("ConsumedUnit", "ConsumedQuantity", {"ConsumedUnit": "Seconds"}),
                ("PricingUnit", "PricingQuantity", {"PricingUnit": "Months"}),
                ("RegionName", "RegionId", {"RegionId": ""}),
                ("ResourceName", "ResourceId", {"ResourceId": "", "ResourceType": ""}),
                ("ResourceType", "ResourceId", {"ResourceId": "", "ResourceName": ""}),
                ("SubAccountName", "SubAccountId", {"SubAccountId": "", "SubAccountType": ""}),
                ("SubAccountType", "SubAccountId", {"SubAccountId": "", "SubAccountName": ""}),
                *(
                    (name, "CommitmentDiscountId", {name: DISCOUNT[name]})
                    for name in (
                        "CommitmentDiscountCategory",
                        "CommitmentDiscountName",
                        "CommitmentDiscountType",
                    )
                ),
                (
                    "CommitmentDiscountStatus",
                    "CommitmentDiscountId",
                    {"CommitmentDiscountStatus": "Used"},
                ),
                (
                    "CommitmentDiscountQuantity",
                    "CommitmentDiscountId",
                    {"CommitmentDiscountQuantity": "1.0", "CommitmentDiscountUnit": "Hours"},
                ),
                (
                    "CommitmentDiscountUnit",
                    "CommitmentDiscountQuantity",
                    {"CommitmentDiscountUnit": "Hours"},
                ),
                (
                    "CapacityReservationStatus",
                    "CapacityReservationId",
                    {"CapacityReservationStatus": "Used"},
                ),
            )
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_row_that_contradicts_itself(row: Mapping[str, str], column: str, rule: str) -> None:
    assert problems({}, row) == [Problem(3, column, rule)]


def test_a_sku_price_of_a_tax_says_so_with_its_sku() -> None:
    found = problems({**TAX, "SkuId": "server.gp.small", "SkuPriceId": "price-1"})

    assert found == [Problem(2, "SkuId", TAXED), Problem(2, "SkuPriceId", TAXED)]


def test_use_without_a_sku_lacks_its_price_too() -> None:
    found = problems({"SkuId": "", "SkuMeter": "", "SkuPriceId": "", "SkuPriceDetails": ""})

    assert found == [Problem(2, "SkuId", SOLD), Problem(2, "SkuPriceId", SOLD)]


# --- the file ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [column.name for column in FOCUS_COLUMNS])
def test_column_that_is_missing(name: str) -> None:
    names = [other for other in NAMES if other != name]

    assert problems({}, names=names) == [Problem(HEADER, name, "is present")]


@pytest.mark.parametrize(
    ("names", "column", "rule"),
    [
        ([*NAMES, "x_Kind"], "x_Kind", "is present once"),
        (["x_Other", *NAMES], "", "columns of FOCUS stand before others"),
        (
            [NAMES[1], NAMES[0], *NAMES[2:]],
            "",
            "columns of FOCUS stand in the order of the norm",
        ),
        ([*NAMES, "Kind"], "Kind", "a column of our own is named x_ and Pascal case"),
        ([*NAMES, "x_kind"], "x_kind", "a column of our own is named x_ and Pascal case"),
    ],
)
def test_header_that_is_not_so(names: list[str], column: str, rule: str) -> None:
    assert problems({}, names=names) == [Problem(HEADER, column, rule)]


@pytest.mark.parametrize("text", ["", "a,b\r\n"])
def test_file_of_something_else_lacks_every_column(text: str) -> None:
    found = list(check(StringIO(text, newline="")))

    assert [problem.column for problem in found[:57]] == sorted(
        column.name for column in FOCUS_COLUMNS
    )


def test_row_of_another_length_and_a_file_cut_short() -> None:
    text = text_of({})

    short = list(check(StringIO(f"{text}19.2,org-1\r\n", newline="")))
    cut = list(check(StringIO(f'{text}"19.2,org', newline="")))

    assert short == [Problem(3, "", "has as many cells as there are columns")]
    assert [(problem.row, problem.rule[:6]) for problem in cut] == [(WHOLE_FILE, "is CSV")]


@pytest.mark.parametrize(
    ("row", "column", "rule"),
    [
        ({"SkuId": "another"}, "SkuPriceId", "has one SkuId"),
        (
            {"ServiceSubcategory": "Containers"},
            "ServiceName",
            "has one ServiceSubcategory",
        ),
        ({"BillingAccountId": "org-2"}, "InvoiceId", "has one BillingAccountId"),
    ],
)
def test_rows_that_contradict_each_other(row: Mapping[str, str], column: str, rule: str) -> None:
    billed = {"InvoiceId": "2026-0001"}

    assert problems(billed, {**billed, **row}) == [Problem(3, column, rule)]


def test_service_has_one_category() -> None:
    storage = {"ServiceCategory": "Storage", "ServiceSubcategory": "Block Storage"}

    assert [(one.column, one.rule) for one in problems({}, storage)] == [
        ("ServiceName", "has one ServiceCategory"),
        ("ServiceName", "has one ServiceSubcategory"),
    ]


@pytest.mark.parametrize(
    ("payable", "wrong"),
    [
        ({"1": "38.40", "2": "19.20"}, []),
        ({"1": "38.41", "2": "19.20"}, ["1"]),
        ({"1": "38.40"}, ["2"]),
        ({"1": "38.40", "2": "19.20", "3": "1.00"}, ["3"]),
    ],
)
def test_costs_add_up_to_what_the_invoice_says(payable: dict[str, str], wrong: list[str]) -> None:
    rows = [{"InvoiceId": "1"}, {"InvoiceId": "1"}, {"InvoiceId": "2"}, {}]

    found = problems(*rows, payable={name: Decimal(text) for name, text in payable.items()})

    assert found == [
        Problem(WHOLE_FILE, "BilledCost", f"adds up to what {name} says") for name in wrong
    ]
