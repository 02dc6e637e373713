"""The document to the letter, and a checker that sees what is wrong with one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.einvoice.checker import check_invoice
from billing.einvoice.invoice import Invoice, InvoiceLine
from billing.einvoice.ubl import as_ubl
from billing.ledger.vat import VatCategory
from tests.billing.einvoice.conftest import CUSTOMER, OIN, SUPPLIER

GOLDEN = Path(__file__).parent / "invoice.xml"
LINE = InvoiceLine(
    name="Server klein",
    description="Zaaksysteem",
    sku="server.gp.small",
    cost_center="1001",
    quantity=Decimal("1.5"),
    unit_code="MON",
    price=Decimal("38.401"),
    amount=Decimal("57.60"),
)
INVOICE = Invoice(
    number="2026-000001",
    is_credit_note=False,
    issued_on=date(2026, 10, 2),
    first_day=date(2026, 9, 1),
    last_day=date(2026, 9, 30),
    currency="EUR",
    commitment_number="V-2026-17",
    preceding=("2025-000009",),
    supplier_name="Overheidsdatacenter",
    supplier=SUPPLIER,
    customer_name="Gemeente <&> Zoon",
    customer_oin=OIN,
    customer=CUSTOMER,
    category=VatCategory.STANDARD,
    lines=(
        LINE,
        replace(
            LINE,
            description="Zaaksysteem. Correctie van augustus 2026",
            cost_center="",
            quantity=Decimal(-1),
            unit_code="C62",
            price=Decimal("7.57"),
            amount=Decimal("-7.57"),
        ),
    ),
)
EXEMPT = replace(INVOICE, category=VatCategory.EXEMPT)


def test_the_document_is_this():
    assert as_ubl(INVOICE).decode() == GOLDEN.read_text(encoding="utf-8").rstrip("\n")


def test_what_we_write_breaks_no_rule():
    for invoice in (INVOICE, EXEMPT, replace(INVOICE, is_credit_note=True)):
        assert check_invoice(as_ubl(invoice)) == []


def test_a_credit_note_is_another_document():
    document = as_ubl(replace(INVOICE, is_credit_note=True)).decode()

    assert "CreditNote-2" in document
    assert "<cbc:CreditNoteTypeCode>381<" in document
    assert "CreditedQuantity" in document
    assert "InvoicedQuantity" not in document


@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        ('LineExtensionAmount currencyID="EUR">50.03', "…50.04", "BR-CO-10"),
        ('TaxExclusiveAmount currencyID="EUR">50.03', "…50.02", "BR-CO-13"),
        ('TaxInclusiveAmount currencyID="EUR">60.54', "…60.53", "BR-CO-15"),
        ('PayableAmount currencyID="EUR">60.54', "…60.50", "BR-CO-16"),
        ('TaxableAmount currencyID="EUR">50.03', "…50.00", "BR-S-08"),
        ("<cbc:Note>Betalen binnen 30 dagen", "<cbc:Note>", "BR-CO-25"),
        ('PriceAmount currencyID="EUR">7.57', "…-7.57", "BR-27"),
        ("<cbc:CompanyID>NL001234567B01", "<cbc:CompanyID>", "BR-S-02"),
        ("<cbc:Percent>21", "<cbc:Percent>0", "BR-S-05"),
        ("facturen@example.nl", "", "BR-NL-BFR-1"),
        (f'"0190">{OIN}</cbc:CompanyID>', f'"0106">{OIN}</cbc:CompanyID>', "BR-NL-BFR-2"),
        (SUPPLIER.iban, "", "BR-NL-BFR-3"),
        ('PayableAmount currencyID="EUR"', 'PayableAmount currencyID="USD"', "BR-NL-BFR-4"),
    ],
)
def test_the_checker_sees_what_is_broken(right, wrong, rule):
    text = as_ubl(INVOICE).decode()
    assert right in text
    broken = text.replace(right, wrong.replace("…", right.partition(">")[0] + ">"))

    assert rule in check_invoice(broken.encode())


def test_the_checker_adds_up_the_tax():
    text = as_ubl(INVOICE).decode()
    tax = '<cbc:TaxAmount currencyID="EUR">10.51'
    of_whole = text.replace(tax, tax.replace("10.51", "10.50"), 1)
    of_both = text.replace(tax, tax.replace("10.51", "10.50"))

    assert check_invoice(of_whole.encode()) == ["BR-CO-14", "BR-CO-15"]
    assert check_invoice(of_both.encode()) == ["BR-CO-15", "BR-S-09"]


def test_the_checker_knows_what_is_not_taxed():
    text = as_ubl(EXEMPT).decode()
    code = "<cbc:TaxExemptionReasonCode>VATEX-EU-132-1F</cbc:TaxExemptionReasonCode>"
    assert check_invoice(text.replace(code, "").encode()) == ["BR-E-10"]
    assert check_invoice(text.replace("<cbc:ID>E<", "<cbc:ID>S<").encode()) == [
        "BR-S-05",
        "BR-S-10",
    ]

    outside = text.replace("<cbc:ID>E<", "<cbc:ID>O<").replace("132-1F", "O")
    assert check_invoice(outside.encode()) == ["BR-O-02", "BR-O-05"]
    right = outside.replace("<cbc:Percent>0</cbc:Percent>", "").replace(SUPPLIER.vat_number, "")
    assert check_invoice(right.encode()) == []
    mixed = right.replace("<cbc:ID>O<", "<cbc:ID>E<", 1)
    assert {"BR-O-01", "BR-E-01"} <= set(check_invoice(mixed.encode()))


amounts = st.decimals(Decimal("-99999.99"), Decimal("99999.99"), places=2)
hostile = st.text(st.characters(min_codepoint=0, max_codepoint=0x10FFFF), min_size=1, max_size=20)


@given(
    lines=st.lists(
        st.builds(
            replace, st.just(LINE), amount=amounts, name=hostile, sku=hostile, description=hostile
        ),
        min_size=1,
        max_size=20,
    ),
    category=st.sampled_from([VatCategory.STANDARD, VatCategory.EXEMPT]),
    name=hostile,
)
def test_no_amount_or_name_breaks_a_rule(lines, category, name):
    invoice = replace(INVOICE, lines=tuple(lines), category=category, customer_name=name)

    document = as_ubl(invoice)

    assert check_invoice(document) == []
    root = ElementTree.fromstring(document)  # noqa: S314  (we wrote it)
    assert len(root.findall("{*}InvoiceLine")) == len(lines)
