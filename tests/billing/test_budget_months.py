"""What a budget is in each month, and what its table refuses."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import now
from hypothesis import given
from hypothesis import strategies as st

from billing.models import Budget, PastBudget
from billing.phasing import equal_parts
from billing.services.budgets import budgets_of
from portal.identity.models import Node, Project
from tests.factories import make_organization, make_project

AMOUNTS = st.decimals(min_value=0, max_value=Decimal("999999999999.99"), places=2)


@given(AMOUNTS)
def test_equal_parts_add_up_and_differ_by_a_cent_at_most(amount: Decimal) -> None:
    parts = equal_parts(amount)

    assert len(parts) == 12
    assert sum(parts) == amount
    assert max(parts) - min(parts) <= Decimal("0.01")
    assert parts == sorted(parts, reverse=True)  # the first months have the cents that are left


def test_the_cents_that_are_left_go_to_the_first_months() -> None:
    assert equal_parts(Decimal("100.00")) == [*[Decimal("8.34")] * 4, *[Decimal("8.33")] * 8]


@pytest.fixture
def project(db: None) -> Project:
    return make_project(make_organization())


def test_without_a_choice_all_months_are_equal(project: Project) -> None:
    budget = Budget.objects.create(node=project, year=2026, amount=Decimal("120.00"))

    assert budget.months == [Decimal("10.00")] * 12


def test_months_are_as_they_were_chosen(project: Project) -> None:
    months = [Decimal(0)] * 11 + [Decimal("120.00")]
    Budget.objects.create(node=project, year=2026, amount=120, month_amounts=months)

    budget = Budget.objects.get()
    assert budget.months == months


ONE = Decimal(1)


@pytest.mark.parametrize(
    ("facts", "constraint"),
    [
        ({"month_amounts": [ONE] * 11}, "budget_months_add_up"),
        ({"month_amounts": [ONE] * 11 + [Decimal(2)]}, "budget_months_add_up"),
        ({"month_amounts": [ONE] * 10 + [Decimal(3), -ONE]}, "budget_months_add_up"),
        ({"month_amounts": [ONE] * 11 + [None]}, "budget_months_add_up"),
        ({"month_amounts": []}, "budget_months_add_up"),
        ({"alert_percentages": [0]}, "budget_alerts_are_percentages"),
        ({"alert_percentages": [80, 201]}, "budget_alerts_are_percentages"),
        ({"alert_percentages": [None]}, "budget_alerts_are_percentages"),
    ],
)
def test_the_table_refuses_nonsense(
    project: Project, facts: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Budget.objects.create(node=project, year=2026, amount=12, **facts)


def test_the_past_does_not_change(project: Project) -> None:
    past = PastBudget.objects.create(
        node=project, year=2026, amount=1, replaced_at=now() + timedelta(seconds=1)
    )

    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        PastBudget.objects.filter(pk=past.pk).update(amount=2)
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        PastBudget.objects.all()._raw_delete("default")


def test_the_budgets_of_many_nodes_in_one_query(
    project: Project, django_assert_num_queries: Any
) -> None:
    budget = Budget.objects.create(node=project, year=2026, amount=12)
    Budget.objects.create(node=project, year=2027, amount=13)
    other = make_project(project.parent)

    with django_assert_num_queries(1):
        found = budgets_of([project, other, project.parent], 2026)
        names = [one.node.name for one in found.values()]

    assert found == {project.pk: budget}
    assert names == [project.name]


def test_also_of_a_query(project: Project, django_assert_num_queries: Any) -> None:
    Budget.objects.create(node=project, year=2026, amount=12)

    with django_assert_num_queries(1):
        assert list(budgets_of(Node.objects.all(), 2026)) == [project.pk]
