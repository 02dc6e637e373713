"""What a statement of charges has to do with is asked first, so that it has no other parts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection

from billing.models import MinimumTerm, PriceUnit
from billing.rating import DUE_AT_ONCE, Unit
from billing.services.charge_query import ChargeQuery, Slice
from billing.services.charge_scope import Scope
from billing.services.charging import costs
from billing.services.unit_query import AT_ONCE
from portal.core.calendar import Period, month
from portal.identity.models import Node, NodeParent, Project
from tests.billing.test_minimum_terms import DISK, Use, day, disk
from tests.billing.test_month_costs import move
from tests.billing.test_tiers import set_tiers
from tests.factories import make_organization, make_project
from tests.factories.billing import LONG_AGO, set_price

pytestmark = pytest.mark.django_db
MARCH = month(2026, 3)


@pytest.fixture
def project() -> Project:
    return make_project(make_organization(make_organization()))


def text_for(project: Project) -> str:
    query = ChargeQuery(
        node_ids=[project.pk],
        slices=[Slice(period=MARCH, month_seconds=MARCH.seconds)],
        as_of=MARCH.end,
        until=MARCH.end,
    )
    return query.statement("SELECT * FROM charge")[0]


def test_where_no_price_has_tiers_or_a_term_the_statement_knows_of_none(project: Project) -> None:
    set_price("0.1", sku=DISK, unit="gib_month")
    Use(project).start(day(3), disk(100))

    assert "tiered_charge" not in text_for(project)
    assert "term_charge" not in text_for(project)


def test_the_first_price_with_tiers_brings_them_into_the_statement(project: Project) -> None:
    set_tiers(("100", "35"), unit=PriceUnit.MONTH)

    assert "tiered_charge" in text_for(project)
    assert "term_charge" not in text_for(project)


def test_the_first_term_brings_them_into_the_statement(project: Project) -> None:
    set_price("0.1", sku=DISK, unit="gib_month", minimum_months=12)
    Use(project).start(day(3), disk(100))

    assert MinimumTerm.objects.exists()
    assert "term_charge" in text_for(project)
    assert "tiered_charge" not in text_for(project)


def test_a_branch_is_about_all_that_ever_was_below_it_and_nothing_else(project: Project) -> None:
    root = project.parent.parent
    elsewhere = make_project(make_organization(), "Elders")
    assert Scope.of([root.pk], ()).project_ids == [project.pk]

    NodeParent.objects.update(valid_from=LONG_AGO)
    former = project.parent
    move(project, elsewhere.parent, at=day(3, 5))
    Node.objects.filter(pk=project.pk).update(
        parent=elsewhere.parent, ancestor_ids=elsewhere.parent.lineage_ids
    )

    assert Scope.of([root.pk], ()).project_ids == [project.pk]
    assert Scope.of([former.pk], ()).project_ids == [project.pk]
    assert sorted(Scope.of([elsewhere.parent.pk], ()).project_ids) == [project.pk, elsewhere.pk]
    assert Scope.of([elsewhere.pk], ()).project_ids == [elsewhere.pk]


def test_what_is_in_a_term_is_charged_to_who_pays_and_to_nobody_else(project: Project) -> None:
    """A price of a term is found by the term; where it stands now is not where it once was."""
    NodeParent.objects.update(valid_from=LONG_AGO)
    set_price("0.1", sku=DISK, unit="gib_month", minimum_months=12)
    former, payer = project.parent, make_organization(make_organization())
    Use(project).start(day(3), disk(100))
    move(project, payer, at=day(3, 11))
    Node.objects.filter(pk=project.pk).update(parent=payer, ancestor_ids=payer.lineage_ids)

    def cost_of(node: Node, months: Period) -> Decimal:
        return costs([node.pk], period=months, as_of=months.end).total

    april = month(2026, 4)
    assert [cost_of(node, april) for node in (former, payer)] == [0, 10]
    assert [cost_of(node, month(2026, 2)) for node in (former, payer)] == [0, 0]
    assert cost_of(former, MARCH) + cost_of(payer, MARCH) == 10


@pytest.mark.parametrize("unit", list(Unit))
def test_statements_and_rating_agree_on_what_is_due_at_once(unit: Unit) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s {AT_ONCE}", [unit.value])
        assert cursor.fetchone() == (unit in DUE_AT_ONCE,)
