"""Months with prices that have tiers: what is billed, shown as billed, corrected and checked."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from billing.models import MeteredResource, Price, StatementLine, StatementLineSource
from billing.services.billed import billed_days
from billing.services.charging import cost_by_day
from billing.services.checking import check_months
from billing.services.corrections import find_late_facts
from portal.core.calendar import day_of
from portal.identity.models import Project
from tests.billing.months.conftest import SEPTEMBER, Close, september
from tests.billing.test_tiers import DISK, set_tiers
from tests.factories.billing import MeteredResourceFactory, SkuFactory, UsageSpanFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def disks(project: Project) -> Price:
    """Eighty GiB and, from the sixteenth on, 340; of 250 GiB-months 100 are included."""
    price = set_tiers(("100", "0.10"), ("200", "0.05"), unit="gib_month")
    use(project, "80")
    use(project, "340", begin=16)
    return price


def use(project: Project, quantity: str, begin: int = 1) -> MeteredResource:
    resource: MeteredResource = MeteredResourceFactory(project=project)
    UsageSpanFactory(
        resource=resource,
        sku=SkuFactory(code=DISK),
        quantity=Decimal(quantity),
        started_at=september(begin),
    )
    return resource


def flaws() -> list[str]:
    return [flaw for check in check_months() for flaw in check.flaws if "document" not in flaw]


def billed(**of: Any) -> list[tuple[Decimal, ...]]:
    lines = StatementLine.objects.filter(**of).order_by("position")
    return list(lines.values_list("from_quantity", "unit_price", "quantity", "amount"))


@pytest.mark.usefixtures("disks")
def test_a_statement_has_a_line_for_each_tier(close: Close) -> None:
    close(SEPTEMBER)

    assert billed() == [
        (0, 0, 100, 0),
        (100, Decimal("0.1"), 100, 10),
        (200, Decimal("0.05"), 50, Decimal("2.50")),
    ]
    assert flaws() == []


@pytest.mark.usefixtures("disks")
def test_days_of_a_closed_month_are_those_that_were_reckoned(
    project: Project, close: Close
) -> None:
    before = cost_by_day([project.pk], month=SEPTEMBER, as_of=SEPTEMBER.end)
    month = close(SEPTEMBER)

    days = {day_of(start): cost for start, cost in billed_days([project.pk], month).items()}

    assert days == {one.day: one.exact for one in before if one.day in days}
    assert sum(days.values()) == pytest.approx(Decimal("12.50"), abs=Decimal("0.0001"))


@pytest.mark.usefixtures("disks")
def test_use_that_became_known_late_is_corrected_in_its_tier(
    project: Project, close: Close
) -> None:
    close(SEPTEMBER)
    use(project, "20")

    (found,) = find_late_facts().corrections

    assert (found.from_quantity, found.quantity, found.amount) == (200, 20, 1)


@pytest.mark.usefixtures("disks")
def test_parts_that_were_moved_to_another_tier_are_found(close: Close) -> None:
    close(SEPTEMBER)
    first = StatementLineSource.objects.filter(line__from_quantity=0).first()
    assert first
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        StatementLineSource.objects.filter(pk=first.pk).update(part=first.part - 1)
        cursor.execute("SET LOCAL session_replication_role = origin")

    assert [flaw for flaw in flaws() if "tiers" in flaw] == [
        "2026-000001: the tiers of a price are filled otherwise",
        "2026-000001: the tiers of a piece of use are not all of it",
    ]
