"""Where a budget stands: realised, committed, asked, free."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing.models import Budget
from billing.services.budget_years import total_position
from billing.services.budgets import BudgetPosition, find_budget, position_of
from portal.core.calendar import start_of_day
from portal.identity.models import Node, Project
from tests.factories import make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, UsageSpanFactory, set_price

AT = start_of_day(date(2026, 11, 16))
pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    set_price("30.00")
    return make_project(make_organization(make_organization()))


def position(node: Node, **amounts: Decimal) -> BudgetPosition:
    """Where the budget stands that the node spends from."""
    budget = find_budget(node, at=AT)
    assert budget
    return position_of(budget, at=AT, **amounts)


def test_counts_what_was_charged_and_what_will_be(
    project: Project, django_assert_num_queries: Any
) -> None:
    Budget.objects.create(node=project, year=2026, amount=100)
    UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    with django_assert_num_queries(8):
        found = position(project, pending=Decimal("5.005"), asked=Decimal("8.004"))

    assert (found.realised, found.committed) == (Decimal("15.00"), Decimal("50.01"))
    assert (found.free, found.asked) == (Decimal("34.99"), Decimal("8.00"))
    assert (found.free_after, found.expected) == (Decimal("26.99"), Decimal("73.01"))
    assert found.fits


def test_what_ends_this_year_is_committed_until_then(project: Project) -> None:
    Budget.objects.create(node=project, year=2026, amount=100)
    UsageSpanFactory(resource=MeteredResourceFactory(project=project, end_date=date(2026, 11, 20)))

    found = position(project)

    assert found.committed == Decimal("5.00")


def test_of_the_nearest_node_that_has_one_for_this_year(project: Project) -> None:
    ministry = project.parent.parent
    Budget.objects.create(node=ministry, year=2026, amount=1000)
    Budget.objects.create(node=project.parent, year=2025, amount=1)
    UsageSpanFactory(resource=MeteredResourceFactory(project=make_project(ministry)))

    found = position(project)

    assert (found.node.pk, found.budget) == (ministry.pk, 1000)
    assert found.realised == Decimal("15.00")  # spent by another project of the ministry


def test_the_nearer_one_goes_first(project: Project) -> None:
    Budget.objects.create(node=project.parent.parent, year=2026, amount=1000)
    nearer = Budget.objects.create(node=project.parent, year=2026, amount=10)

    assert find_budget(project, at=AT) == nearer


def test_the_year_is_that_of_amsterdam(project: Project) -> None:
    new_year = start_of_day(date(2027, 1, 1))  # still 2026 in UTC
    budget = Budget.objects.create(node=project, year=2027, amount=1)

    assert find_budget(project, at=new_year) == budget


def test_without_a_budget_there_is_none(project: Project) -> None:
    assert find_budget(project, at=AT) is None


def test_says_when_it_does_not_fit_and_when_a_price_is_missing(project: Project) -> None:
    Budget.objects.create(node=project, year=2026, amount=10)
    resource = MeteredResourceFactory(project=project)
    UsageSpanFactory(resource=resource, started_at=start_of_day(date(2024, 1, 1)))

    found = position(project)

    assert not found.fits
    assert not found.is_price_missing

    UsageSpanFactory(resource=resource, sku__code="unpriced")
    later = position(project)
    assert later.is_price_missing


def test_several_budgets_stand_together_and_none_counts_twice(
    project: Project, django_assert_num_queries: Any
) -> None:
    other = make_project()
    for node, amount in ((project.parent, 40), (project, 30), (other, 20)):
        Budget.objects.create(node=node, year=2026, amount=amount)
    for spender in (project, other):
        UsageSpanFactory(resource=MeteredResourceFactory(project=spender))

    with django_assert_num_queries(9):
        total = total_position(Node.objects.all(), at=AT)

    assert total is not None
    assert (total.year, total.budget) == (2026, Decimal(60))
    assert (total.realised, total.committed) == (Decimal("30.00"), Decimal("90.00"))
    assert (total.free, total.over) == (Decimal("-60.00"), Decimal("60.00"))


def test_without_budgets_there_is_no_total(project: Project) -> None:
    Budget.objects.create(node=project, year=2025, amount=1)

    assert total_position(Node.objects.all(), at=AT) is None
