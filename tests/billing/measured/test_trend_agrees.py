"""What is expected to pass by agrees with a reference in plain Python, on random histories."""

from __future__ import annotations

import ast
import inspect
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Final
from uuid import UUID, uuid5

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.meters import Measure
from billing.models import MeasuredUse, Price, PriceList, Sku, UsageSample, UsageSpan
from billing.services.charging import cost_by_day, costs, expected_costs
from billing.services.cost_lines import Costs
from portal.cloud.models import Cloud
from portal.core.calendar import Period
from portal.identity.models import Node, NodeParent
from tests.billing.measured import passing
from tests.billing.measured.passing import Balancer, Charge, History, Passed, Tariff
from tests.billing.reference import FOREVER, day_at, midnight, month_at
from tests.factories import CloudFactory, make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, SkuFactory

pytestmark = pytest.mark.django_db
HOUR: Final = 3600
DAY: Final = 24 * HOUR
LONG_AGO: Final = midnight(date(2020, 1, 1))
SPACE: Final = UUID("9f1d7d3e-0a55-4c0e-8f0c-8a3f3c1b2a10")
PAYERS: Final = ("north", "south")
PROJECTS: Final = ("archive", "counter")


@dataclass(frozen=True)
class Story:
    """A history, the moment of looking, and the month that it is in with the one after it."""

    history: History
    as_of: int

    @property
    def since(self) -> int:
        return month_at(self.as_of)[0]

    @property
    def turn(self) -> int:
        return month_at(self.as_of)[1]

    @property
    def until(self) -> int:
        return month_at(self.turn)[1]


def gibs(highest: int) -> st.SearchStrategy[Fraction]:
    return st.integers(1, highest * 10**6).map(lambda number: Fraction(number, 10**6))


@st.composite
def moments_of_looking(draw: st.DrawFn) -> int:
    """Days on which clocks change, months begin or end, or nothing; at midnight or beside it."""
    days = [
        (2026, 3, 28),
        (2026, 3, 29),
        (2026, 10, 25),
        (2026, 11, 1),
        (2027, 2, 28),
        (2026, 6, 9),
    ]
    begin = midnight(date(*draw(st.sampled_from(days))))
    return begin + draw(st.sampled_from([0, 1, -1]) | st.integers(0, DAY))


@st.composite
def balancers(draw: st.DrawFn, name: str, as_of: int) -> Balancer:
    """Of long ago or of today; samples are hours or days apart, or nothing passed for a while.

    The cloud may never have told its count, or not since weeks, or since the moment of looking.
    """
    began = as_of - draw(
        st.integers(-HOUR, 3 * DAY)
        | st.integers(0, 45 * DAY)
        | st.integers(0, 40).map(lambda days: as_of - midnight(day_at(as_of) - timedelta(days)))
    )
    turns = draw(st.lists(st.integers(60, 15 * DAY) | st.just(HOUR), max_size=14))
    samples = list(accumulate(turns, initial=began))[draw(st.sampled_from([0, 0, 0, 1])) :]
    passed = [
        Passed(since, until, draw(gibs(3000)))
        for since, until in pairwise(samples)
        if since < as_of and draw(st.integers(0, 4))
    ]
    return Balancer(
        public_id=str(uuid5(SPACE, name)),
        project=draw(st.sampled_from(PROJECTS)),
        samples=tuple(samples),
        ended=draw(st.none() | st.none() | st.just(max(began, as_of - HOUR))),
        last_day=draw(
            st.none() | st.integers(-2, 40).map(lambda days: day_at(as_of) + timedelta(days))
        ),
        passed=tuple(passed),
    )


