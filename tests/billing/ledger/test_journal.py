"""Journal lines: what statements come to, as a ledger takes it in."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from billing.bookings import bookings_of
from billing.ledger.layout import Column, Field, Layout
from billing.ledger.settings_file import LedgerSettings
from billing.models import BillingMonth, LineKind, Sku, Statement, StatementLine
from billing.models.statement import SHARES
from billing.services.skus import edit_sku
from portal.identity.models import Role, VatTreatmentPeriod
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, used
from tests.billing.months.conftest import september as day
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.factories.billing import LONG_AGO, set_price

MONTH = "/costs/months/2026-09/journal"
HEADERS = [
    *("Boekdatum", "Periode", "Grootboek", "Kostenplaats", "Kostendrager", "Kostensoort"),
    *("Verplichtingnummer", "Bedrag", "Btw-code", "Omschrijving", "Bron-id"),
]


def read_csv(response) -> list[dict[str, str]]:
    text = response.getvalue().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text), delimiter=";"))


def read_xlsx(response) -> list[tuple]:
    return list(load_workbook(io.BytesIO(response.getvalue())).active.iter_rows(values_only=True))


def amounts_of(rows) -> list[Decimal]:
    return [Decimal(row["Bedrag"].replace(",", ".")) for row in rows]


@pytest.mark.django_db
def test_a_statement_as_journal_lines(close, server, service, first):
    VatTreatmentPeriod.objects.create(
        organization=service, treatment="standard_21", valid_from=LONG_AGO
    )
    close(SEPTEMBER)
    statement = Statement.objects.get()

    rows = read_csv(
        visit_as(first).get(f"/costs/months/statements/{statement.public_id}/journal.csv")
    )

    booked = statement.issued_at.astimezone(SEPTEMBER.start.tzinfo).strftime("%d-%m-%Y")
    values = [booked, "2026-09", "", "", "", "Compute", "", "38,4", "S", "Zaaksysteem"]
    assert rows == [dict(zip(HEADERS, [*values, "2026-000001/1"], strict=True))]


@pytest.mark.django_db
def test_another_category_of_a_sku_books_no_closed_month_anew(close, server, first, project):
    close(SEPTEMBER)
    path = f"{MONTH}.csv"
    before = read_csv(visit_as(first).get(path))

    edit_sku(
        "server.gp.small",
        actor=first,
        service_category="Storage",
        service_subcategory="Block Storage",
    )
    close(OCTOBER)

    assert read_csv(visit_as(first).get(path)) == before
    assert [row["Kostensoort"] for row in before] == ["Compute"]
    later = read_csv(visit_as(first).get(path.replace("09", "10")))
    assert [row["Kostensoort"] for row in later] == ["Storage"]


@pytest.mark.django_db
def test_what_is_put_right_is_booked_where_it_was_booked(close, server, first):
    close(SEPTEMBER)
    edit_sku(
        "server.gp.small",
        actor=first,
        service_category="Storage",
        service_subcategory="Block Storage",
    )
    server.spans.update(ended_at=day(16))
    close(OCTOBER)

    (row,) = read_csv(visit_as(first).get(MONTH.replace("09", "10") + ".csv"))

    assert (row["Bedrag"], row["Kostensoort"]) == ("-19,2", "Compute")
    line = StatementLine.objects.get(kind=LineKind.CORRECTION)
    assert (line.category, line.subcategory) == ("Compute", "Virtual Machines")


@pytest.mark.django_db
def test_a_month_adds_up_to_its_statements(close, server, first, project):
    used(make_project(make_organization(name="Andere dienst")), day(1), day(12))
    used(project, day(3), day(4))
    close(SEPTEMBER)
    server.spans.update(ended_at=day(16))
    close(OCTOBER)
    visit = visit_as(first)

    for month in BillingMonth.objects.all():
        rows = read_csv(visit.get(f"/costs/months/{month.key}/journal.csv"))
        totals = month.statements.values_list("total", flat=True)
        assert sum(amounts_of(rows)) == sum(totals)
        assert len({row["Bron-id"] for row in rows}) == len(rows)
    assert rows[-1]["Omschrijving"] == "Zaaksysteem, Correctie van september 2026"


@pytest.mark.django_db
def test_what_nobody_may_see_is_in_no_file(close, server, service, first):
    used(make_project(make_organization(name="Andere dienst"), name="Geheim"), day(1), day(2))
    person = PersonFactory()
    grant(person, Role.FINANCE, service)
    visit = visit_as(person)
    assert visit.get(f"{MONTH}.csv").status_code == 404  # it is not closed
    close(SEPTEMBER)

    own = Statement.objects.get(organization=service)
    other = Statement.objects.exclude(pk=own.pk).get()

    assert sum(amounts_of(read_csv(visit.get(f"{MONTH}.csv")))) == own.total
    assert visit.get(f"/costs/months/statements/{other.public_id}/journal.csv").status_code == 404
    assert visit.get("/costs/months/2026-08/journal.csv").status_code == 404
    assert visit.get("/costs/months/ooit/journal.csv").status_code == 404
    assert visit.get(f"{MONTH}.pdf").status_code == 404
    assert visit_as(PersonFactory()).get(f"{MONTH}.csv").status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["=1+1", "a\x01\x0b\x1fb", ']]>&<;",', "@sum", "-2+3"])
def test_no_name_breaks_a_file_or_is_calculated(close, server, project, first, name):
    project.name = name
    project.save()
    close(SEPTEMBER)
    visit = visit_as(first)

    (row,) = read_csv(visit.get(f"{MONTH}.csv"))
    head, line = read_xlsx(visit.get(f"{MONTH}.xlsx"))

    assert row["Omschrijving"].lstrip("'") == name
    assert row["Omschrijving"][0] not in "=@-"
    assert list(head) == HEADERS
    assert line[HEADERS.index("Bedrag")] == 38.4
    assert line[HEADERS.index("Omschrijving")].replace("\ufffd", "") == "".join(
        letter for letter in name if letter >= " "
    )


@pytest.mark.django_db
def test_the_ledger_says_which_columns_and_codes(close, server, first, settings):
    layout = Layout(
        columns=(
            Column(header="Dagboek", value="DVB"),
            Column(header="Bedrag", field=Field.AMOUNT),
            Column(header="GL", field=Field.LEDGER_ACCOUNT),
            Column(header="Soort", field=Field.COST_TYPE),
            Column(header="Maand", field=Field.PERIOD),
            Column(header="Wie", field=Field.PAYER),
        ),
        ledger_accounts={"Storage": "440200", "default": "440900"},
        cost_types={"Compute": "ICT-REKEN"},
        period_format="%Y%m",
    )
    settings.LEDGER = LedgerSettings(layout=layout)
    close(SEPTEMBER)

    head, line = read_xlsx(visit_as(first).get(f"{MONTH}.xlsx"))

    assert head == ("Dagboek", "Bedrag", "GL", "Soort", "Maand", "Wie")
    assert line == ("DVB", 38.4, "440900", "ICT-REKEN", "202609", "Dienst")


@pytest.mark.django_db
def test_the_file_is_the_same_whatever_the_language(close, server, first):
    close(SEPTEMBER)

    dutch, english = (
        visit_as(first, language).get(f"{MONTH}.csv").getvalue() for language in ("nl", "en")
    )

    assert dutch == english


@pytest.mark.django_db
def test_the_pages_offer_the_files(close, server, first):
    set_price("1.00", sku="server.gp.large")
    close(SEPTEMBER)
    statement = Statement.objects.get()
    visit = visit_as(first)

    for page, file in (
        ("/costs/months/2026-09", MONTH),
        (
            f"/costs/months/statements/{statement.public_id}",
            f"/costs/months/statements/{statement.public_id}/journal",
        ),
    ):
        text = visit.get(page).content.decode()
        for form in ("csv", "xlsx"):
            assert f'href="{file}.{form}"' in text


codes = st.none() | st.sampled_from(["1001", "1002", ""])
lines = st.lists(
    st.builds(
        lambda category, kind, reason, names, source, **facts: StatementLine(
            sku=Sku(service_category=category),
            kind=kind,
            used_in=BillingMonth(first_day=date(2026, 1 + len(names), 1)),
            reason=reason if kind == LineKind.CREDIT else "",
            names={"project": names, **({"source": source} if kind in SHARES else {})},
            **facts,
        ),
        category=st.sampled_from(["Compute", "Storage"]),
        kind=st.sampled_from(LineKind.values),
        reason=st.sampled_from(["Storing", "Te veel"]),
        names=st.sampled_from(["", "A", "B\x00"]),
        source=st.sampled_from(["Gateway", "Logcluster"]),
        cost_center=codes,
        cost_object=codes,
        commitment_number=codes,
        amount=st.decimals(-(10**6), 10**6, places=2),
    ),
    max_size=30,
)


@given(lines=lines, random=st.randoms())
def test_bookings_are_the_lines_in_any_order_and_language(lines, random):
    for position, line in enumerate(lines, start=1):
        line.position = position
    with override("en"):
        bookings = bookings_of(lines)
    shuffled = random.sample(lines, len(lines))
    with override("nl"):
        others = bookings_of(shuffled)

    assert sum(booking.amount for booking in bookings) == sum(line.amount for line in lines)
    assert sum(booking.line_count for booking in bookings) == len(lines)
    positions = [booking.first_position for booking in bookings]
    assert len(set(positions)) == len(positions)
    assert [(one.first_position, one.amount) for one in others] == [
        (one.first_position, one.amount) for one in bookings
    ]
