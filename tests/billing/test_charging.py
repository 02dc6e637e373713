"""Charges, lines and totals on small histories that can be checked by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from billing.models import PriceUnit
from billing.services.charging import (
    cost_by_day,
    cost_by_resource,
    cost_of_each,
    cost_of_resource,
    costs,
    expected_costs,
    list_charges,
)
from portal.core.calendar import month, start_of_day
from portal.identity.models import NodeParent, Project
from tests.factories import make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, SkuFactory, UsageSpanFactory, set_price

NOVEMBER = month(2026, 11)
pytestmark = pytest.mark.django_db


def november(day: int) -> datetime:
    return start_of_day(date(2026, 11, day))


@pytest.fixture
def project() -> Project:
    project = make_project(make_organization(make_organization()))
    NodeParent.objects.update(valid_from=start_of_day(date(2026, 1, 1)))
    return project


def test_open_use_counts_until_now_and_is_expected_to_go_on(project: Project) -> None:
    set_price("38.40")
    UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    so_far = costs([project.pk], period=NOVEMBER, as_of=november(16))
    expected = expected_costs([project.pk], period=NOVEMBER, as_of=november(16))

    assert (so_far.total, expected.total) == (Decimal("19.20"), Decimal("38.40"))


def test_use_is_expected_to_stop_after_its_end_date_but_charged_while_it_lasts(
    project: Project,
) -> None:
    set_price("30.00")
    resource = MeteredResourceFactory(project=project, end_date=date(2026, 11, 20))
    UsageSpanFactory(resource=resource)

    before = expected_costs([project.pk], period=NOVEMBER, as_of=november(16))
    after = costs([project.pk], period=NOVEMBER, as_of=november(26))

    assert (before.total, after.total) == (Decimal("20.00"), Decimal("25.00"))


def test_ended_use_is_not_expected_to_go_on(project: Project) -> None:
    set_price("30.00")
    resource = MeteredResourceFactory(project=project)
    UsageSpanFactory(resource=resource, ended_at=november(4))

    assert expected_costs([project.pk], period=NOVEMBER, as_of=november(16)).total == Decimal(3)


def test_a_price_that_changes_halfway_makes_two_lines(project: Project) -> None:
    old = set_price("30.00", until=november(11))
    new = set_price("60.00", since=november(11))
    UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    lines = costs([project.pk], period=NOVEMBER, as_of=NOVEMBER.end).lines

    assert [(line.price_id, line.amount) for line in lines] == [
        (old.pk, Decimal("10.00")),
        (new.pk, Decimal("40.00")),
    ]


def test_the_nearest_price_goes_first_while_it_holds(project: Project) -> None:
    directorate = project.parent
    set_price("30.00")
    set_price("15.00", organization=directorate.parent.organization, until=november(21))
    set_price("3.00", organization=directorate.organization, until=november(11))
    UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    charges = list_charges([project.pk], period=NOVEMBER, as_of=NOVEMBER.end)

    assert [charge.amount for charge in charges] == [1, 5, 10]


def test_a_hole_in_the_prices_is_said_and_never_silently_zero(project: Project) -> None:
    set_price("30.00", until=november(11))
    set_price("30.00", since=november(21))
    UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    result = costs([project.pk], period=NOVEMBER, as_of=NOVEMBER.end)
    hole = list_charges([project.pk], period=NOVEMBER, as_of=NOVEMBER.end)[1]

    assert result.is_price_missing
    assert result.total == Decimal("20.00")
    assert (hole.amount, hole.price_id, hole.seconds) == (None, None, 10 * 86400)


def test_a_project_that_moves_is_paid_by_the_organization_of_that_time(project: Project) -> None:
    old, new = project.parent, make_organization()
    NodeParent.objects.filter(node=project).update(valid_until=november(11))
    NodeParent.objects.create(node=project, parent=new, valid_from=november(11))
    project.parent, project.ancestor_ids = new, new.lineage_ids
    project.save()
    set_price("30.00")
    UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    def total(*node_ids: int) -> Decimal:
        return costs(node_ids, period=NOVEMBER, as_of=NOVEMBER.end).total

    assert total(old.pk) == total(old.parent_id) == Decimal("10.00")
    assert total(new.pk) == Decimal("20.00")
    assert total(old.pk, new.pk) == total(project.pk) == Decimal("30.00")


def test_a_payer_that_moves_within_the_reach_of_a_price_keeps_one_charge(project: Project) -> None:
    agency = project.parent
    ministry = agency.parent
    directorate = make_organization(agency)
    NodeParent.objects.filter(node=directorate).update(
        valid_from=november(1), valid_until=november(11)
    )
    NodeParent.objects.create(node=directorate, parent=ministry, valid_from=november(11))
    set_price("30.00", organization=ministry.organization)
    UsageSpanFactory(resource=MeteredResourceFactory(project=make_project(directorate)))

    (charge,) = list_charges([ministry.pk], period=NOVEMBER, as_of=NOVEMBER.end)

    assert charge.amount == 30


def test_use_before_the_tree_was_written_down_counts_where_the_project_stands_now(
    project: Project,
) -> None:
    NodeParent.objects.update(valid_from=november(11))
    set_price("30.00")
    UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    assert costs([project.parent_id], period=NOVEMBER, as_of=NOVEMBER.end).total == 30


def test_a_line_is_rounded_once_and_totals_add_up_lines(project: Project) -> None:
    set_price("0.004")
    set_price("0.005", sku="volume.standard", unit=PriceUnit.GIB_MONTH)
    for _ in range(3):
        resource = MeteredResourceFactory(project=project)
        UsageSpanFactory(resource=resource)
        UsageSpanFactory(resource=resource, sku=SkuFactory(code="volume.standard"))

    result = costs([project.pk], period=NOVEMBER, as_of=NOVEMBER.end)
    resources = cost_by_resource(project.pk, period=NOVEMBER, as_of=NOVEMBER.end)

    assert [(line.exact, line.amount) for line in result.lines] == [
        (Decimal("0.012"), Decimal("0.01")),
        (Decimal("0.015"), Decimal("0.02")),
    ]
    assert result.total == Decimal("0.03")
    assert [one.exact for one in resources] == [Decimal("0.009")] * 3


def test_the_parts_of_a_total_add_up_at_every_level(project: Project) -> None:
    set_price("33.33")
    sibling = make_project(project.parent)
    for one in (project, sibling, sibling):
        UsageSpanFactory(resource=MeteredResourceFactory(project=one), started_at=november(7))

    result = costs([project.parent.parent_id], period=NOVEMBER, as_of=november(23))

    for groups in (result.by_organization, result.by_project, result.by_sku):
        assert sum(group.total for group in groups.values()) == result.total
    assert (
        result.by_project[sibling.pk].total
        == costs([sibling.pk], period=NOVEMBER, as_of=november(23)).total
    )


def test_a_hair_below_half_is_not_rounded_twice(project: Project) -> None:
    modulus = 10**6 * NOVEMBER.seconds  # what a second at one millionth costs, as a fraction
    quantity = 10**15 + 37
    price = (modulus // 2 - 1) * pow(quantity, -1, modulus) % modulus
    set_price(str(Decimal(price).scaleb(-6)))
    UsageSpanFactory(
        resource=MeteredResourceFactory(project=project),
        quantity=Decimal(quantity).scaleb(-6),
        ended_at=NOVEMBER.start + timedelta(seconds=1),
    )

    (charge,) = list_charges([project.pk], period=NOVEMBER, as_of=NOVEMBER.end)

    assert charge.amount == Decimal(quantity * price // modulus).scaleb(-6)


def test_days_add_up_to_the_month_and_days_without_use_are_there(project: Project) -> None:
    set_price("30.00")
    resource = MeteredResourceFactory(project=project)
    UsageSpanFactory(resource=resource, started_at=november(3), ended_at=november(5))

    days = cost_by_day([project.pk], month=NOVEMBER, as_of=NOVEMBER.end)

    assert len(days) == 30
    assert {day.day.day: day.exact for day in days if day.exact} == {3: 1, 4: 1}


def test_a_day_costs_more_when_the_month_is_short_of_an_hour(project: Project) -> None:
    set_price("0.01", unit=PriceUnit.HOUR)
    UsageSpanFactory(
        resource=MeteredResourceFactory(project=project),
        started_at=start_of_day(date(2026, 3, 1)),
    )
    march = month(2026, 3)

    days = cost_by_day([project.pk], month=march, as_of=march.end)

    assert {day.exact for day in days} == {Decimal("0.24"), Decimal("0.23")}


def test_cost_of_a_resource_counts_from_its_beginning(project: Project) -> None:
    set_price("30.00")
    set_price("25.00", sku="setup", unit=PriceUnit.ONE_OFF)
    resource = MeteredResourceFactory(project=project)
    since = start_of_day(date(2026, 9, 16))
    UsageSpanFactory(resource=resource, started_at=since)
    UsageSpanFactory(resource=resource, started_at=since, sku=SkuFactory(code="setup"))
    UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    cost = cost_of_resource(resource.public_id, as_of=november(16))

    assert cost is not None
    assert (cost.amount, cost.is_price_missing) == (Decimal("85.00"), False)


def test_what_was_never_metered_has_no_cost_and_what_just_began_costs_nothing(
    project: Project,
) -> None:
    resource = MeteredResourceFactory(project=project)
    known = cost_of_resource(resource.public_id, as_of=november(16))

    assert cost_of_resource(uuid4(), as_of=november(16)) is None
    assert known is not None
    assert known.exact == 0


def test_costs_of_many_resources_take_three_queries(
    project: Project, django_assert_num_queries: Any
) -> None:
    set_price("30.00")
    used, other, unused = (
        MeteredResourceFactory(project=project),
        MeteredResourceFactory(project=make_project()),
        MeteredResourceFactory(project=project),
    )
    UsageSpanFactory(resource=used)
    UsageSpanFactory(resource=other, quantity=2)
    UsageSpanFactory(resource=MeteredResourceFactory(project=project))
    asked = [used.public_id, other.public_id, unused.public_id, uuid4()]

    with django_assert_num_queries(3):
        found = cost_of_each(asked, period=NOVEMBER, as_of=november(16))

    assert {key: cost.amount for key, cost in found.items()} == {
        used.public_id: Decimal("15.00"),
        other.public_id: Decimal("30.00"),
        unused.public_id: Decimal("0.00"),
    }


def test_charges_come_in_pages(project: Project) -> None:
    set_price("30.00", until=november(11))
    set_price("60.00", since=november(11))
    for _ in range(3):
        UsageSpanFactory(resource=MeteredResourceFactory(project=project))
    everything: dict[str, Any] = {"period": NOVEMBER, "as_of": NOVEMBER.end}

    whole = list_charges([project.pk], **everything)
    first = list_charges([project.pk], **everything, limit=3)
    rest = list_charges([project.pk], **everything, after=first[-1].position)

    assert len(whole) == 6
    assert first + rest == whole


def test_another_branch_is_not_counted(project: Project) -> None:
    set_price("30.00")
    UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    assert not costs([make_project().parent_id], period=NOVEMBER, as_of=NOVEMBER.end).lines
    assert not costs([], period=NOVEMBER, as_of=NOVEMBER.end).lines


def test_two_statements_whatever_the_number_of_spans(
    project: Project, django_assert_num_queries: Any
) -> None:
    set_price("30.00")
    for _ in range(20):
        UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    with django_assert_num_queries(2):
        costs([project.parent_id], period=NOVEMBER, as_of=november(16))
