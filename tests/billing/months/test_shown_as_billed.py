"""Whatever shows a closed month says what its statements say, and not what is known since."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.utils.translation import override

from billing.cost_centers import allocated_costs, as_sheet
from billing.cost_sheets import cost_rows
from billing.models import (
    AllocationKey,
    MonthSummary,
    OutdatedMonth,
    Statement,
    StatementLine,
    SummaryDay,
)
from billing.overview import Overview, make_overview
from billing.services.closing import begin_closing, close_month, prepare_closing
from billing.services.credits import propose_credit
from billing.services.month_costs import day_costs, month_costs, month_totals, resource_costs
from billing.services.summaries import keep_summaries
from portal.core.calendar import Period, month, start_of_day
from portal.identity.models import Node, NodeParent, Organization, Person, Project, Role
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, Close, october, september, used
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant, make_organization
from tests.factories.billing import set_price

NOW = start_of_day(date(2026, 11, 16))
NOVEMBER = month(2026, 11)
BILLED = Decimal("38.40")
pytestmark = pytest.mark.django_db


@pytest.fixture
def late(close: Close, server: Any, project: Project) -> Project:
    """September was billed for 38.40; then it turned out to be half of that, and more elsewhere."""
    close(SEPTEMBER)
    server.spans.update(ended_at=september(16))
    set_price("7.77", sku="late")
    used(project, september(1), september(11), sku__code="late")
    return project


@pytest.fixture
def corrected(late: Project, first: Person, second: Person) -> Project:
    """October puts September right, and gives back 8.40 of it."""
    line = StatementLine.objects.get()
    propose_credit(line.public_id, amount=Decimal("8.40"), reason="Storing", actor=first)
    begin_closing(OCTOBER, actor=first)
    close_month(OCTOBER, actor=second, total=prepare_closing(OCTOBER).total)
    return late


def total_of(period: Period) -> Decimal:
    return Statement.objects.get(month__first_day=period.start.date()).total


def overview_of(node: Node, period: Period, **options: Any) -> Overview:
    return make_overview([node.pk], node=node, month=period, now=NOW, **options)


def test_lines_and_totals_are_those_of_the_statements(late: Project) -> None:
    (found,) = month_costs([late.pk], [SEPTEMBER], at=NOW)
    (total,) = month_totals([late.pk], [SEPTEMBER], at=NOW)

    assert found.closed
    assert (found.realised.total, found.expected.total) == (BILLED, BILLED)
    assert (total.realised, total.expected, total.is_billed) == (BILLED, BILLED, True)


@pytest.mark.parametrize("is_kept", [False, True], ids=["from usage", "from a summary"])
def test_also_the_days(late: Project, is_kept: bool) -> None:
    if is_kept:
        keep_summaries(at=NOW)
    (found,) = month_costs([late.pk], [SEPTEMBER], at=NOW)

    for node in (late, late.parent, late.parent.parent):
        days = day_costs([node.pk], found)

        assert [(day.realised, day.expected) for day in days] == [(Decimal("1.28"),) * 2] * 30
    assert SummaryDay.objects.filter(summary__month_start=SEPTEMBER.start).exists() == is_kept


def test_what_is_paid_once_is_on_its_day(close: Close, project: Project) -> None:
    set_price("12.50", sku="setup", unit="one_off")
    used(project, september(5), sku__code="setup")
    close(SEPTEMBER)
    (found,) = month_costs([project.pk], [SEPTEMBER], at=NOW)

    days = {day.day.day: day.realised for day in day_costs([project.pk], found) if day.realised}

    assert days == {5: Decimal("12.50")}


def test_a_worker_keeps_the_days_once_and_minds_no_late_facts(late: Project) -> None:
    keep_summaries(at=NOW)
    used(late, september(2), september(3))
    assert OutdatedMonth.objects.filter(month_start=SEPTEMBER.start).exists()

    keep_summaries(at=NOW + timedelta(hours=1))

    (kept,) = MonthSummary.objects.filter(month_start=SEPTEMBER.start)
    assert (kept.is_billed, kept.taken_at) == (True, NOW)
    assert not OutdatedMonth.objects.filter(month_start=SEPTEMBER.start).exists()


def test_also_the_resources(late: Project) -> None:
    (found,) = month_costs([late.pk], [SEPTEMBER], at=NOW)

    assert [cost.exact for cost in resource_costs(late.pk, found)] == [BILLED]


def test_also_the_overview_its_year_and_what_it_is_compared_with(late: Project) -> None:
    shown = overview_of(late, SEPTEMBER)
    october = overview_of(late, OCTOBER)

    assert (shown.realised.total, shown.is_billed, shown.rounding) == (BILLED, True, 0)
    assert [one.total.realised for one in shown.year if one.start == SEPTEMBER.start] == [BILLED]
    assert (october.before.total, october.is_billed) == (BILLED, False)


def test_corrections_and_credits_are_in_the_month_on_whose_statement_they_are(
    corrected: Project,
) -> None:
    """Used nothing, 19.20 back because it ended earlier, 2.59 of late use, 8.40 given back."""
    shown = overview_of(corrected, OCTOBER)

    assert total_of(OCTOBER) == Decimal("-25.01")
    assert shown.realised.total == shown.put_right == total_of(OCTOBER)
    assert overview_of(corrected, SEPTEMBER).realised.total == BILLED
    assert sorted((line.kind, line.amount) for line in shown.realised.lines) == [
        ("correction", Decimal("-19.20")),
        ("correction", Decimal("2.59")),
        ("credit", Decimal("-8.40")),
    ]
    assert (shown.resources, shown.rounding) == ((), 0)
    assert sum(one.total.realised for one in shown.year) == total_of(SEPTEMBER) + total_of(OCTOBER)


@override("en")
def test_sheets_mark_them(corrected: Project) -> None:
    _header, *rows = cost_rows(overview_of(corrected, OCTOBER, other=SEPTEMBER))
    found = allocated_costs(
        [corrected.pk], key=AllocationKey.COST_CENTER, month=OCTOBER, now=NOW, chosen=""
    )
    _header, *allocated = as_sheet(found)

    assert sorted(row[4:] for row in rows) == [
        ("Correction", Decimal("-19.20"), Decimal("-19.20"), 0),
        ("Correction", Decimal("2.59"), Decimal("2.59"), 0),
        ("Credit", Decimal("-8.40"), Decimal("-8.40"), 0),
        ("Use", 0, 0, BILLED),
    ]
    assert sorted(row[-2:] for row in allocated) == [
        ["Correction", Decimal("-19.20")],
        ["Correction", Decimal("2.59")],
        ["Credit", Decimal("-8.40")],
    ]
    assert found.is_billed
    assert found.total == found.put_right == found.unallocated == total_of(OCTOBER)
    assert [row.kind for row in found.projects or ()].count("credit") == 1


def test_a_statement_counts_where_who_pays_stood_when_its_month_ended(
    close: Close, server: Any, service: Organization
) -> None:
    ministry, other = service.parent, make_organization(name="Ander")
    move(service, other, at=september(16))
    close(SEPTEMBER)
    move(service, ministry, at=october(1))

    (here,) = month_totals([ministry.pk], [SEPTEMBER], at=NOW)
    (there,) = month_totals([other.pk], [SEPTEMBER], at=NOW)
    (both,) = month_totals([ministry.pk, other.pk], [SEPTEMBER], at=NOW)
    keep_summaries(at=NOW)
    (found,) = month_costs([other.pk], [SEPTEMBER], at=NOW)

    assert (here.realised, there.realised, both.realised) == (0, BILLED, BILLED)
    assert sum(day.realised for day in day_costs([other.pk], found)) == BILLED
    assert sum(day.realised for day in day_costs([ministry.pk], found)) == 0


def move(node: Node, parent: Node, *, at: Any) -> None:
    NodeParent.objects.filter(node=node, valid_until=None).update(valid_until=at)
    NodeParent.objects.create(node=node, parent=parent, valid_from=at)


# --- pages -------------------------------------------------------------------------------------


@pytest.fixture
def reader(project: Project, monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.setattr("billing.views.costs.now", lambda: NOW)
    monkeypatch.setattr("billing.views.allocation.now", lambda: NOW)
    person: Person = PersonFactory()
    grant(person, Role.FINANCE, project.parent.parent)
    return person


def text_of(reader: Person, path: str, **query: str) -> str:
    """What a person reads, in one line."""
    response = visit_as(reader).get(path, query)
    assert response.status_code == 200
    text = unescape(re.sub(r"<[^>]+>", " ", response.content.decode()))
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.mark.parametrize("path", ["/costs", "/costs/cost-centres"])
def test_pages_say_whether_a_month_was_billed(
    corrected: Project, reader: Person, path: str
) -> None:
    assert "As billed" in text_of(reader, path, month="2026-09")
    billed = text_of(reader, path, month="2026-10")
    assert "As billed" in billed
    assert "25.01 is corrections of earlier months" in billed
    running = text_of(reader, path, month="2026-11")
    assert "Still running" in running
    assert "As billed" not in running


def test_a_month_that_is_over_and_not_closed_says_so(late: Project, reader: Person) -> None:
    text = text_of(reader, "/costs", month="2026-10")

    assert "Not closed yet Nothing was billed yet" in text


def test_a_project_shows_what_was_put_right_beside_its_resources(
    corrected: Project, reader: Person
) -> None:
    text = text_of(reader, "/costs", month="2026-10", node=str(corrected.public_id))

    assert "Corrections and money given back Of earlier months" in text
    assert "Rounding" not in text


def test_who_paid_before_finds_those_months_and_no_dead_link(
    close: Close, server: Any, project: Project, reader: Person
) -> None:
    """The project moved to another ministry, with all of its use: what was billed stays here."""
    close(SEPTEMBER)
    other = make_organization(make_organization(name="Ander ministerie"), "Andere dienst")
    move(project, other, at=october(1))
    Node.objects.filter(pk=project.pk).update(parent=other, ancestor_ids=other.lineage_ids)

    page = visit_as(reader).get("/costs", {"month": "2026-09"}).content.decode()

    assert f"{project.name}</span>" in page
    assert f"node={project.public_id}" not in page
    links = re.findall(r'href="(/costs\?[^"]*node=[^"]*)"', page)
    assert links
    for link in links:
        assert visit_as(reader).get(unescape(link)).status_code == 200


def test_who_closes_gets_no_dead_link(server: Any, first: Person, service: Organization) -> None:
    page = visit_as(first).get("/costs/months/2026-09").content.decode()

    assert service.name in page
    assert str(service.public_id) not in page
    assert visit_as(first).get("/costs", {"month": "2026-09"}).status_code == 200
