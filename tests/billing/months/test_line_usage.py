"""The use behind a line of a statement: that it adds up to it, and who is led where from it."""

from __future__ import annotations

import csv
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from billing.models import Credit, MeteredResource, StatementLine
from billing.services.line_usage import usage_of, used_of
from portal.core.calendar import day_of
from portal.core.money import to_cents
from portal.identity.models import NodeParent, Organization, Person, Project, Role
from tests.billing.months.conftest import (
    OCTOBER,
    SEPTEMBER,
    Close,
    around_the_triggers,
    october,
    september,
    used,
)
from tests.billing.test_tiers import DISK, set_tiers
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, SkuFactory, UsageSpanFactory

pytestmark = pytest.mark.django_db


def person_with(role: Role, node: Any) -> Person:
    person: Person = PersonFactory()
    grant(person, role, node)
    return person


def page_of(line: StatementLine) -> str:
    return f"/costs/months/lines/{line.public_id}"


def text(response: Any) -> str:
    return str(response.content.decode())


def test_the_pieces_are_the_line(server: MeteredResource, project: Project, close: Close) -> None:
    used(project, september(3), september(19))
    used(project, september(7), september(8), quantity=Decimal(3))
    set_tiers(("100", "0.10"), ("200", "0.05"), unit="gib_month")
    for size, day in (("80", 1), ("340", 16)):
        UsageSpanFactory(
            resource=MeteredResourceFactory(project=project),
            sku=SkuFactory(code=DISK),
            quantity=Decimal(size),
            started_at=september(day),
        )
    close(SEPTEMBER)

    lines = list(StatementLine.objects.order_by("position"))
    assert len(lines) == 4  # of the server, and one for each tier
    for line in lines:
        pieces = list(usage_of(line))
        assert sum(piece.amount for piece in pieces) == line.exact
        assert to_cents(line.exact) == line.amount
        whole = sum(used_of(piece, line) for piece in pieces)
        assert whole == pytest.approx(line.quantity, abs=Decimal("1e-9"))


def test_a_line_leads_to_its_use_and_on(
    server: MeteredResource, service: Organization, close: Close
) -> None:
    close(SEPTEMBER)
    line = StatementLine.objects.get()
    visit = visit_as(person_with(Role.FINANCE, service))

    statement = text(visit.get(f"/costs/months/statements/{line.statement.public_id}"))
    found = visit.get(page_of(line))

    assert f'href="{page_of(line)}"' in statement
    assert "38.400000" in text(found)
    assert server.name in text(found)
    (row,) = found.context["rows"]
    assert (row.piece.seconds, row.used) == (30 * 86400, Decimal(1))
    history = "/costs/tariffs/skus/server.gp.small"
    assert f'href="{history}"' in text(found)
    assert visit.get(history).status_code == 200


def test_others_do_not_find_it(
    server: MeteredResource, service: Organization, close: Close
) -> None:
    close(SEPTEMBER)
    line = StatementLine.objects.get()
    stranger = visit_as(person_with(Role.FINANCE, make_organization()))
    requester = visit_as(person_with(Role.REQUESTER, service))

    for ending in ("", ".csv", ".xlsx"):
        assert stranger.get(page_of(line) + ending).status_code == 404
        assert requester.get(page_of(line) + ending).status_code == 403
    payer = visit_as(person_with(Role.AUDITOR, service))
    assert payer.get(f"{page_of(line)}.pdf").status_code == 404


def test_a_price_that_is_not_to_be_seen_is_not_linked(
    server: MeteredResource, service: Organization, close: Close
) -> None:
    close(SEPTEMBER)
    line = StatementLine.objects.get()
    around_the_triggers(
        "UPDATE billing_price SET organization_id = %s WHERE id = %s",
        make_organization().pk,
        line.price_id,
    )

    found = visit_as(person_with(Role.FINANCE, service)).get(page_of(line))

    assert found.status_code == 200
    assert "/costs/tariffs/" not in text(found)


def test_a_correction_leads_to_the_line_that_it_corrects(
    server: MeteredResource, project: Project, service: Organization, close: Close
) -> None:
    close(SEPTEMBER)
    used(project, september(1), october(1))
    close(OCTOBER)
    first, correction = (
        StatementLine.objects.get(kind=kind, used_in__first_day=day_of(SEPTEMBER.start))
        for kind in ("usage", "correction")
    )
    visit = visit_as(person_with(Role.FINANCE, service))

    found = text(visit.get(page_of(correction)))

    assert f'href="{page_of(first)}"' in found
    assert "less what was billed of it before" in found
    assert "From use to amount" not in found
    assert f'href="{page_of(correction)}"' in text(visit.get(page_of(first)))


