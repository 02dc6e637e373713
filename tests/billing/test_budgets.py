"""Where a budget stands: realised, committed, asked, free."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing.models import Budget
from billing.services.budgets import budget_position, find_budget, total_position
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


def test_counts_what_was_charged_and_what_will_be(
    project: Project, django_assert_num_queries: Any
) -> None:
    Budget.objects.create(node=project, year=2026, amount=100)
    UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    with django_assert_num_queries(4):
        position = budget_position(project, at=AT, pending=Decimal("5.005"), asked=Decimal("8.004"))

    assert position is not None
    assert (position.realised, position.committed) == (Decimal("15.00"), Decimal("50.01"))
    assert (position.free, position.asked) == (Decimal("34.99"), Decimal("8.00"))
    assert (position.free_after, position.expected) == (Decimal("26.99"), Decimal("73.01"))
    assert position.fits


def test_what_ends_this_year_is_committed_until_then(project: Project) -> None:
    Budget.objects.create(node=project, year=2026, amount=100)
    UsageSpanFactory(resource=MeteredResourceFactory(project=project, end_date=date(2026, 11, 20)))

    position = budget_position(project, at=AT)

    assert position is not None
    assert position.committed == Decimal("5.00")


def test_of_the_nearest_node_that_has_one_for_this_year(project: Project) -> None:
    ministry = project.parent.parent
    Budget.objects.create(node=ministry, year=2026, amount=1000)
    Budget.objects.create(node=project.parent, year=2025, amount=1)
    UsageSpanFactory(resource=MeteredResourceFactory(project=make_project(ministry)))

    position = budget_position(project, at=AT)

    assert position is not None
    assert (position.node.pk, position.budget) == (ministry.pk, 1000)
    assert position.realised == Decimal("15.00")  # spent by another project of the ministry


def test_the_nearer_one_goes_first(project: Project) -> None:
    Budget.objects.create(node=project.parent.parent, year=2026, amount=1000)
    nearer = Budget.objects.create(node=project.parent, year=2026, amount=10)

    assert find_budget(project, at=AT) == nearer


def test_the_year_is_that_of_amsterdam(project: Project) -> None:
    new_year = start_of_day(date(2027, 1, 1))  # still 2026 in UTC
    budget = Budget.objects.create(node=project, year=2027, amount=1)

    assert find_budget(project, at=new_year) == budget


def test_without_a_budget_there_is_no_position(project: Project) -> None:
    assert budget_position(project, at=AT) is None


def test_says_when_it_does_not_fit_and_when_a_price_is_missing(project: Project) -> None:
    Budget.objects.create(node=project, year=2026, amount=10)
    resource = MeteredResourceFactory(project=project)
    UsageSpanFactory(resource=resource, started_at=start_of_day(date(2024, 1, 1)))

    position = budget_position(project, at=AT)

    assert position is not None
    assert not position.fits
    assert not position.is_price_missing

    UsageSpanFactory(resource=resource, sku__code="unpriced")
    later = budget_position(project, at=AT)
    assert later is not None
    assert later.is_price_missing


def test_several_budgets_stand_together_and_none_counts_twice(
    project: Project, django_assert_num_queries: Any
) -> None:
    other = make_project()
    for node, amount in ((project.parent, 40), (project, 30), (other, 20)):
        Budget.objects.create(node=node, year=2026, amount=amount)
    for spender in (project, other):
        UsageSpanFactory(resource=MeteredResourceFactory(project=spender))

    with django_assert_num_queries(4):
        total = total_position(Node.objects.all(), at=AT)

    assert total is not None
    assert (total.year, total.budget) == (2026, Decimal(60))
    assert (total.realised, total.committed) == (Decimal("30.00"), Decimal("90.00"))
    assert (total.free, total.over) == (Decimal("-60.00"), Decimal("60.00"))


def test_without_budgets_there_is_no_total(project: Project) -> None:
    Budget.objects.create(node=project, year=2025, amount=1)

    assert total_position(Node.objects.all(), at=AT) is None
