"""Prices with tiers, by figures that can be worked out by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from billing.meters import Meter
from billing.models import MeteredResource, Price, PriceUnit
from billing.rating import Tier, Unit, UnitPrice, rate_tiers
from billing.services.charging import (
    cost_by_day,
    cost_by_resource,
    costs,
    expected_costs,
    list_charges,
)
from billing.services.pricing import quote, quote_in_projects
from billing.services.quotes import Quote
from portal.core.calendar import Period, month, start_of_day
from portal.core.money import to_cents
from portal.identity.models import NodeParent, Project
from tests.factories import make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, SkuFactory, UsageSpanFactory, set_price

DISK = "volume.standard"
NOVEMBER = month(2026, 11)  # of 30 days


def november(day: int) -> Any:
    return start_of_day(date(2026, 11, day))


@pytest.fixture
def project(db: None) -> Project:
    return make_project(make_organization(make_organization()))


def set_tiers(*tiers: tuple[str, str], amount: str = "0", unit: PriceUnit, **of: Any) -> Price:
    price = set_price(amount, sku=DISK, unit=unit, until=start_of_day(date(2025, 1, 1)), **of)
    return Price.objects.create(
        price_list=price.price_list,
        sku=price.sku,
        unit=unit,
        amount=price.amount,
        tier_quantities=[Decimal(begin) for begin, _euros in tiers],
        tier_amounts=[Decimal(euros) for _begin, euros in tiers],
        valid_from=price.valid_from,
    )


@pytest.fixture
def disks(db: None) -> Price:
    """A hundred GiB-months are included, the next hundred cost 0.10, all others 0.05."""
    return set_tiers(("100", "0.10"), ("200", "0.05"), unit=PriceUnit.GIB_MONTH)


def use(project: Project, quantity: str, begin: int = 1, end: int | None = None) -> MeteredResource:
    """A disk, from a day of November on."""
    resource: MeteredResource = MeteredResourceFactory(project=project)
    UsageSpanFactory(
        resource=resource,
        sku=SkuFactory(code=DISK),
        quantity=Decimal(quantity),
        started_at=november(begin),
        ended_at=november(end) if end else None,
    )
    return resource


def in_november(*nodes: Any) -> list[tuple[Decimal, Decimal, Decimal]]:
    """Of each line the tier, the months of use, and the cost."""
    lines = costs([node.pk for node in nodes], period=NOVEMBER, as_of=NOVEMBER.end).lines
    return [
        (line.from_quantity, line.quantity_seconds / NOVEMBER.seconds, line.amount)
        for line in lines
    ]


def test_each_part_of_the_use_costs_the_amount_of_its_tier() -> None:
    price = UnitPrice(
        Unit.GIB_MONTH,
        Decimal(0),
        (Tier(Decimal(100), Decimal("0.1")), Tier(Decimal(200), Decimal("0.05"))),
    )
    seconds = NOVEMBER.seconds

    parts = rate_tiers(
        price, used=Decimal(170) * seconds, before=Decimal(80) * seconds, month=NOVEMBER
    )

    assert [(part.used / seconds, part.cost) for part in parts] == [
        (20, 0),
        (100, 10),
        (50, Decimal("2.5")),
    ]


@pytest.mark.usefixtures("disks")
def test_a_project_has_a_line_for_each_tier_that_it_reaches(project: Project) -> None:
    use(project, "80")
    use(project, "340", begin=16)  # half a month

    assert in_november(project) == [(0, 100, 0), (100, 100, 10), (200, 50, Decimal("2.50"))]


@pytest.mark.usefixtures("disks")
def test_each_project_and_each_month_counts_from_nothing(project: Project) -> None:
    other = make_project(project.parent.organization)
    use(project, "100")
    use(other, "100")

    lines = expected_costs(
        [project.parent_id], period=Period(NOVEMBER.start, month(2026, 12).end), as_of=november(2)
    ).lines

    assert [(line.from_quantity, line.amount) for line in lines] == [(0, 0)] * 4


@pytest.mark.usefixtures("disks")
def test_parts_of_a_month_and_single_disks_add_up_to_it(project: Project) -> None:
    for quantity, begin, end in (("80", 1, None), ("340", 16, None), ("77.7", 3, 19)):
        use(project, quantity, begin, end)
    whole = costs([project.pk], period=NOVEMBER, as_of=NOVEMBER.end)
    exact = sum(line.exact for line in whole.lines)
    quarters = [
        Period(november(first), november(last)) for first, last in ((1, 7), (7, 16), (16, 30))
    ]
    quarters.append(Period(november(30), NOVEMBER.end))

    days = cost_by_day([project.pk], month=NOVEMBER, as_of=NOVEMBER.end)
    disks = cost_by_resource(project.pk, period=NOVEMBER, as_of=NOVEMBER.end)
    parts = [costs([project.pk], period=part, as_of=NOVEMBER.end) for part in quarters]

    assert len(whole.lines) == 3
    assert sum(one.exact for one in disks) == exact
    for sums in (
        sum(day.exact for day in days),
        sum(line.exact for part in parts for line in part.lines),
    ):
        assert abs(sums - exact) < Decimal("0.0001")


@pytest.mark.usefixtures("disks")
def test_one_disk_is_charged_as_within_its_project(project: Project) -> None:
    use(project, "80")
    second = use(project, "40", begin=2)

    charges = list_charges(
        [project.pk], period=NOVEMBER, as_of=NOVEMBER.end, resource=second.public_id
    )
    rest = list_charges(
        [project.pk],
        period=NOVEMBER,
        as_of=NOVEMBER.end,
        resource=second.public_id,
        after=charges[0].position,
    )

    assert [(one.from_quantity, one.unit_price) for one in charges] == [
        (0, 0),
        (100, Decimal("0.1")),
    ]
    assert sum(one.quantity_seconds for one in charges) == 40 * charges[0].seconds
    assert rest == charges[1:]


@pytest.mark.usefixtures("disks")
def test_a_branch_that_had_half_of_it_counts_all_of_the_month(project: Project) -> None:
    service = project.parent.organization
    old, new = service.parent.organization, make_organization()
    NodeParent.objects.filter(node=service).update(
        parent=old, valid_from=start_of_day(date(2025, 1, 1)), valid_until=november(16)
    )
    NodeParent.objects.create(node=service, parent=new, valid_from=november(16))
    NodeParent.objects.exclude(node=service).update(valid_from=start_of_day(date(2025, 1, 1)))
    use(project, "200")

    assert in_november(old) == [(0, 100, 0)]
    assert in_november(new) == [(100, 100, 10)]


def test_what_is_paid_once_counts_by_number(project: Project) -> None:
    set_tiers(("3", "7"), unit=PriceUnit.ONE_OFF)
    use(project, "2", begin=2)
    use(project, "2", begin=3)

    charges = list_charges([project.pk], period=NOVEMBER, as_of=NOVEMBER.end)

    assert [(one.from_quantity, one.quantity, one.amount) for one in charges] == [
        (0, 2, 0),
        (0, 1, 0),
        (3, 1, 7),
    ]


def test_hours_count_by_the_hour(project: Project) -> None:
    set_tiers(("100", "0.02"), unit=PriceUnit.HOUR, amount="0.01")
    use(project, "1")

    lines = costs([project.pk], period=NOVEMBER, as_of=NOVEMBER.end).lines

    assert [line.amount for line in lines] == [1, Decimal("12.40")]


@pytest.mark.parametrize(
    ("quantities", "amounts"),
    [
        (["100"], []),
        (["100", "100"], ["1", "2"]),
        (["200", "100"], ["1", "2"]),
        (["0"], ["1"]),
        (["100"], ["-1"]),
        (["100", None], ["1", "1"]),
    ],
)
def test_the_database_refuses_tiers_that_do_not_rise(
    db: None, quantities: list[Any], amounts: list[str]
) -> None:
    price = set_price("1", sku=DISK, until=november(1))

    with pytest.raises(IntegrityError, match="price_tiers_rise"), transaction.atomic():
        Price.objects.create(
            price_list=price.price_list,
            sku=price.sku,
            unit=price.unit,
            amount=1,
            valid_from=november(1),
            tier_quantities=quantities,
            tier_amounts=amounts,
        )


def test_tiers_of_a_price_never_change(disks: Price) -> None:
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        Price.objects.filter(pk=disks.pk).update(tier_amounts=[1, 1])


# --- what the order page shows -----------------------------------------------------------------


@pytest.mark.usefixtures("disks")
@pytest.mark.parametrize("runs", ["0", "30", "80", "100", "150", "260.5"])
def test_the_order_page_shows_what_the_month_then_charges_more(project: Project, runs: str) -> None:
    if Decimal(runs):
        use(project, runs)
    before = costs([project.pk], period=NOVEMBER, as_of=NOVEMBER.end).total
    at = november(1)

    shown = quote([Meter(DISK, Decimal(170))], project=project, at=at)
    use(project, "170")
    after = costs([project.pk], period=NOVEMBER, as_of=NOVEMBER.end).total

    assert shown.monthly == after - before
    assert shown.lines[0].included == max(0, min(170, 100 - Decimal(runs)))
    assert to_cents(shown.cost_until(NOVEMBER.start, NOVEMBER.end)) == shown.monthly


@pytest.mark.usefixtures("disks")
def test_a_part_of_a_month_falls_in_the_tiers_that_are_left(project: Project) -> None:
    use(project, "80")
    shown = quote([Meter(DISK, Decimal(60))], project=project, at=november(1))
    before = costs([project.pk], period=NOVEMBER, as_of=NOVEMBER.end)

    use(project, "60", begin=16)
    after = costs([project.pk], period=NOVEMBER, as_of=NOVEMBER.end)

    assert shown.cost_until(november(16), NOVEMBER.end) == after.total - before.total == 1


@pytest.mark.usefixtures("disks")
def test_a_quote_with_tiers_is_kept_whole(project: Project) -> None:
    use(project, "80")
    shown = quote([Meter(DISK, Decimal(60))], project=project, at=november(1))

    assert Quote.from_json(shown.as_json()) == shown


@pytest.mark.usefixtures("disks")
def test_ending_a_disk_saves_what_the_month_then_charges_less(project: Project) -> None:
    use(project, "80")
    use(project, "60")

    saved = quote_in_projects({"disk": (project, [Meter(DISK, Decimal(60))])}, at=november(2))[
        "disk"
    ]

    assert saved.monthly == 4  # of 140 there are 40 to pay