def test_a_correction_of_nothing_says_so(
    platform: Organization, project: Project, server: MeteredResource, close: Close
) -> None:
    close(SEPTEMBER)
    late = make_project(project.parent, name="Later bekend")
    NodeParent.objects.update(valid_from=september(1).replace(year=2025))
    used(late, september(1), october(1))
    close(OCTOBER)
    correction = StatementLine.objects.get(kind="correction")

    found = text(visit_as(person_with(Role.FINANCE, project.parent)).get(page_of(correction)))

    assert "Nothing was billed of it before." in found


def test_money_given_back_leads_to_its_line(
    server: MeteredResource, first: Person, second: Person, service: Organization, close: Close
) -> None:
    close(SEPTEMBER)
    line = StatementLine.objects.get()
    Credit.objects.create(
        line=line,
        amount=Decimal("8.40"),
        reason="Storing",
        proposed_by=first,
        proposed_at=october(1),
        confirmed_by=second,
        confirmed_at=october(2),
    )
    close(OCTOBER)
    visit = visit_as(person_with(Role.FINANCE, service))

    found = text(visit.get(page_of(StatementLine.objects.get(kind="credit"))))

    assert "Storing" in found
    assert f'href="{page_of(line)}"' in found
    assert "Storing" in text(visit.get(page_of(line)))


def test_its_file_has_every_piece_and_calculates_nothing(
    server: MeteredResource, service: Organization, close: Close
) -> None:
    MeteredResource.objects.update(name="=1+1")
    close(SEPTEMBER)
    line = StatementLine.objects.get()
    visit = visit_as(person_with(Role.FINANCE, service))

    content = visit.get(f"{page_of(line)}.csv").getvalue().decode("utf-8-sig")

    (row,) = csv.DictReader(content.splitlines())
    assert row["Resource"] == "'=1+1"
    assert row["From"] == "2026-09-01T00:00:00+02:00"
    assert (row["Seconds"], row["Used"], row["Amount in euros"]) == ("2592000", "1", "38.4")
    sheet = visit.get(f"{page_of(line)}.xlsx")
    assert load_workbook(BytesIO(sheet.getvalue())).active["E2"].value == "=1+1"


def test_of_more_rows_than_excel_opens_there_is_csv_only(
    server: MeteredResource, service: Organization, close: Close, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.views.line_usage.LARGEST_SHEET", 1)
    close(SEPTEMBER)
    line = StatementLine.objects.get()
    visit = visit_as(person_with(Role.FINANCE, service))

    refused = visit.get(f"{page_of(line)}.xlsx", follow=True)

    assert refused.redirect_chain == [(page_of(line), 302)]
    assert "Download it as CSV." in text(refused)
    assert visit.get(f"{page_of(line)}.csv").status_code == 200


def test_queries_do_not_grow_with_the_use(
    server: MeteredResource, project: Project, service: Organization, close: Close
) -> None:
    visit = visit_as(person_with(Role.FINANCE, service))
    close(SEPTEMBER)
    for day in range(1, 20):
        used(project, october(day), october(day + 1))
    close(OCTOBER)
    counts = []
    for line in StatementLine.objects.order_by("pk"):
        with CaptureQueriesContext(connection) as queries:
            assert len(visit.get(page_of(line)).context["rows"]) >= 1
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_many_pieces_have_pages(
    server: MeteredResource,
    project: Project,
    service: Organization,
    close: Close,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("billing.views.line_usage.ROWS_PER_PAGE", 2)
    for day in range(1, 5):
        used(project, september(day), september(day + 1))
    close(SEPTEMBER)
    line = StatementLine.objects.get()
    visit = visit_as(person_with(Role.FINANCE, service))

    pages = [visit.get(f"{page_of(line)}?page={number}") for number in (1, 2, 3)]

    assert [len(page.context["rows"]) for page in pages] == [2, 2, 1]
    shown = {row.piece.pk for page in pages for row in page.context["rows"]}
    assert shown == set(line.sources.values_list("pk", flat=True))


def test_use_of_a_project_that_moved_away_is_read_by_name_only(
    server: MeteredResource, project: Project, service: Organization, close: Close
) -> None:
    close(SEPTEMBER)
    other = make_organization(name="Andere dienst")
    Project.objects.filter(pk=project.pk).update(parent=other, ancestor_ids=[other.pk])

    found = visit_as(person_with(Role.FINANCE, service)).get(page_of(StatementLine.objects.get()))

    (row,) = found.context["rows"]
    assert row.origin is None
    assert server.name in text(found)
    assert str(server.public_id) not in text(found)
