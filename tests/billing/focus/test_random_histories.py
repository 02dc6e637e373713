"""Whatever happened, the rows of a month are FOCUS, and add up to the lines of its statement."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from random import Random

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.focus.export import export_month
from billing.models import AllocationFact, AllocationKey, MeteredResource, Price
from billing.services.charging import costs, list_charges
from portal.core.calendar import month
from portal.identity.models import CostCentre, Node
from tests.billing.focus.reading import (
    problems_of,
    problems_of_parquet,
    read,
    written,
    written_as_parquet,
)
from tests.billing.test_charging_agrees_with_rating import Tree, moment, tree, write_history
from tests.histories import histories

__all__ = ["tree"]  # a fixture
MARCH = month(2026, 3)  # in which summer time begins

pytestmark = pytest.mark.database


def write_allocation(tree: Tree, random: Random) -> None:
    """What costs fall under: of the project for a time, of one of its resources from then on."""
    begin, turn = sorted([moment(random), moment(random)])
    CostCentre.objects.create(node=tree.agency, code="410200", name="Dienst", valid_from=begin)
    resource = MeteredResource.objects.order_by("pk")[0]
    for place in ({"node": tree.project}, {"resource": resource}):
        AllocationFact.objects.create(
            **place,
            key=AllocationKey.COST_OBJECT,
            value="zaken",
            valid_from=begin,
            valid_until=turn,
        )
    AllocationFact.objects.create(
        resource=resource, key=AllocationKey.COMMITMENT_NUMBER, value="V-1", valid_from=turn
    )


@settings(
    max_examples=histories(30),
    deadline=None,
    derandomize=True,
    database=None,
    # Each example rolls its rows back; the tree that the fixture made is only read.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(random=st.randoms(use_true_random=True))
def test_rows_are_focus_and_add_up_to_the_lines(tree: Tree, random: Random) -> None:
    with transaction.atomic():
        write_history(tree, random)
        write_allocation(tree, random)
        as_of = MARCH.end if random.random() < 0.7 else moment(random)
        nodes = [node.pk for node in (*tree.ministries, tree.project)]

        text = written(export_month(nodes, month=MARCH, as_of=as_of))
        parquet = written_as_parquet(export_month(nodes, month=MARCH, as_of=as_of))
        charges = list_charges(nodes, period=MARCH, as_of=as_of)
        found = costs(nodes, period=MARCH, as_of=as_of).lines
        names = {node.pk: str(node.public_id) for node in Node.objects.all()}
        prices = {price.pk: str(price.public_id) for price in Price.objects.all()}
        transaction.set_rollback(True)

    rows = read(text)
    assert problems_of(text) == []
    assert problems_of_parquet(parquet) == []
    sold = [row for row in rows if row["ChargeCategory"] != "Adjustment"]
    assert [Decimal(row["BilledCost"]) for row in sold] == [
        charge.amount for charge in charges if charge.amount is not None
    ]
    for row in sold:  # prices are below 100,000 here
        assert abs(Decimal(row["ContractedCost"]) - Decimal(row["BilledCost"])) < Decimal("1e-6")
    sums: defaultdict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for row in rows:
        allocation = (row["x_CostCenter"], row["x_CostObject"], row["x_CommitmentNumber"])
        key = (row["BillingAccountId"], row["SubAccountId"], row["SkuPriceId"], *allocation)
        sums[key] += Decimal(row["BilledCost"])
    assert sums == {
        (
            names[line.organization_id],
            names[line.project_id],
            price_id(prices[line.price_id], line.from_quantity),
            line.cost_center or "",
            line.cost_object or "",
            line.commitment_number or "",
        ): line.amount
        for line in found
        if line.price_id is not None
    }


def price_id(price: str, from_quantity: Decimal) -> str:
    """Each tier above the first has its own."""
    return f"{price}/{from_quantity.normalize():f}" if from_quantity else price
