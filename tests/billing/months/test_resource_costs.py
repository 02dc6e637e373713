"""What each resource cost: the figures, beside charges, closed months and cost centres."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import AllocationFact
from billing.services.charging import cost_by_resource, costs
from catalog.services.resource_costs import (
    ResourceCostList,
    ResourceCostOrder,
    ResourceCosts,
    ResourceFilter,
)
from portal.core.calendar import Period, month, start_of_day
from portal.identity.models import CostCentre, NodeParent, Project
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, october, september, used
from tests.factories import make_organization
from tests.factories.billing import MeteredResourceFactory, UsageSpanFactory

pytestmark = pytest.mark.django_db
NOVEMBER = month(2026, 11)


def asked(node: Any, period: Period = OCTOBER, at: Any = None, **changes: Any) -> ResourceCostList:
    order = changes.pop("order", ResourceCostOrder.DEAREST)
    return ResourceCostList(
        node_ids=[node.pk],
        month=period,
        at=at or start_of_day(date(2026, 11, 20)),
        filter=ResourceFilter(**changes),
        order=order,
    )


def page(wanted: ResourceCostList, number: int = 1, size: int = 25) -> ResourceCosts:
    return wanted.page(number, size=size)[0]


def amounts(found: ResourceCosts) -> list[tuple[str, Decimal, Decimal]]:
    return [(row.name, row.amount, row.amount_before) for row in found.rows]


def test_every_resource_says_what_the_charges_say_of_both_months(server, project):
    for number in range(5):
        used(project, september(5 + number), october(3 + 4 * number))

    found = page(asked(project))

    for period, name in ((OCTOBER, "exact"), (SEPTEMBER, "before")):
        reckoned = cost_by_resource(project.pk, period=period, as_of=period.end)
        expected = sorted(cost.exact for cost in reckoned)
        assert sorted(getattr(row, name) for row in found.rows if getattr(row, name)) == expected
        lines = costs([project.pk], period=period, as_of=period.end)
        assert getattr(found, name) == sum(line.exact for line in lines.lines)
    assert found.count == 6


def test_a_running_month_counts_until_now(server, project):
    half = start_of_day(date(2026, 11, 16))

    found = page(asked(project, NOVEMBER, at=half))

    assert amounts(found) == [(server.name, Decimal("19.20"), Decimal("38.40"))]
    assert [row.days for row in found.rows] == [Decimal("15.0")]


def test_what_ended_in_the_month_before_is_there_with_nothing(server, project):
    gone = used(project, september(1), september(16)).resource

    found = page(asked(project, order=ResourceCostOrder.CHEAPEST))

    assert amounts(found)[0] == (gone.name, Decimal("0.00"), Decimal("19.20"))
    assert (found.rows[0].days, list(found.rows[0].cost_centers)) == (0, [])


def test_days_count_once_what_is_used_of_several_things_and_not_what_lies_between(project, server):
    resource = MeteredResourceFactory(project=project, name="twee")
    for start, end, sku in ((1, 4, "a"), (2, 5, "b"), (10, 11, "a")):
        UsageSpanFactory(
            resource=resource, sku__code=sku, started_at=october(start), ended_at=october(end)
        )

    (row,) = page(asked(project, words="TWEE")).rows

    assert row.days == Decimal("5.0")
    assert row.is_price_missing
    assert row.exact == 0


def test_a_closed_month_says_what_was_billed_whatever_is_known_later(close, server, project):
    close(SEPTEMBER)
    billed = amounts(page(asked(project, SEPTEMBER)))
    server.spans.update(ended_at=september(16))
    late = used(project, september(16), september(26)).resource

    wanted = asked(project, SEPTEMBER)

    assert amounts(page(wanted)) == billed == [(server.name, Decimal("38.40"), Decimal(0))]
    assert wanted.page(1, size=25)[1].is_closed
    # In the month after it is beside what was billed as well, and nothing is told of the late one.
    assert late.name not in {row.name for row in page(asked(project)).rows}
    assert amounts(page(asked(project))) == [(server.name, Decimal(0), Decimal("38.40"))]


def test_both_months_closed_are_both_as_billed(close, server, project):
    close(SEPTEMBER)
    close(OCTOBER)
    server.spans.update(ended_at=october(2))

    assert amounts(page(asked(project))) == [(server.name, Decimal("38.40"), Decimal("38.40"))]


def test_a_part_counts_what_belonged_to_it_then(close, server, project, service):
    elsewhere = make_organization(name="Andere dienst")
    NodeParent.objects.filter(node=project).update(valid_until=october(1))
    NodeParent.objects.create(node=project, parent=elsewhere, valid_from=october(1))

    assert amounts(page(asked(service))) == [(server.name, Decimal(0), Decimal("38.40"))]
    assert amounts(page(asked(elsewhere))) == [(server.name, Decimal("38.40"), Decimal(0))]


def test_a_cost_centre_counts_only_what_fell_under_it(server, project: Project):
    def says(code: str, since: Any, until: Any = None) -> None:
        AllocationFact.objects.create(
            resource=server, key="cost_center", value=code, valid_from=since, valid_until=until
        )

    CostCentre.objects.create(node=project, code="100", name="", valid_from=october(1))
    says("200", october(16))
    other = used(project, september(1)).resource

    everything = page(asked(project))
    both = {row.name: set(row.cost_centers) for row in everything.rows}
    of_200 = page(asked(project, cost_center="200"))
    unallocated = page(asked(project, SEPTEMBER, cost_center=""))

    assert both == {server.name: {"100", "200"}, other.name: {"100"}}
    assert set(everything.cost_centers) == set(of_200.cost_centers) == {"100", "200"}
    assert [row.name for row in of_200.rows] == [server.name]
    of_100 = page(asked(project, cost_center="100"))
    assert of_100.exact + of_200.exact == everything.exact
    assert {row.name for row in unallocated.rows} == {server.name, other.name}


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (ResourceCostOrder.DEAREST, ["c", "b", "a"]),
        (ResourceCostOrder.CHEAPEST, ["a", "b", "c"]),
        (ResourceCostOrder.RISEN, ["c", "b", "a"]),
        (ResourceCostOrder.LONGEST, ["c", "b", "a"]),
        (ResourceCostOrder.NAME, ["a", "b", "c"]),
        (ResourceCostOrder.PROJECT, ["a", "b", "c"]),
    ],
)
def test_every_order_holds_over_all_pages_and_in_the_file(server, project, order, names):
    server.spans.update(ended_at=september(2))
    for days, name in enumerate("abc", start=2):
        resource = MeteredResourceFactory(project=project, name=name)
        UsageSpanFactory(resource=resource, started_at=october(1), ended_at=october(days))
    wanted = asked(project, order=order)

    seen = [row.name for number in (1, 2, 3, 4) for row in page(wanted, number, size=1).rows]
    streamed = [row.name for rows in wanted.stream() for row in rows]

    assert [name for name in seen if name in names] == names
    assert streamed == seen
    # A page that is not there is the last one.
    assert [row.name for row in page(wanted, 99, size=1).rows] == seen[-1:]


@pytest.mark.parametrize("words", ["%", "_", "'", "\\", "zaak-app-99%s"])
def test_words_are_no_pattern(server, project, words):
    assert page(asked(project, words=words)).count == 0


def test_number_of_queries_does_not_depend_on_the_number_of_resources(server, project):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            page(asked(project))
        return len(captured)

    few = queries()
    for _ in range(10):
        used(project, september(1))

    assert queries() == few == 3