@st.composite
def tiers(draw: st.DrawFn) -> tuple[tuple[Fraction, Fraction], ...]:
    """From nothing on, and as often as not from more on."""
    begins = draw(st.just([]) | st.lists(gibs(9000), max_size=3, unique=True))
    euros = st.just(Fraction(0)) | gibs(1)
    return tuple((begin, draw(euros)) for begin in (Fraction(0), *sorted(begins)))


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """The price changes in days to come, after some in which there may be none."""
    as_of = draw(moments_of_looking())
    turn = as_of + draw(st.integers(-20 * DAY, 40 * DAY))
    gap = draw(st.sampled_from([0, 0, 3 * DAY]))
    moved = as_of - draw(st.integers(0, 40 * DAY))
    own_since = as_of + draw(st.integers(-30 * DAY, 30 * DAY))
    tariffs = [
        Tariff("before", None, LONG_AGO, turn, draw(tiers())),
        Tariff("after", None, turn + gap, FOREVER, draw(tiers())),
        Tariff("own", "south", own_since, FOREVER, draw(tiers())),
    ]
    history = History(
        paid={
            "archive": draw(
                st.sampled_from([((LONG_AGO, "north"),), ((LONG_AGO, "north"), (moved, "south"))])
            ),
            "counter": ((LONG_AGO, "south"),),
        },
        tariffs=tuple(tariffs[: draw(st.sampled_from([2, 3]))]),
        balancers=tuple(draw(balancers(f"balancer {number}", as_of)) for number in range(3)),
    )
    return Story(history, as_of)


# --- the same in the database --------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    nodes: dict[str, Node]
    sku: Sku
    price_list: PriceList
    cloud: Cloud

    def names(self) -> dict[int, str]:
        return {node.pk: name for name, node in self.nodes.items()}


@pytest.fixture
def world(db: None) -> World:
    root = make_organization(name="root")
    payers = {name: make_organization(root, name) for name in PAYERS}
    projects = {name: make_project(payers["south"], name) for name in PROJECTS}
    NodeParent.objects.filter(node__in=projects.values()).delete()
    NodeParent.objects.update(valid_from=time(LONG_AGO))
    return World(
        nodes={"root": root, **payers, **projects},
        sku=SkuFactory(code="load_balancer.traffic"),
        price_list=PriceList.objects.create(name="Tarieven"),
        cloud=CloudFactory(),
    )


@contextmanager
def written(world: World, history: History) -> Iterator[None]:
    """Inside, the history is what the database knows."""
    with transaction.atomic():
        for project in PROJECTS:
            stays = history.paid[project]
            ends = [*(since for since, _payer in stays[1:]), None]
            for (since, payer), end in zip(stays, ends, strict=True):
                NodeParent.objects.create(
                    node=world.nodes[project],
                    parent=world.nodes[payer],
                    valid_from=time(since),
                    valid_until=end and time(end),
                )
        for tariff in history.tariffs:
            write_tariff(world, tariff)
        for balancer in history.balancers:
            write_balancer(world, balancer)
        yield
        transaction.set_rollback(True)


def write_tariff(world: World, tariff: Tariff) -> None:
    Price.objects.create(
        price_list=world.price_list,
        sku=world.sku,
        organization_id=world.nodes[tariff.owner].pk if tariff.owner else None,
        unit="gib",
        amount=decimal(tariff.tiers[0][1]),
        tier_quantities=[decimal(begin) for begin, _euros in tariff.tiers[1:]],
        tier_amounts=[decimal(euros) for _begin, euros in tariff.tiers[1:]],
        valid_from=time(tariff.since),
        valid_until=None if tariff.until == FOREVER else time(tariff.until),
    )


def write_balancer(world: World, one: Balancer) -> None:
    resource = MeteredResourceFactory(
        public_id=UUID(one.public_id),
        project_id=world.nodes[one.project].pk,
        cloud=world.cloud,
        kind="load_balancer",
        end_date=one.last_day,
    )
    use = MeasuredUse.objects.create(
        resource=resource,
        sku=world.sku,
        measure=Measure.TRAFFIC,
        started_at=time(LONG_AGO),
        ended_at=None if one.ended is None else time(one.ended),
    )
    UsageSample.objects.bulk_create(
        UsageSample(use=use, measured_at=time(moment), value=0) for moment in one.samples
    )
    UsageSpan.objects.bulk_create(
        UsageSpan(
            resource=resource,
            sku=world.sku,
            quantity=decimal(passed.gib),
            started_at=time(passed.since),
            ended_at=time(passed.until),
        )
        for passed in one.passed
    )


