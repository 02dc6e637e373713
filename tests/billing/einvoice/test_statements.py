"""An e-invoice of a statement: for whom there is one, and what it comes to."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from billing.einvoice.checker import check_invoice
from billing.einvoice.document import BrokenInvoice, write_invoice
from billing.einvoice.invoice import make_invoice
from billing.einvoice.parties import Supplier
from billing.einvoice.ubl import as_ubl
from billing.errors import InvoiceSettingsMissing
from billing.ledger.settings_file import LedgerSettings
from billing.models import Statement
from portal.identity.models import Role
from tests.billing.einvoice.conftest import OIN, SUPPLIER, tax
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, used
from tests.billing.months.conftest import september as day
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.factories.billing import SkuFactory, set_price

pytestmark = pytest.mark.django_db
LINK = "E-invoice (UBL)"


def address(statement: Statement) -> str:
    return f"/costs/months/statements/{statement.public_id}"


def test_who_is_taxed_gets_an_invoice(close, server, taxed, first):
    close(SEPTEMBER)
    statement = Statement.objects.get()
    visit = visit_as(first)

    assert LINK in visit.get(address(statement)).content.decode()
    response = visit.get(f"{address(statement)}/invoice.xml")

    assert response["Content-Type"] == "application/xml; charset=utf-8"
    assert f"{statement.number}.xml" in response["Content-Disposition"]
    assert check_invoice(response.content) == []
    root = ElementTree.fromstring(response.content)  # noqa: S314
    assert root.findtext("{*}ID") == statement.number
    assert root.findtext("{*}LegalMonetaryTotal/{*}TaxExclusiveAmount") == "38.40"
    assert root.findtext("{*}LegalMonetaryTotal/{*}PayableAmount") == "46.46"
    assert root.find("{*}OrderReference") is None


def test_lines_are_added_up_per_sku_and_come_to_the_total(close, server, taxed, project, service):
    set_price("0.333333", sku="server.gp.large")
    used(project, day(1), day(12))
    for name in ("A", "B", "C"):
        sku = SkuFactory(code="server.gp.large")
        used(make_project(service, name=name), day(2), day(9), sku=sku)
    close(SEPTEMBER)
    statement = Statement.objects.get()

    invoice = make_invoice(statement)

    assert invoice.net == statement.total
    assert {line.sku for line in invoice.lines} == {"server.gp.small", "server.gp.large"}
    assert len(invoice.lines) == 2
    for line in invoice.lines:
        assert abs(line.quantity * line.price - line.amount) <= Decimal("0.005")
    assert check_invoice(as_ubl(invoice)) == []


def test_more_given_back_than_used_is_a_credit_note(close, server, taxed):
    close(SEPTEMBER)
    server.spans.update(ended_at=day(16))
    close(OCTOBER)
    statement = Statement.objects.get(month__first_day="2026-10-01")
    assert statement.total == Decimal("-19.20")

    invoice = make_invoice(statement)

    assert invoice.is_credit_note
    assert (invoice.net, invoice.vat) == (Decimal("19.20"), Decimal("4.03"))
    assert invoice.preceding == ("2026-000001",)
    assert check_invoice(as_ubl(invoice)) == []


@pytest.mark.parametrize(
    ("treatment", "told"),
    [
        ("outside_scope", "“Dienst” is outside the scope of VAT"),
        ("", "It was not known how “Dienst” is taxed"),
    ],
)
def test_who_is_not_taxed_hears_why_there_is_none(close, server, known, first, treatment, told):
    if treatment:
        tax(known, treatment)
    close(SEPTEMBER)
    statement = Statement.objects.get()
    visit = visit_as(first)

    assert LINK not in visit.get(address(statement)).content.decode()
    answer = visit.get(f"{address(statement)}/invoice.xml", follow=True)

    assert told in answer.content.decode()


def test_what_is_missing_is_told_by_name(close, server, known, first, settings):
    tax(known, "exempt")
    close(SEPTEMBER)
    statement = Statement.objects.get()
    settings.LEDGER = LedgerSettings(supplier=replace(SUPPLIER, iban="", exemption_code=""))

    answer = visit_as(first).get(f"{address(statement)}/invoice.xml", follow=True)

    names = f"supplier.iban, supplier.exemption_code, customers.{OIN}"
    assert f"Operators must fill in: {names}." in answer.content.decode()
    settings.LEDGER = LedgerSettings(supplier=Supplier())
    with pytest.raises(InvoiceSettingsMissing, match=r"supplier\.street, .*supplier\.vat_number"):
        make_invoice(statement)


def test_nobody_gets_a_document_that_is_wrong(close, server, taxed, monkeypatch):
    close(SEPTEMBER)
    monkeypatch.setattr("billing.einvoice.invoice.in_cents", lambda amount: amount + 1)

    with pytest.raises(BrokenInvoice, match="2026-000001 breaks BR-S-09"):
        write_invoice(Statement.objects.get())


def test_the_invoice_of_others_does_not_exist(close, server, taxed):
    close(SEPTEMBER)
    statement = Statement.objects.get()
    person = PersonFactory()
    grant(person, Role.FINANCE, make_organization())

    assert visit_as(person).get(f"{address(statement)}/invoice.xml").status_code == 404
