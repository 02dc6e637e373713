"""The files of statements, for programs: the same bytes and rights as on the pages."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook

from billing.einvoice.checker import check_invoice
from billing.models import Statement
from billing.services.documents import make_documents
from portal.core.sheets import XLSX_TYPE
from portal.identity.models import Role
from tests.billing.einvoice.conftest import known, tax
from tests.billing.months.conftest import OCTOBER, SEPTEMBER
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant, make_organization

__all__ = ["known"]  # a fixture
pytestmark = pytest.mark.django_db
XLSX = {"accept": XLSX_TYPE}
API, PAGES = "/api/v1/statements", "/costs/months"


def cells(answer: Any) -> list[tuple[Any, ...]]:
    assert answer.status_code == 200
    return list(load_workbook(BytesIO(answer.getvalue())).active.values)


def test_document_is_the_one_that_was_made(close: Any, server: Any, first: Any) -> None:
    close(SEPTEMBER)
    visit = visit_as(first)
    path = f"{API}/{Statement.objects.get().public_id}/document"

    early = visit.get(path)
    make_documents()
    answer = visit.get(path)

    assert (early.status_code, early.json()["code"]) == (409, "document_not_ready")
    assert early["Content-Type"] == "application/problem+json"
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer.content == bytes(Statement.objects.get().document)


def test_invoice_is_that_of_the_page_or_says_why_not(
    close: Any, server: Any, known: Any, first: Any
) -> None:
    close(SEPTEMBER)
    tax(known, "standard_21")
    close(OCTOBER)
    early, late = Statement.objects.order_by("sequence")
    visit = visit_as(first)

    refused = visit.get(f"{API}/{early.public_id}/invoice")
    answer = visit.get(f"{API}/{late.public_id}/invoice", headers={"accept": "application/xml"})

    assert (refused.status_code, refused.json()["code"]) == (409, "vat_treatment_unknown")
    page = visit.get(f"{PAGES}/statements/{late.public_id}/invoice.xml")
    assert answer.content == page.content
    assert check_invoice(answer.content) == []


def test_journal_is_that_of_the_page(close: Any, server: Any, first: Any) -> None:
    close(SEPTEMBER)
    close(OCTOBER)
    visit = visit_as(first)
    statement = Statement.objects.get(sequence=1)

    one = visit.get(f"{API}/{statement.public_id}/journal").getvalue()
    month = visit.get(f"{API}/journal", {"month": "2026-09"}).getvalue()
    everything = visit.get(f"{API}/journal").getvalue()

    page = visit.get(f"{PAGES}/statements/{statement.public_id}/journal.csv")
    assert one == month == page.getvalue()
    assert [everything.count(b"38,4"), month.count(b"38,4")] == [2, 1]
    assert visit.get(f"{API}/journal", {"month": "2026-13"}).status_code == 400
    assert visit.get(f"{API}/journal", {"colour": "blue"}).status_code == 400


def test_for_a_spreadsheet_journal_and_costs_are_those_of_the_pages(
    close: Any, server: Any, first: Any, service: Any
) -> None:
    close(SEPTEMBER)
    grant(first, Role.FINANCE, service)
    visit = visit_as(first)
    statement = Statement.objects.get()
    month = {"month": "2026-09"}

    pairs = [
        (
            visit.get(f"{API}/{statement.public_id}/journal", headers=XLSX),
            visit.get(f"{PAGES}/statements/{statement.public_id}/journal.xlsx"),
        ),
        (
            visit.get(f"{API}/journal", month, headers=XLSX),
            visit.get(f"{PAGES}/2026-09/journal.xlsx"),
        ),
        (
            visit.get("/api/v1/costs/services", month, headers=XLSX),
            visit.get("/costs/table.xlsx", month),
        ),
    ]

    for answer, page in pairs:
        assert answer["Content-Type"] == XLSX_TYPE
        assert answer["Content-Disposition"] == page["Content-Disposition"]
        rows = cells(answer)
        assert rows == cells(page)
        assert any(38.4 in row for row in rows)


def test_costs_for_a_spreadsheet_are_filtered_as_charges_are(server: Any, service: Any) -> None:
    finance = PersonFactory()
    grant(finance, Role.FINANCE, service)
    visit, path = visit_as(finance), "/api/v1/costs/services"

    one = visit.get(path, {"month": "2026-09", "kind": "server"})
    none = visit.get(path, {"month": "2026-09", "costCenter": "1001"})

    assert [len(cells(answer)) for answer in (one, none)] == [2, 1]
    assert visit.get(path, {"month": "2026-13"}).status_code == 400
    assert visit.get(path, {"colour": "blue"}).status_code == 400
    assert visit.get(path, headers={"accept": "text/csv"}).status_code == 406


def test_what_others_pay_does_not_exist(close: Any, server: Any) -> None:
    close(SEPTEMBER)
    path = f"{API}/{Statement.objects.get().public_id}"
    elsewhere = PersonFactory()
    grant(elsewhere, Role.FINANCE, make_organization())

    for name in ("document", "invoice", "journal"):
        assert visit_as(elsewhere).get(f"{path}/{name}").status_code == 404
        assert visit_as(PersonFactory()).get(f"{path}/{name}").status_code == 403
    assert visit_as(elsewhere).get(f"{API}/journal").getvalue().count(b"\r\n") == 1
    assert visit_as(PersonFactory()).get(f"{API}/journal").status_code == 403


@pytest.mark.parametrize("name", ["document", "invoice", "journal"])
def test_a_file_is_no_json(close: Any, server: Any, first: Any, name: str) -> None:
    close(SEPTEMBER)
    path = f"{API}/{Statement.objects.get().public_id}/{name}"

    assert visit_as(first).get(path, headers={"accept": "application/json"}).status_code == 406