def time(moment: int) -> datetime:
    return datetime.fromtimestamp(moment, UTC)


def decimal(amount: Fraction) -> Decimal:
    return Decimal(int(amount * 10**6)).scaleb(-6)


# --- what both say -------------------------------------------------------------------------------


def lines_of(world: World, found: Costs) -> dict[tuple[object, ...], Fraction]:
    names = world.names()
    prices = {
        price.pk: ("own" if price.organization_id else "before")
        if time(LONG_AGO) == price.valid_from or price.organization_id
        else "after"
        for price in Price.objects.all()
    }
    return {
        (
            names[line.organization_id],
            names[line.project_id],
            line.price_id and prices[line.price_id],
            Fraction(line.from_quantity),
            int(line.month_start.timestamp()),
        ): Fraction(line.exact)
        for line in found.lines
    }


def lines_within(charges: Sequence[Charge], since: int) -> dict[tuple[object, ...], Fraction]:
    sums: defaultdict[tuple[object, ...], Fraction] = defaultdict(Fraction)
    for charge in charges:
        if charge.moment >= since:
            sums[charge.line] += charge.euros
    return dict(sums)


def examples(number: int) -> settings:
    return settings(
        max_examples=number,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@examples(120)
@given(story=stories())
def test_what_is_expected_and_what_was_used_agree_to_the_millionth(
    world: World, story: Story
) -> None:
    period = Period(time(story.since), time(story.until))
    root, as_of = world.nodes["root"].pk, time(story.as_of)
    facts = {"as_of": story.as_of, "until": story.until}

    with written(world, story.history):
        realised = lines_of(world, costs([root], period=period, as_of=as_of))
        expected = lines_of(world, expected_costs([root], period=period, as_of=as_of))

    used = passing.charges(story.history, **facts, looks_ahead=False)
    whole = passing.charges(story.history, **facts, looks_ahead=True)
    assert realised == lines_within(used, story.since)
    assert expected == lines_within(whole, story.since)


@examples(40)
@given(story=stories())
def test_of_every_part_and_month_it_adds_up_to_the_whole(world: World, story: Story) -> None:
    whole = Period(time(story.since), time(story.until))
    months = [Period(whole.start, time(story.turn)), Period(time(story.turn), whole.end)]

    def ask(*names: str, period: Period = whole) -> Costs:
        node_ids = [world.nodes[name].pk for name in names]
        return expected_costs(node_ids, period=period, as_of=time(story.as_of))

    with written(world, story.history):
        of_all = set(ask("root").lines)
        of_payers = [ask(name) for name in PAYERS]
        of_projects = [ask(name) for name in PROJECTS]
        of_months = [ask("root", period=month) for month in months]

    for parts in (of_payers, of_projects, of_months):
        assert sum(len(part.lines) for part in parts) == len(of_all)
        assert {line for part in parts for line in part.lines} == of_all


@examples(40)
@given(story=stories())
def test_it_is_expected_of_the_days_on_which_it_is_due(world: World, story: Story) -> None:
    month = Period(time(story.since), time(story.turn))
    want: defaultdict[date, Fraction] = defaultdict(Fraction)
    for charge in passing.charges(
        story.history, as_of=story.as_of, until=story.turn, looks_ahead=True
    ):
        want[day_at(charge.moment)] += charge.euros

    with written(world, story.history):
        days = cost_by_day(
            [world.nodes["root"].pk], month=month, as_of=time(story.as_of), until=month.end
        )

    assert [one.exact for one in days] == [want[one.day] for one in days]


def test_the_reference_needs_nothing_but_python() -> None:
    tree = ast.parse(inspect.getsource(passing))
    froms = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    others = {name for name in froms if name.partition(".")[0] not in sys.stdlib_module_names}

    assert others == {"tests.billing.reference"}
