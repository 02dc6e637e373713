"""The pages about months and statements, as people of finance and of an organization see them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing.models import BillingMonth, Credit, Statement, StatementLine
from billing.services.closing import begin_closing, prepare_closing
from billing.services.documents import make_documents
from portal.identity.models import Role
from tests.billing.downloads import download
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, used
from tests.billing.months.conftest import september as day
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.factories.billing import SkuFactory, set_price

pytestmark = pytest.mark.django_db
LIST = "/costs/months"
PAGE = "/costs/months/2026-09"


@pytest.fixture
def payer(service):
    """Finance of the organization that pays."""
    person = PersonFactory(name="Bram Kok")
    grant(person, Role.FINANCE, service)
    return visit_as(person)


def text(response) -> str:
    return response.content.decode()


def test_a_month_closes_on_its_page(first, second, server):
    one, other = visit_as(first), visit_as(second)

    assert "September 2026" in text(one.get(LIST))
    assert "€38.40" in text(one.get(PAGE))
    begun = one.post(f"{PAGE}/begin", follow=True)
    assert "A second person of finance closes this month" in text(begun)
    assert "somebody else of finance closes" in text(one.get(PAGE))
    assert "Close September 2026 for good" in text(other.get(PAGE))
    closed = other.post(f"{PAGE}/close", {"total": "38.40"}, follow=True)

    assert "2026-000001" in text(closed)
    assert BillingMonth.objects.get().state == "closed"


def test_a_month_is_opened_again(first, server):
    visit = visit_as(first)
    visit.post(f"{PAGE}/begin")

    assert "open again" in text(visit.post(f"{PAGE}/take-back", follow=True))
    assert BillingMonth.objects.get().state == "open"


@pytest.mark.parametrize(
    ("sent", "status"),
    [({"total": "38.39"}, 409), ({"total": "veel"}, 422), ({}, 422), ({"total": "NaN"}, 422)],
)
def test_a_total_that_nobody_saw_closes_nothing(first, second, server, sent, status):
    begin_closing(SEPTEMBER, actor=first)

    response = visit_as(second).post(f"{PAGE}/close", sent)

    assert response.status_code == status
    assert "This was not done" in text(response)
    assert BillingMonth.objects.get().state == "closing"


def test_what_is_wrong_is_told_with_where_it_is_solved(first, server, project):
    used(project, day(1), day(2), sku=SkuFactory(code="zonder.prijs"))

    page = text(visit_as(first).get(PAGE))

    assert "zonder.prijs" in page
    assert 'href="/costs?month=2026-09"' in page
    assert "€38.40 of 1 project falls under no cost centre." in page
    assert f'action="{PAGE}/begin"' not in page
    assert visit_as(first).post(f"{PAGE}/begin").status_code == 409


def test_who_pays_reads_their_own_statement(close, server, payer, project):
    used(make_project(make_organization(name="Andere dienst")), day(1), day(2))
    close(SEPTEMBER)
    own = Statement.objects.get(organization__name="Dienst")
    other = Statement.objects.get(organization__name="Andere dienst")

    assert "September 2026" in text(payer.get(LIST))
    page = text(payer.get(PAGE))
    assert own.number in page
    assert "Andere dienst" not in page
    assert "Zaaksysteem" in text(payer.get(f"/costs/months/statements/{own.public_id}"))
    for ending in ("", ".pdf", ".csv"):
        assert payer.get(f"/costs/months/statements/{other.public_id}{ending}").status_code == 404


def test_what_closing_comes_to_and_its_statements_can_be_downloaded(
    close, server, project, first, payer
):
    used(make_project(make_organization(name="Andere dienst")), day(1), day(11))
    visit = visit_as(first)

    head, *coming = download(visit, visit.get(PAGE))
    assert head[:3] == ["Organization", "Total", "Corrections of closed months"]
    assert head[3:] == ["Given back", "Shared costs"]
    assert coming == [["Andere dienst", "12.8", "0", "0", "0"], ["Dienst", "38.4", "0", "0", "0"]]

    close(SEPTEMBER)
    numbers = {each.organization.name: each.number for each in Statement.objects.all()}
    of_all = download(visit, visit.get(PAGE))
    assert of_all[0] == ["Month", "Number", "Organization", "Total"]
    assert sorted(row[1:] for row in of_all[1:]) == [
        [numbers["Andere dienst"], "Andere dienst", "12.8"],
        [numbers["Dienst"], "Dienst", "38.4"],
    ]
    assert download(payer, payer.get(PAGE))[1:] == [
        ["2026-09", numbers["Dienst"], "Dienst", "38.4"]
    ]
    (row,) = download(payer, payer.get(LIST))[1:]
    assert (row[0], *row[2:]) == ("2026-09", "1", "38.4")


def test_a_late_use_stands_apart_in_the_file_of_a_closing(close, server, project, first):
    close(SEPTEMBER)
    used(project, day(1), day(11))
    visit = visit_as(first)

    ((_name, total, corrected, *_rest),) = download(visit, visit.get(f"{LIST}/2026-10"))[1:]

    assert (total, corrected) == ("51.2", "12.8")


def test_of_a_month_that_is_open_who_pays_downloads_nothing(first, server, payer):
    assert payer.get(f"{PAGE}/statements.csv").status_code == 404
    assert visit_as(first).get(f"{LIST}/2030-01/statements.csv").status_code == 404


def test_who_pays_closes_nothing(close, server, payer):
    assert payer.get(PAGE).status_code == 404
    for act in ("begin", "close", "take-back"):
        assert payer.post(f"{PAGE}/{act}").status_code == 403
    close(SEPTEMBER)
    line = StatementLine.objects.get()
    assert payer.get(f"/costs/months/lines/{line.public_id}/credit").status_code == 403


@pytest.mark.parametrize("key", ["2026-13", "2026-9", "nu", "2030-01", "2026-11"])
def test_a_month_that_cannot_be_closed_has_no_page(first, server, key):
    assert visit_as(first).get(f"{LIST}/{key}").status_code == 404


def test_the_document_is_served_as_it_was_made(close, server, payer):
    close(SEPTEMBER)
    make_documents()
    statement = Statement.objects.get()

    response = payer.get(f"/costs/months/statements/{statement.public_id}.pdf")

    assert response.content == bytes(statement.document)
    assert response["Content-Type"] == "application/pdf"
    assert statement.number in response["Content-Disposition"]


def test_who_is_too_early_for_the_document_is_told(close, server, payer):
    close(SEPTEMBER)
    page = f"/costs/months/statements/{Statement.objects.get().public_id}"

    assert "PDF is still being made" in text(payer.get(f"{page}.pdf", follow=True))
    assert f"{page}.pdf" not in text(payer.get(page))
    make_documents()
    assert f"{page}.pdf" in text(payer.get(page))
    assert "PDF is still being made" not in text(payer.get(page))


def test_lines_in_a_spreadsheet_are_never_calculated(close, server, payer, project):
    project.name = "=1+1"
    project.save()
    close(SEPTEMBER)
    statement = Statement.objects.get()

    content = (
        payer.get(f"/costs/months/statements/{statement.public_id}.csv").getvalue().decode("utf-8")
    )

    head, line = content.removeprefix("\ufeff").splitlines()
    assert head.split(",")[:3] == ["Statement", "Line", "Kind"]
    assert ",'=1+1," in line
    assert ",38.4," in line


def test_something_is_given_back_of_a_line(close, server, first, second):
    close(SEPTEMBER)
    line = StatementLine.objects.get()
    page, visit = f"/costs/months/lines/{line.public_id}/credit", visit_as(first)

    for wrong in ({"amount": "38.41", "reason": "Storing"}, {"amount": "8.40", "reason": ""}):
        refused = visit.post(page, wrong)
        assert refused.status_code == 422
        assert wrong["amount"] in text(refused)
    assert not Credit.objects.exists()
    visit.post(page, {"amount": "8.40", "reason": "Storing"})
    credit = Credit.objects.get()
    assert credit.amount == Decimal("8.40")
    assert "Storing" in text(visit.get(f"/costs/months/statements/{line.statement.public_id}"))
    assert "Storing" in text(visit.get("/costs/months/2026-10"))

    visit.post(f"/costs/months/credits/{credit.public_id}/take-back")
    assert prepare_closing(OCTOBER).credits == []


def test_who_did_not_propose_it_confirms_it(close, server, first, second):
    close(SEPTEMBER)
    line = StatementLine.objects.get()
    page, confirm = f"/costs/months/statements/{line.statement.public_id}", "/confirm"
    visit_as(second).post(
        f"/costs/months/lines/{line.public_id}/credit", {"amount": "8.40", "reason": "Storing"}
    )
    credit = Credit.objects.get()
    assert confirm not in text(visit_as(second).get(page))
    assert confirm in text(visit_as(first).get(page))

    address = f"/costs/credits/{credit.public_id}/confirm"
    refused = visit_as(second).post(address, follow=True)
    assert "Somebody else of finance must confirm it" in text(refused)
    done = visit_as(first).post(address, follow=True)

    assert "Confirmed by Fatima Aydin" in text(done)
    assert confirm not in text(visit_as(first).get(page))
    begin_closing(OCTOBER, actor=first)
    assert "for good" in text(visit_as(second).get("/costs/months/2026-10"))


def test_the_menu_counts_what_waits_for_a_second_person(first, second, server):
    begin_closing(SEPTEMBER, actor=first)

    assert "cl-sidenav__count" in text(visit_as(second).get(LIST))
    assert "cl-sidenav__count" not in text(visit_as(first).get(LIST))


def test_a_statement_of_many_lines_has_pages(close, payer, service, monkeypatch):
    monkeypatch.setattr("billing.views.statements.ROWS_PER_PAGE", 2)
    set_price("38.40")
    for number in range(5):
        used(make_project(service, name=f"Zaak {number}"), day(1))
    close(SEPTEMBER)
    statement = Statement.objects.get()
    page = f"/costs/months/statements/{statement.public_id}"

    first, last = payer.get(page), payer.get(f"{page}?page=3&bookings=2")

    assert [line.project_name for line, _ in first.context["lines"]] == ["Zaak 0", "Zaak 1"]
    assert [line.project_name for line, _ in last.context["lines"]] == ["Zaak 4"]
    assert [one.project_name for one in last.context["bookings"]] == ["Zaak 2", "Zaak 3"]
    assert text(last).count("€192.00") == 2  # the total of all of it, below both
    assert 'aria-label="Pages: To book"' in text(last)  # each list has pages of its own
    assert payer.get(f"{page}?page=99&bookings=nonsense").status_code == 200
