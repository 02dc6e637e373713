"""Money counts in a budget where the project stood when it was used, whatever was moved since."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing.models import Budget
from billing.services.budget_years import positions_of, spent_by_node
from billing.services.charging import costs, expected_costs
from portal.core.calendar import month, months_in, start_of_day, year_of
from portal.identity.models import Node, NodeParent, Organization, Project
from tests.billing.months.conftest import (
    SEPTEMBER,
    Close,
    close,
    first,
    october,
    platform,
    second,
    september,
)
from tests.factories import make_organization, make_project
from tests.factories.billing import LONG_AGO, MeteredResourceFactory, UsageSpanFactory, set_price

__all__ = ["close", "first", "platform", "second"]
AT = start_of_day(date(2026, 11, 16))
pytestmark = pytest.mark.django_db


@pytest.fixture
def old() -> Organization:
    return make_organization(name="Oud ministerie")


@pytest.fixture
def new() -> Organization:
    return make_organization(name="Nieuw ministerie")


@pytest.fixture
def project(old: Organization, new: Organization) -> Project:
    """A server at 30.00 a month since 1 September; its service stands under the old ministry."""
    set_price("30.00")
    project = make_project(make_organization(old, "Dienst"))
    NodeParent.objects.update(valid_from=LONG_AGO)
    UsageSpanFactory(resource=MeteredResourceFactory(project=project), started_at=september(1))
    return project


def reorganize(node: Node, parent: Node, *, at: Any) -> None:
    """As a move does: history, and where the node and what is below it stand now."""
    NodeParent.objects.filter(node=node, valid_until=None).update(valid_until=at)
    NodeParent.objects.create(node=node, parent=parent, valid_from=at)
    above = parent.lineage_ids
    Node.objects.filter(pk=node.pk).update(parent=parent, ancestor_ids=above)
    for below in Node.objects.filter(parent=node):
        Node.objects.filter(pk=below.pk).update(ancestor_ids=[*above, node.pk])


def spent(*nodes: Node) -> list[Decimal]:
    """What was used of the year so far, of each."""
    found = spent_by_node([node.pk for node in nodes], 2026, at=AT)
    return [found[node.pk].realised for node in nodes]


def test_an_organization_that_moved_took_no_money_along(
    project: Project, old: Organization, new: Organization
) -> None:
    reorganize(project.parent, new, at=october(1))

    assert spent(old, new, project.parent, project) == [30, 45, 75, 75]


def test_within_a_month_it_counts_by_the_second(
    project: Project, old: Organization, new: Organization
) -> None:
    """Each part of the year says what is charged of it, also of what is expected."""
    reorganize(project.parent, new, at=october(11))
    reorganize(project.parent, old, at=start_of_day(date(2026, 11, 14)))
    nodes = (old, new, project.parent, project)

    found = spent_by_node([node.pk for node in nodes], 2026, at=AT)

    for node in nodes:
        whole = year_of(AT)
        realised = costs([node.pk], period=whole, as_of=AT)
        expected = expected_costs([node.pk], period=whole, as_of=AT)
        assert found[node.pk].realised == realised.total
        assert found[node.pk].expected == expected.total
        assert len(found[node.pk].months) == len(months_in(whole))
    assert found[new.pk].months[9].realised == Decimal("20.34")  # 21 days and an hour of October


def test_parts_of_a_month_are_rounded_together(
    project: Project, old: Organization, new: Organization
) -> None:
    """There and back again in one month is one line, rounded once."""
    reorganize(project.parent, new, at=october(2))
    reorganize(project.parent, old, at=october(3))

    (there,) = costs([old.pk], period=month(2026, 10), as_of=AT).lines

    found = spent_by_node([old.pk, new.pk], 2026, at=AT)
    assert found[old.pk].months[9].realised == there.amount


def test_a_closed_month_counts_as_its_statement_says(
    project: Project, old: Organization, new: Organization, close: Close
) -> None:
    close(SEPTEMBER)
    UsageSpanFactory(resource=MeteredResourceFactory(project=project), started_at=september(1))
    reorganize(project.parent, new, at=october(1))

    found = spent_by_node([old.pk, new.pk, project.pk], 2026, at=AT)

    assert [found[node.pk].months[8].realised for node in (old, new, project)] == [30, 0, 30]


def test_number_of_queries_does_not_grow_with_budgets(
    project: Project, old: Organization, new: Organization, django_assert_num_queries: Any
) -> None:
    reorganize(project.parent, new, at=october(11))
    budgets = [
        Budget.objects.create(node=node, year=2026, amount=100)
        for node in (old, new, project.parent, project)
    ]

    with django_assert_num_queries(14):
        few = positions_of(budgets[:1], at=AT)
    with django_assert_num_queries(14):
        many = positions_of(budgets, at=AT)

    assert (len(few), len(many)) == (1, 4)
