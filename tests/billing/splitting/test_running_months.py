"""What a running month says of costs that others bear, before anybody closed it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from billing.focus.export import export_month
from billing.services.budget_years import spent_by_node
from billing.services.month_costs import month_costs, month_totals
from billing.services.month_shares import shares_in
from billing.services.tagged_costs import tagged_months
from portal.core.calendar import start_of_day
from portal.identity.models import NodeParent
from tests.billing.focus.reading import problems_of, written
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, used
from tests.billing.splitting.conftest import key_held

pytestmark = pytest.mark.django_db
MIDDLE = start_of_day(date(2026, 9, 16))


@pytest.fixture
def nodes(gateway, server, project, other):
    """The gateway costs as much as each of the two projects."""
    for one in (gateway, other):
        used(one, start_of_day(date(2026, 9, 1)))
    NodeParent.objects.update(valid_from=start_of_day(date(2025, 1, 1)))
    return [gateway, project, other]


def test_half_a_month_is_shared_so_far_and_the_whole_is_expected(
    nodes, django_assert_max_num_queries
):
    gateway, project, other = nodes
    key_held(gateway, [project, other])

    with django_assert_max_num_queries(17):
        (found,) = month_costs([project.pk], [SEPTEMBER], at=MIDDLE)

    assert (found.realised.total, found.realised.shared) == (Decimal("28.80"), Decimal("9.60"))
    assert (found.expected.total, found.expected.shared) == (Decimal("57.60"), Decimal("19.20"))
    assert not found.realised.is_price_missing


def test_the_source_has_nothing_left(nodes, platform):
    gateway, project, _other = nodes
    key_held(gateway, [project])

    for node in (gateway, platform):
        (total,) = month_totals([node.pk], [SEPTEMBER], at=MIDDLE)
        assert (total.realised, total.expected) == (0, 0)
        assert total.has_lines


def test_every_level_sees_the_shares_of_who_pays_below_it(nodes, service):
    gateway, project, other = nodes
    key_held(gateway, [project, other])

    for node_id in (service.pk, service.parent_id):
        (total,) = month_totals([node_id], [SEPTEMBER], at=MIDDLE)
        assert total.realised == Decimal("28.80")


def test_without_a_key_one_look_is_enough(nodes, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert shares_in([nodes[0].pk], [SEPTEMBER], lambda ids: {}) == {}


@pytest.mark.parametrize("method", ["equal", "by_usage", "percentages"])
def test_the_last_second_of_a_month_says_what_its_statements_say(nodes, close, method):
    gateway, project, other = nodes
    parts = {project: "12.345", other: "87.655"} if method == "percentages" else [project, other]
    key_held(gateway, parts, method=method)
    used(project, start_of_day(date(2026, 9, 3)), start_of_day(date(2026, 9, 11)))
    ids = [node.pk for node in nodes]
    before = [month_costs([pk], [SEPTEMBER], at=SEPTEMBER.end)[0].realised for pk in ids]

    close(SEPTEMBER)

    after = [month_costs([pk], [SEPTEMBER], at=SEPTEMBER.end)[0].realised for pk in ids]
    assert [one.total for one in before] == [one.total for one in after]
    assert [sorted(line.amount for line in one.shares.lines) for one in before] == [
        sorted(line.amount for line in one.shares.lines) for one in after
    ]
    (total,) = month_totals([gateway.pk], [SEPTEMBER], at=SEPTEMBER.end)
    assert (total.realised, total.is_billed, total.has_lines) == (0, True, True)


def test_a_budget_counts_what_is_borne_and_what_others_bear(nodes):
    gateway, project, other = nodes
    key_held(gateway, [project, other], until=OCTOBER.start)

    spent = spent_by_node([gateway.pk, project.pk], 2026, at=OCTOBER.start)

    assert spent[gateway.pk].realised == 0
    assert spent[project.pk].realised == Decimal("57.60")


def test_shares_are_of_no_tag(nodes):
    gateway, project, _other = nodes
    key_held(gateway, [project])

    (found,) = tagged_months([project.pk], "team", [SEPTEMBER], at=MIDDLE)

    assert found.realised[None].total == Decimal("38.40")


@pytest.mark.parametrize("is_closed", [False, True])
def test_focus_tells_by_which_key_and_of_whom(nodes, close, is_closed):
    gateway, project, other = nodes
    key = key_held(gateway, [project, other])
    if is_closed:
        close(SEPTEMBER)

    rows = list(export_month([node.pk for node in nodes], month=SEPTEMBER, as_of=SEPTEMBER.end))

    shares = [row for row in rows if row["x_SplitKeyId"]]
    assert sorted(row["BilledCost"] for row in shares) == [
        *(Decimal("-38.40"), Decimal("19.20"), Decimal("19.20")),
    ]
    assert {row["x_SplitKeyId"] for row in shares} == {str(key.public_id)}
    assert {row["x_SplitSourceId"] for row in shares} == {str(gateway.public_id)}
    assert {row["ChargeCategory"] for row in shares} == {"Adjustment"}
    assert sum(row["BilledCost"] for row in rows) == Decimal("115.20")
    assert problems_of(written(rows)) == []
