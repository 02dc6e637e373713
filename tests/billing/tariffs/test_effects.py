"""What new prices would have made of last month is what that month would have been charged."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.models import MeteredResource, MinimumTerm, PriceUnit
from billing.rating import Unit, UnitPrice
from billing.services.tariff_effects import Change, Effect, effect_on_last_month
from portal.core.calendar import month, start_of_day
from portal.identity.models import Node, NodeParent, Organization, Project
from tests.billing import reference
from tests.billing.reference import FOREVER, History, Tariff
from tests.billing.test_reference import (
    ORGANIZATIONS,
    SKUS,
    Story,
    World,
    amounts,
    decimal,
    stories,
    time,
    world,
    written,
)
from tests.factories import make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, SkuFactory, UsageSpanFactory, set_price
from tests.histories import histories

__all__ = ["world"]  # a fixture
pytestmark = pytest.mark.django_db
OCTOBER = month(2026, 10)  # in which summer time ends
NOW = start_of_day(date(2026, 11, 16))
JANUARY = month(2027, 1).start


@pytest.fixture
def ministry() -> Organization:
    return make_organization(name="Ministerie")


@pytest.fixture
def project(ministry: Organization) -> Project:
    project = make_project(make_organization(ministry, name="Dienst"))
    NodeParent.objects.update(valid_from=start_of_day(date(2025, 1, 1)))
    return project


@pytest.fixture
def server(project: Project) -> MeteredResource:
    """Runs all of October."""
    set_price("38.40")
    server: MeteredResource = MeteredResourceFactory(project=project)
    UsageSpanFactory(resource=server, started_at=start_of_day(date(2026, 9, 1)))
    return server


def effect(
    amount: str | None,
    unit: Unit = Unit.MONTH,
    *,
    sku: str = "server.gp.small",
    organization: Organization | None = None,
) -> Effect:
    price = UnitPrice(unit, Decimal(amount)) if amount is not None else None
    return effect_on_last_month(
        {SkuFactory(code=sku): price}, organization=organization, valid_from=JANUARY, at=NOW
    )


def change(before: str, after: str) -> Change:
    return Change(before=Decimal(before), after=Decimal(after))


def by_name(found: Effect) -> dict[str, Change]:
    return {node.name: each for node, each in found.organizations}


class TestEverybody:
    def test_another_price_for_all_of_the_month_before(self, server: MeteredResource) -> None:
        found = effect("40.00")

        assert found.month == OCTOBER
        assert found.total == change("38.40", "40.00")
        assert found.total.difference == Decimal("1.60")
        assert found.total.percent == Decimal("4.2")
        assert by_name(found) == {"Dienst": change("38.40", "40.00")}

    def test_another_unit(self, server: MeteredResource) -> None:
        # October has an hour more than 31 days.
        assert effect("0.05", Unit.HOUR).total == change("38.40", "37.25")

    def test_what_had_no_price_costs_something_new(self, server: MeteredResource) -> None:
        UsageSpanFactory(
            resource=server,
            sku__code="volume",
            quantity=Decimal(40),
            started_at=start_of_day(date(2026, 10, 1)),
        )
        found = effect("0.1", Unit.GIB_MONTH, sku="volume")

        assert found.total == change("38.40", "42.40")
        (of_volume,) = found.skus.values()
        assert of_volume == change("0", "4.00")
        assert of_volume.percent is None

    def test_what_is_paid_once_is_due_of_what_began_in_the_month(
        self, server: MeteredResource
    ) -> None:
        set_price("10", sku="set-up", unit=PriceUnit.ONE_OFF)
        for day in (date(2026, 9, 30), date(2026, 10, 1), date(2026, 10, 31), date(2026, 11, 1)):
            other = MeteredResourceFactory(project=server.project)
            UsageSpanFactory(resource=other, sku__code="set-up", started_at=start_of_day(day))
        found = effect("12.50", Unit.ONE_OFF, sku="set-up")

        assert found.total == change("58.40", "63.40")

    def test_what_is_in_a_minimum_term_keeps_its_price(self, project: Project) -> None:
        price = set_price("38.40", minimum_months=12)
        began, ends = start_of_day(date(2026, 9, 1)), start_of_day(date(2026, 10, 11))
        in_term, beside = (MeteredResourceFactory(project=project) for _number in range(2))
        term = MinimumTerm.objects.create(
            resource=in_term, sku=price.sku, price=price, quantity=1, started_at=began, ends_at=ends
        )
        UsageSpanFactory(resource=in_term, term=term, started_at=began)
        UsageSpanFactory(resource=beside, started_at=began)

        found = effect("74.50", Unit.MONTH)

        # October has 745 hours: 240 of them in the term, at 38.40 a month.
        assert found.total == change("76.80", "137.37")

    def test_own_prices_are_left_alone(self, server: MeteredResource, project: Project) -> None:
        set_price("30", organization=project.parent)

        assert effect("40").total == change("30.00", "30.00")

    def test_a_price_that_changed_within_the_month_is_one_line_then(self, project: Project) -> None:
        turn = start_of_day(date(2026, 10, 16))
        set_price("0.005", until=turn)
        set_price("0.005000", since=turn)
        UsageSpanFactory(
            resource=MeteredResourceFactory(project=project),
            started_at=start_of_day(date(2026, 9, 1)),
        )

        # 0.0024… and 0.0025… are each rounded to nothing; 0.005 to a cent.
        assert effect("0.005").total == change("0.00", "0.01")

    def test_a_month_without_use(self, project: Project) -> None:
        found = effect("40")

        assert found.total == change("0", "0")
        assert (list(found.organizations), found.total.percent) == ([], None)

    def test_what_ended_since_counts_too(
        self, server: MeteredResource, ministry: Organization
    ) -> None:
        span = server.spans.get()
        span.ended_at = start_of_day(date(2026, 11, 2))
        span.save()

        assert effect("40").total == change("38.40", "40.00")


class TestOneOrganization:
    def test_its_price_is_for_all_below_it_and_for_nobody_else(
        self, server: MeteredResource, ministry: Organization
    ) -> None:
        elsewhere = MeteredResourceFactory(project=make_project(make_organization()))
        UsageSpanFactory(resource=elsewhere, started_at=start_of_day(date(2026, 9, 1)))
        found = effect("30", organization=ministry)

        assert by_name(found) == {"Dienst": change("38.40", "30.00")}

    def test_a_nearer_price_goes_first(
        self, server: MeteredResource, ministry: Organization, project: Project
    ) -> None:
        set_price("35", organization=ministry)
        set_price("33", organization=project.parent)

        assert effect("30", organization=ministry).total == change("33.00", "33.00")
        assert effect("30", organization=project.parent).total == change("33.00", "30.00")

    def test_a_nearer_price_stays_so_where_its_organization_moved_since(
        self, server: MeteredResource, ministry: Organization, project: Project
    ) -> None:
        set_price("33", organization=project.parent)
        service, other = project.parent, make_organization()
        turn = start_of_day(date(2026, 11, 3))
        NodeParent.objects.filter(node=service).update(valid_until=turn)
        NodeParent.objects.create(node=service, parent=other, valid_from=turn)
        Node.objects.filter(pk=service.pk).update(parent=other, ancestor_ids=[other.pk])
        lineage = [other.pk, service.pk]
        Node.objects.filter(pk=project.pk).update(ancestor_ids=lineage)

        assert effect("30", organization=ministry).total == change("33.00", "33.00")

    def test_a_farther_price_makes_place(
        self, server: MeteredResource, ministry: Organization, project: Project
    ) -> None:
        set_price("35", organization=ministry)

        assert effect("30", organization=project.parent).total == change("35.00", "30.00")

    def test_where_the_own_price_ends_the_one_above_it_holds(
        self, server: MeteredResource, ministry: Organization, project: Project
    ) -> None:
        set_price("33", organization=project.parent)
        assert effect(None, organization=project.parent).total == change("33.00", "38.40")

        set_price("35", organization=ministry)
        assert effect(None, organization=project.parent).total == change("33.00", "35.00")


# --- against the reference -----------------------------------------------------------------------


def first_month(story: Story) -> Story:
    """The same history, of which only the first month is looked at, in full."""
    _since, until = reference.month_at(story.since)
    return replace(story, until=until, as_of=until)


def with_prices(history: History, owner: str | None, prices: dict[str, UnitPrice]) -> History:
    """As if these had been the prices of the owner all along."""
    others = [t for t in history.tariffs if t.owner != owner or t.sku not in prices]
    new = [
        Tariff(f"new {sku}", sku, owner, price.unit.value, Fraction(price.amount), 0, FOREVER)
        for sku, price in prices.items()
    ]
    return replace(history, tariffs=(*others, *new))


def totals(story: Story, nodes: tuple[str, ...]) -> dict[str, Fraction]:
    """What each payer owes by the reference, in cents that each line rounds to."""
    sums: defaultdict[str, Fraction] = defaultdict(Fraction)
    for line, amount in reference.lines(
        reference.charges(story.history, story.asked(nodes))
    ).items():
        sums[line[0]] += amount
    return dict(sums)


def of_one_kind(story: Story, paid_once: set[str]) -> Story:
    """As the service wants it: of a SKU all prices are paid once, or none.

    Without minimum terms, which no other price changes: those have a test of their own.
    """

    def unit(tariff: Tariff) -> str:
        if tariff.sku in paid_once:
            return "one_off"
        return "month" if tariff.unit in {"one_off", "gib"} else tariff.unit

    tariffs = tuple(
        replace(tariff, unit=unit(tariff), months=0) for tariff in story.history.tariffs
    )
    return replace(story, history=replace(story.history, tariffs=tariffs))


@st.composite
def new_prices(draw: st.DrawFn, paid_once: set[str]) -> dict[str, UnitPrice]:
    """For one or both SKUs."""
    prices = {}
    for sku in draw(st.sets(st.sampled_from(SKUS), min_size=1)):
        units = [Unit.ONE_OFF] if sku in paid_once else [Unit.MONTH, Unit.HOUR, Unit.GIB_MONTH]
        prices[sku] = UnitPrice(draw(st.sampled_from(units)), decimal(draw(amounts(11))))
    return prices


@pytest.mark.database
@settings(
    max_examples=histories(60),
    deadline=None,
    derandomize=True,
    database=None,
    # Each example rolls its rows back; the world that the fixture made is only read.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_it_is_what_the_reference_charges_at_those_prices(world: World, data: Any) -> None:
    """To the cent, but where rounding each charge to a millionth decides about half a cent."""
    paid_once = data.draw(st.sampled_from([set(), set(), {"server"}, set(SKUS)]))
    story = of_one_kind(first_month(data.draw(stories())), paid_once)
    owner = data.draw(st.sampled_from([None, None, None, *ORGANIZATIONS]))
    prices = data.draw(new_prices(paid_once))
    nodes = (owner,) if owner else ORGANIZATIONS
    other = replace(story, history=with_prices(story.history, owner, prices))

    with written(world, story.history):
        found = effect_on_last_month(
            {world.skus[sku]: price for sku, price in prices.items()},
            organization=Organization.objects.get(pk=world.nodes[owner].pk) if owner else None,
            valid_from=time(story.until),
            at=time(story.until),
        )

    names = {node.pk: name for name, node in world.nodes.items()}
    changes = {names[node.pk]: change for node, change in found.organizations}
    before, after = totals(story, nodes), totals(other, nodes)
    assert {name: Fraction(each.before) for name, each in changes.items()} == before
    assert after.keys() <= changes.keys()
    for name, each in changes.items():  # at a price that is paid once, some owe nothing at all
        assert abs(Fraction(each.after) - after.get(name, 0)) <= Fraction(1, 100)
