"""Months with minimum terms: what is not used is billed month by month, and stays as it was."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.models import MeteredResource, StatementLine, StatementLineSource, UsageSpan
from billing.services.billed import billed_days
from billing.services.charging import cost_by_day, cost_of_resource
from billing.services.checking import check_months
from billing.services.corrections import LateFacts, find_late_facts
from portal.core.calendar import day_of
from portal.identity.models import Person, Project
from tests.billing.downloads import download
from tests.billing.months.conftest import SEPTEMBER, Close, september
from tests.billing.test_minimum_terms import DISK, Use, disk
from tests.billing.visits import visit_as
from tests.factories.billing import set_price

pytestmark = pytest.mark.django_db


@pytest.fixture
def use(project: Project) -> Use:
    """A hundred GiB at ten cents for a year, used for half a month and then thirty."""
    set_price("0.1", sku=DISK, unit="gib_month", minimum_months=12)
    use = Use(project)
    use.start(september(1), disk(100))
    use.change(september(16), disk(30))
    return use


def flaws() -> list[str]:
    return [flaw for check in check_months() for flaw in check.flaws if "document" not in flaw]


def test_a_statement_has_one_line_of_what_is_used_and_what_is_not(use: Use, close: Close) -> None:
    close(SEPTEMBER)

    line = StatementLine.objects.get()
    assert (line.unit_price, line.quantity, line.amount) == (Decimal("0.1"), 100, 10)
    assert StatementLineSource.objects.filter(line=line).count() == 3
    assert flaws() == []


def test_the_file_of_a_line_says_what_was_not_used(use: Use, close: Close, first: Person) -> None:
    close(SEPTEMBER)
    visit = visit_as(first)

    page = visit.get(f"/costs/months/lines/{StatementLine.objects.get().public_id}")
    head, *rows = download(visit, page)

    assert head[-1] == "Not used; due until"
    said = {(row[5], row[8]): row[-1] for row in rows}
    assert said == {
        ("2026-09-01T00:00:00+02:00", "100"): "",
        ("2026-09-16T00:00:00+02:00", "30"): "",
        ("2026-09-16T00:00:00+02:00", "70"): "2027-09-01",
    }


def test_days_of_a_closed_month_are_those_that_were_reckoned(
    use: Use, project: Project, close: Close
) -> None:
    before = cost_by_day([project.pk], month=SEPTEMBER, as_of=SEPTEMBER.end)

    after = billed_days([project.pk], close(SEPTEMBER))

    assert {one.day: one.exact for one in before} == {
        day_of(start): amount for start, amount in after.items()
    }


def test_what_is_used_again_later_puts_nothing_right_of_a_closed_month(
    use: Use, close: Close
) -> None:
    close(SEPTEMBER)

    use.change(SEPTEMBER.end + timedelta(days=3), disk(100))

    assert find_late_facts() == LateFacts()
    assert UsageSpan.objects.get(is_unused=True).ended_at == SEPTEMBER.end + timedelta(days=3)


def test_a_resource_costs_by_its_term_as_time_goes_by(use: Use) -> None:
    use.end(september(20))

    resource = MeteredResource.objects.get()
    half, whole = (
        cost_of_resource(resource.public_id, as_of=moment)
        for moment in (september(16), SEPTEMBER.end)
    )

    assert [cost.amount for cost in (half, whole) if cost] == [5, 10]
