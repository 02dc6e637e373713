"""Shared costs on pages, in documents, in the journal and in e-invoices."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.utils.translation import override

from billing.documents.pdf import _data_of, make_document
from billing.einvoice.checker import check_invoice
from billing.einvoice.invoice import make_invoice
from billing.einvoice.ubl import as_ubl
from billing.ledger.journal import journal_rows
from billing.models import Statement
from portal.core.calendar import start_of_day
from portal.identity.models import NodeParent, Role
from tests.billing.einvoice.conftest import known, taxed
from tests.billing.months.conftest import SEPTEMBER, used
from tests.billing.splitting.conftest import key_held
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant, make_project

__all__ = ["known", "taxed"]  # fixtures
pytestmark = pytest.mark.django_db


@pytest.fixture
def key(server, service, project, other):
    """A proxy of the service is borne by its own project and by that of an agency, each half."""
    proxy = make_project(service, name="Proxy")
    used(proxy, start_of_day(date(2026, 9, 1)))
    NodeParent.objects.update(valid_from=start_of_day(date(2025, 1, 1)))
    return key_held(proxy, [project, other])


@pytest.fixture
def statement(key, taxed, close, service) -> Statement:
    close(SEPTEMBER)
    return Statement.objects.get(organization=service)


def test_an_invoice_takes_away_by_a_negative_quantity(statement):
    invoice = make_invoice(statement)

    assert invoice.net == statement.total == Decimal("57.60")
    of_shares = {line.description: line for line in invoice.lines if line.sku == "shared.costs"}
    assert [(line.quantity, line.price, line.amount) for line in of_shares.values()] == [
        (Decimal(-1), Decimal("38.40"), Decimal("-38.40")),
        (Decimal(1), Decimal("19.20"), Decimal("19.20")),
    ]
    assert "Proxy. Gedragen door andere projecten" in of_shares
    assert check_invoice(as_ubl(invoice)) == []


def test_the_journal_has_each_share_apart(statement):
    header, *rows = journal_rows(Statement.objects.filter(pk=statement.pk))

    amounts = {row[header.index("Omschrijving")]: row[header.index("Bedrag")] for row in rows}
    assert amounts == {
        "Proxy": Decimal("38.40"),
        "Zaaksysteem": Decimal("38.40"),
        "Proxy, Gedragen door andere projecten": Decimal("-38.40"),
        "Zaaksysteem, Deel in de kosten van Proxy": Decimal("19.20"),
    }


def test_the_document_says_whose_costs_these_are(statement):
    with override("nl"):
        rows = _data_of(statement)["rows"]

    shares = [row for row in rows if row[1][0] == "Gedeelde kosten"]
    assert [(row[1][1], row[2][0], row[3][0]) for row in shares] == [
        ("Gedragen door andere projecten", "", ""),
        ("Deel in de kosten van Proxy", "", ""),
    ]
    assert make_document(statement).startswith(b"%PDF-1.")


def test_a_statement_leads_to_how_it_was_shared(statement, key, service):
    reader = PersonFactory()
    grant(reader, Role.FINANCE, service)
    visit = visit_as(reader)

    page = visit.get(f"/costs/months/statements/{statement.public_id}").content.decode()

    address = f"/costs/split-keys/{key.public_id}?month=2026-09"
    assert page.count(f'href="{address}"') == 2
    assert visit.get(address).context["found"].is_billed


def test_of_a_share_nothing_is_given_back_or_disputed(statement, first):
    page = visit_as(first).get(f"/costs/months/statements/{statement.public_id}").content.decode()

    assert page.count("/credit") == 2  # of the two lines of use


def test_a_spreadsheet_of_the_costs_has_the_shares(statement, key, service):
    reader = PersonFactory()
    grant(reader, Role.FINANCE, service)

    page = visit_as(reader).get("/costs", {"month": "2026-09"})

    assert page.status_code == 200
    assert page.context["overview"].shared == Decimal("-19.20")
    assert page.context["overview"].rounding is not None
