"""What lines of a statement fall under, and what is to be booked of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing.bookings import bookings_of
from billing.focus.export import export_month
from billing.models import AllocationFact, MeteredResource, Statement, StatementLine
from billing.services.checking import check_months
from portal.core.calendar import month
from portal.identity.models import CostCentre, Person, Project
from tests.billing.months.conftest import SEPTEMBER, september, used
from tests.billing.visits import visit_as

OCTOBER = month(2026, 10)
pytestmark = pytest.mark.django_db


@pytest.fixture
def two_centers(project: Project, server: MeteredResource) -> Project:
    """Another cost centre from the sixteenth of September on."""
    turn = september(16)
    CostCentre.objects.create(
        node=project, code="410210", valid_from=september(1), valid_until=turn
    )
    CostCentre.objects.create(node=project, code="410230", valid_from=turn)
    AllocationFact.objects.create(
        node=project, key="commitment_number", value="2026-0093", valid_from=september(1)
    )
    return project


def falls_under(line: Any) -> tuple[str | None, str | None, str | None]:
    return line.cost_center, line.cost_object, line.commitment_number


def test_a_line_is_of_one_allocation(close: Any, two_centers: Project) -> None:
    close(SEPTEMBER)

    lines = Statement.objects.get().lines.order_by("position")
    assert [(*falls_under(line), line.amount) for line in lines] == [
        ("410210", None, "2026-0093", Decimal("19.20")),
        ("410230", None, "2026-0093", Decimal("19.20")),
    ]
    assert [line.sources.count() for line in lines] == [1, 1]
    assert [flaw for check in check_months() for flaw in check.flaws] == []


def test_what_nobody_allocated_says_so(close: Any, server: MeteredResource) -> None:
    close(SEPTEMBER)

    assert falls_under(StatementLine.objects.get()) == (None, None, None)


def test_late_use_is_corrected_under_what_it_falls_under(close: Any, two_centers: Project) -> None:
    close(SEPTEMBER)
    used(two_centers, september(20), september(25))
    close(OCTOBER)

    (correction,) = StatementLine.objects.filter(kind="correction")
    assert falls_under(correction) == ("410230", None, "2026-0093")
    assert correction.amount == Decimal("6.40")
    assert falls_under(correction.corrects) == falls_under(correction)


def test_what_falls_under_something_else_afterwards_moves(
    close: Any, two_centers: Project, server: MeteredResource
) -> None:
    close(SEPTEMBER)
    AllocationFact.objects.create(
        resource=server, key="cost_object", value="zaken", valid_from=september(1)
    )
    close(OCTOBER)

    moved = StatementLine.objects.filter(kind="correction").order_by("position")
    assert sum(line.amount for line in moved) == 0
    assert sorted((*falls_under(line)[:2], line.amount) for line in moved if line.amount > 0) == [
        ("410210", "zaken", Decimal("19.20")),
        ("410230", "zaken", Decimal("19.20")),
    ]
    assert all(line.corrects for line in moved if line.amount < 0)


def test_bookings_add_up_to_the_statement(close: Any, two_centers: Project) -> None:
    used(two_centers, september(20), september(25))
    close(SEPTEMBER)
    used(two_centers, september(20), september(25))
    close(OCTOBER)

    for statement in Statement.objects.order_by("sequence"):
        bookings = bookings_of(statement.lines.select_related("used_in").order_by("position"))
        assert sum(booking.amount for booking in bookings) == statement.total
        assert sum(booking.line_count for booking in bookings) == statement.lines.count()
    assert [(one.cost_center, one.note, one.amount) for one in bookings] == [
        ("410230", "", Decimal("38.40")),
        ("410230", "Correctie van september 2026", Decimal("6.40")),
    ]


def test_the_page_says_what_is_to_be_booked(
    close: Any, two_centers: Project, second: Person
) -> None:
    close(SEPTEMBER)
    statement = Statement.objects.get()

    page = visit_as(second).get(f"/costs/months/statements/{statement.public_id}").content.decode()

    assert page.count("410210") == 2
    assert "cost centre 410210, commitment 2026-0093" in page


def test_focus_rows_of_a_closed_month_say_it_too(close: Any, two_centers: Project) -> None:
    close(SEPTEMBER)

    rows = export_month([two_centers.pk], month=SEPTEMBER, as_of=SEPTEMBER.end)

    assert [(row["x_CostCenter"], row["x_CommitmentNumber"]) for row in rows] == [
        ("410210", "2026-0093"),
        ("410230", "2026-0093"),
    ]
