"""The charges agree with an independent reference, on random histories.

``tests.billing.reference`` shares no code with billing. A history goes into the real tables, use
through the real services: what is delivered, resized, stopped, brought back and retired.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.meters import Meter
from billing.models import (
    AllocationFact,
    MeteredResource,
    Price,
    PriceList,
    PriceUnit,
    Sku,
    UsageSpan,
)
from billing.rating import LONGEST_MINIMUM_MONTHS
from billing.services.charging import cost_by_day, costs, expected_costs, list_charges
from billing.services.cost_lines import Costs
from billing.services.metering import UsageTime, change_metering, end_metering, start_metering
from portal.cloud.models import Cloud
from portal.core.calendar import Period
from portal.identity.models import CostCentre, Node, NodeParent, Project
from tests.billing import reference
from tests.billing.reference import (
    AMSTERDAM,
    FOREVER,
    KEYS,
    Asked,
    Event,
    History,
    Line,
    Place,
    Said,
    Stay,
    Stretch,
    Tariff,
    Thing,
)
from tests.factories import CloudFactory, make_organization, make_project
from tests.factories.billing import SkuFactory

DAY: Final = 86_400
LONG_AGO: Final = reference.midnight(date(2020, 1, 1))
MINISTRIES: Final = ("bzk", "fin")
ABOVE: Final = {  # under which nodes each may stand; nobody ever stands below itself
    "agency": MINISTRIES,
    "north": (*MINISTRIES, "agency"),
    "south": (*MINISTRIES, "agency"),
    "archive": ("north", "south", "agency"),
    "counter": ("north", "south", "fin"),
}
PROJECTS: Final = ("archive", "counter")
ORGANIZATIONS: Final = (*MINISTRIES, "agency", "north", "south")
SKUS: Final = ("server", "volume")
NOTHING_YET: Final = Event(LONG_AGO, {})
# Two months each: summer time begins, and ends; 28 and 29 days; a year ends.
PERIODS: Final = [
    (reference.midnight(date(year, month, 1)), reference.midnight(date(*end, 1)))
    for year, month, end in (
        (2026, 3, (2026, 5)),
        (2026, 10, (2026, 12)),
        (2027, 2, (2027, 4)),
        (2028, 2, (2028, 4)),
        (2026, 12, (2027, 2)),
    )
]


# --- random histories ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Story:
    """A history, the months that are looked at, and the moment of looking."""

    history: History
    since: int
    until: int
    as_of: int

    def asked(self, nodes: Sequence[str], **others: Any) -> Asked:
        facts = {"since": self.since, "until": self.until, "as_of": self.as_of}
        return Asked(nodes=nodes, **(facts | others))


def turns_between(since: int, until: int) -> list[int]:
    """Where calendars go wrong: beside midnights around the end of a month, and clock changes."""
    days = reference.midnights(since, until)
    ends = [day for day in days if reference.day_at(day).day in {1, 28, 29}]
    clock_changes = [
        hour
        for hour in range(since, until, 3600)
        if _offset(hour) != _offset(hour - 1)  # on the hour, in all the zones that we meet
    ]
    return [turn + second for turn in (*ends, *clock_changes) for second in (-1, 0, 1)]


def _offset(moment: int) -> timedelta | None:
    return datetime.fromtimestamp(moment, AMSTERDAM).utcoffset()


def moments(since: int, until: int) -> st.SearchStrategy[int]:
    """From five days before a period until five days after, often where it hurts."""
    since, until = since - 5 * DAY, until + 5 * DAY
    return st.sampled_from(turns_between(since, until)) | st.integers(since, until)


def amounts(digits: int) -> st.SearchStrategy[Fraction]:
    """At most so many digits, six of them decimals; often such that halves have to be rounded."""
    ties = st.sampled_from([Fraction(1, 2), Fraction(5, 10**6), Fraction(1, 10**6), Fraction(1)])
    return ties | st.integers(1, 10**digits).map(lambda number: Fraction(number, 10**6))


@st.composite
def stretches(draw: st.DrawFn, moment: st.SearchStrategy[int]) -> list[tuple[int, int]]:
    """Times that touch, from long ago on; one in five is left out, so there are holes."""
    turns = draw(st.sets(moment, min_size=1, max_size=3))
    return [one for one in pairwise([LONG_AGO, *sorted(turns), FOREVER]) if draw(st.integers(0, 4))]


@st.composite
def places(draw: st.DrawFn, node: str, moment: st.SearchStrategy[int]) -> Place:
    """A node that moves; of some of the time nothing may be written down."""
    parents = st.sampled_from(ABOVE[node])
    now = draw(st.none() | parents if node == "agency" else parents)
    times = [one for one in draw(stretches(moment)) if one[1] != FOREVER]
    return Place(now, tuple(Stay(draw(parents), since, until) for since, until in times))


@st.composite
def tariffs(draw: st.DrawFn, moment: st.SearchStrategy[int]) -> tuple[Tariff, ...]:
    """Prices that change, of some organizations and for everybody; now and then there is none."""
    found: list[Tariff] = []
    for sku in SKUS:
        for owner in (
            None,
            *draw(st.lists(st.sampled_from(ORGANIZATIONS), max_size=3, unique=True)),
        ):
            for since, until in draw(stretches(moment)):
                unit = draw(st.sampled_from(PriceUnit.values))
                name = f"price {len(found)}"
                tariff = Tariff(name, sku, owner, unit, draw(amounts(11)), since, until)
                # A term of the other of two, and now and then.
                extra = {"tiers": draw(tiers())}
                if not extra["tiers"] and unit not in {"one_off", "gib"}:
                    extra = {"months": draw(st.sampled_from([0, 1, 2, 3]))}
                found.append(replace(tariff, **extra))
    return tuple(found)


@st.composite
def tiers(draw: st.DrawFn) -> tuple[tuple[Fraction, Fraction], ...]:
    """None as often as not; what is further may cost more, less or nothing."""
    begins = draw(st.just([]) | st.lists(amounts(11) | amounts(7), max_size=3, unique=True))
    euros = st.just(Fraction(0)) | amounts(11)
    return tuple((begin, draw(euros)) for begin in sorted(begins))


@st.composite
def things(draw: st.DrawFn, name: str, moment: st.SearchStrategy[int]) -> Thing:
    """Delivered, resized, stopped, brought back, retired: whatever comes, in the order of time."""
    sizes = st.sampled_from([draw(amounts(11)), draw(amounts(11))])  # so that one often comes back
    held = st.dictionaries(st.sampled_from(SKUS), sizes, max_size=2)
    events = [
        Event(at, draw(held)) for at in sorted(draw(st.lists(moment, min_size=2, max_size=6)))
    ]
    last_day = draw(st.none() | moment.map(reference.day_at))
    return Thing(name, draw(st.sampled_from(PROJECTS)), tuple(events), last_day)


@st.composite
def said(draw: st.DrawFn, moment: st.SearchStrategy[int]) -> tuple[Said, ...]:
    """What costs of some nodes and things fall under; two places often say the same."""
    places = st.sampled_from([*ORGANIZATIONS, *PROJECTS, "thing 0", "thing 1"])
    pairs = st.tuples(places, st.sampled_from(KEYS))
    return tuple(
        Said(place, key, draw(st.sampled_from(["100", "200"])), since, until)
        for place, key in draw(st.lists(pairs, max_size=8, unique=True))
        for since, until in draw(stretches(moment))
    )


@st.composite
def stories(draw: st.DrawFn) -> Story:
    since, until = draw(st.sampled_from(PERIODS))
    moment = moments(since, until)
    history = History(
        places={
            **{ministry: Place(None) for ministry in MINISTRIES},
            **{node: draw(places(node, moment)) for node in ABOVE},
        },
        tariffs=draw(tariffs(moment)),
        things=tuple(draw(things(f"thing {n}", moment)) for n in range(5)),
        said=draw(said(moment)),
    )
    return Story(
        history,
        since,
        until,
        as_of=draw(st.just(until) | st.integers(since, since + 20 * DAY) | moment),
    )


# --- the same in the database --------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """The rows that names stand for. Each example moves them about and is rolled back."""

    nodes: dict[str, Node]
    skus: dict[str, Sku]
    price_list: PriceList
    cloud: Cloud

    def pks(self, names: Sequence[str]) -> list[int]:
        return [self.nodes[name].pk for name in names]


@pytest.fixture
def world(db: None) -> World:
    organizations = {name: make_organization(name=name) for name in ORGANIZATIONS}
    projects = {name: make_project(organizations["fin"]) for name in PROJECTS}
    NodeParent.objects.all().delete()  # each history writes its own
    return World(
        nodes={**organizations, **projects},
        skus={code: SkuFactory(code=code) for code in SKUS},
        price_list=PriceList.objects.create(name="Tarieven"),
        cloud=CloudFactory(),
    )


@contextmanager
def written(world: World, history: History, order: Random | None = None) -> Iterator[None]:
    """Inside, the history is what the database knows; in any order, if one is given."""
    acts = [
        *(partial(write_place, world, history, name) for name in history.places),
        *(partial(write_tariff, world, tariff) for tariff in history.tariffs),
    ]
    steps = {thing: pairwise((NOTHING_YET, *thing.events)) for thing in history.things}
    turns = [thing for thing in history.things for _ in thing.events]
    if order:
        order.shuffle(acts)
        order.shuffle(turns)  # what becomes of one thing keeps its order
    has_terms = any(tariff.months for tariff in history.tariffs)
    with transaction.atomic():
        # Whether a term begins is known when the use begins, or never.
        for act in acts if has_terms else ():
            act()
        for thing in turns:
            write_event(world, thing, *next(steps[thing]))
        for act in acts if not has_terms else ():
            act()
        for one in history.said:
            write_said(world, one)
        yield
        transaction.set_rollback(True)


def write_place(world: World, history: History, name: str) -> None:
    """Where a node stands now, and stood."""
    node, place = world.nodes[name], history.places[name]
    above = history.lineage_now(name)[:0:-1]
    Node.objects.filter(pk=node.pk).update(
        parent=world.nodes[place.parent] if place.parent else None, ancestor_ids=world.pks(above)
    )
    NodeParent.objects.bulk_create(
        NodeParent(
            node=node,
            parent=world.nodes[stay.parent],
            valid_from=time(stay.since),
            valid_until=time(stay.until),
        )
        for stay in place.stays
    )


def write_tariff(world: World, tariff: Tariff) -> None:
    Price.objects.create(
        price_list=world.price_list,
        sku=world.skus[tariff.sku],
        organization_id=world.nodes[tariff.owner].pk if tariff.owner else None,
        unit=tariff.unit,
        amount=decimal(tariff.euros),
        tier_quantities=[decimal(begin) for begin, _euros in tariff.tiers],
        tier_amounts=[decimal(euros) for _begin, euros in tariff.tiers],
        minimum_months=tariff.months,
        valid_from=time(tariff.since),
        valid_until=None if tariff.until == FOREVER else time(tariff.until),
    )


def write_said(world: World, one: Said) -> None:
    facts: dict[str, Any] = {
        "valid_from": time(one.since),
        "valid_until": None if one.until == FOREVER else time(one.until),
    }
    node = world.nodes.get(one.place)
    if node and one.key == "cost_center":
        CostCentre.objects.create(node=node, code=one.value, name="", **facts)
        return
    resource = MeteredResource.objects.filter(public_id=uuid5(NAMESPACE_OID, one.place)).first()
    if node or resource:  # what was never used is not known
        AllocationFact.objects.create(
            node_id=node and node.pk, resource=resource, key=one.key, value=one.value, **facts
        )


def write_event(world: World, thing: Thing, before: Event, event: Event) -> None:
    at = time(event.moment)
    facts: dict[str, Any] = {
        "meters": [Meter(sku, decimal(quantity)) for sku, quantity in event.held.items()],
        "time": UsageTime(cloud=at, intended=at, observed=at),
        "agreed_months": dict.fromkeys(event.held, LONGEST_MINIMUM_MONTHS),
    }
    public_id = uuid5(NAMESPACE_OID, thing.name)
    if not event.held:
        end_metering(public_id, time=facts["time"])
    elif before.held:
        change_metering(public_id, **facts)
    else:
        start_metering(
            public_id=public_id,
            project=Project.objects.get(pk=world.nodes[thing.project].pk),
            cloud=world.cloud,
            kind="server",
            name=thing.name,
            openstack_id="",
            end_date=thing.last_day,
            **facts,
        )


def time(moment: int) -> datetime:
    return datetime.fromtimestamp(moment, UTC)


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def decimal(amount: Fraction) -> Decimal:
    return Decimal(int(amount * 10**6)).scaleb(-6)


# --- what both say -------------------------------------------------------------------------------


def charged(world: World, story: Story, nodes: Sequence[str]) -> list[tuple[Any, ...]]:
    """Every charge of the portal, by the names of the reference."""
    found = list_charges(
        world.pks(nodes),
        period=Period(time(story.since), time(story.until)),
        as_of=time(story.as_of),
    )
    names = {node.pk: name for name, node in world.nodes.items()}
    codes = {sku.pk: code for code, sku in world.skus.items()}
    resources = dict(MeteredResource.objects.values_list("pk", "name"))
    began = dict(UsageSpan.objects.values_list("pk", "started_at"))
    prices = price_names(world, story.history)
    return sorted(
        (
            resources[one.resource_id],
            codes[one.sku_id],
            seconds(began[one.span_id]),
            seconds(one.started_at),
            seconds(one.ended_at),
            one.seconds,
            names[one.project_id],
            names[one.organization_id],
            prices[one.price_id],
            one.from_quantity,
            one.quantity,
            one.quantity_seconds,
            one.amount,
            (one.cost_center, one.cost_object, one.commitment_number),
        )
        for one in found
    )


def expected(charges: Sequence[Stretch]) -> list[tuple[Any, ...]]:
    """The same of the reference."""
    return sorted(
        (
            one.use.thing.name,
            one.use.sku,
            one.use.since,
            one.since,
            one.until,
            one.until - one.since,
            one.use.thing.project,
            one.payer,
            one.tariff.name if one.tariff else None,
            one.tier,
            one.used if is_one_off(one) else one.use.quantity,
            one.used * (one.until - one.since if is_one_off(one) else 1),
            one.euros,
            one.allocation,
        )
        for one in charges
    )


def is_one_off(one: Stretch) -> bool:
    return one.tariff is not None and one.tariff.unit in {"one_off", "gib"}


def price_names(world: World, history: History) -> dict[int | None, str | None]:
    """The name of the reference for each price, by primary key; no price has no name."""
    ours = {
        (price.sku_id, price.organization_id, seconds(price.valid_from)): price.pk
        for price in Price.objects.all()
    }
    return {None: None} | {
        ours[
            world.skus[tariff.sku].pk,
            world.nodes[tariff.owner].pk if tariff.owner else None,
            tariff.since,
        ]: tariff.name
        for tariff in history.tariffs
    }


def by_line(world: World, story: Story, result: Costs) -> dict[Line, Fraction]:
    """Lines of the portal, as ``reference.lines`` has them."""
    names = {node.pk: name for name, node in world.nodes.items()}
    codes = {sku.pk: code for code, sku in world.skus.items()}
    prices = price_names(world, story.history)
    return {
        (
            names[line.organization_id],
            names[line.project_id],
            codes[line.sku_id],
            prices[line.price_id],
            seconds(line.month_start),
            (line.cost_center, line.cost_object, line.commitment_number),
            Fraction(line.from_quantity),
        ): Fraction(line.amount)
        for line in result.lines
    }


# --- tests ---------------------------------------------------------------------------------------


def examples(number: int) -> settings:
    return settings(
        max_examples=number,
        deadline=None,
        derandomize=True,
        database=None,
        # Each example is rolled back; what the fixture made is as it was for the next.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


SOME: Final = st.just(list(ORGANIZATIONS)) | st.lists(
    st.sampled_from([*MINISTRIES, *ABOVE]), min_size=1, unique=True
)


@examples(100)
@given(story=stories(), nodes=SOME)
def test_charges_agree_to_the_millionth_and_lines_to_the_cent(
    world: World, story: Story, nodes: list[str]
) -> None:
    want = reference.charges(story.history, story.asked(nodes))
    to_come = reference.charges(story.history, story.asked(nodes, expected_until=story.until))
    period = Period(time(story.since), time(story.until))
    facts: dict[str, Any] = {"period": period, "as_of": time(story.as_of)}

    with written(world, story.history):
        assert charged(world, story, nodes) == expected(want)
        lines = by_line(world, story, costs(world.pks(nodes), **facts))
        lines_to_come = by_line(world, story, expected_costs(world.pks(nodes), **facts))

    assert lines == reference.lines(want)
    assert lines_to_come == reference.lines(to_come)


@examples(25)
@given(story=stories())
def test_parts_add_up_to_the_whole(world: World, story: Story) -> None:
    as_of = time(story.as_of)
    whole_period = Period(time(story.since), time(story.until))
    turn = reference.month_at(story.since)[1]
    months = [Period(whole_period.start, time(turn)), Period(time(turn), whole_period.end)]

    def ask(names: Sequence[str], period: Period = whole_period) -> Costs:
        return costs(world.pks(names), period=period, as_of=as_of)

    with written(world, story.history):
        whole = ask(ORGANIZATIONS)
        of_projects = [ask([project]) for project in PROJECTS]
        of_months = [ask(ORGANIZATIONS, month) for month in months]
        own = {pk: ask([name]).by_organization.get(pk) for name, pk in payers(world)}
        together = whole.by_organization

    assert whole.total == sum(part.total for part in of_projects)
    assert whole.total == sum(part.total for part in of_months)
    assert whole.total == sum(part.total for part in together.values())
    assert {pk: part for pk, part in own.items() if part} == together
    assert set(whole.lines) == {line for part in of_months for line in part.lines}


def payers(world: World) -> list[tuple[str, int]]:
    return [(name, world.nodes[name].pk) for name in ORGANIZATIONS]


@examples(25)
@given(story=stories(), nodes=SOME)
def test_each_day_agrees_and_days_add_up_to_the_month(
    world: World, story: Story, nodes: list[str]
) -> None:
    begin, end = reference.month_at(story.since)
    asked = story.asked(nodes, until=end)
    by_month = reference.charges(story.history, asked)
    by_day = reference.charges(story.history, replace(asked, cut="day"))
    want = dict.fromkeys(map(reference.day_at, reference.midnights(begin, end - 1)[:-1]), 0)
    for one in by_day:
        want[reference.day_at(one.since)] += one.euros or 0

    with written(world, story.history):
        period = Period(time(begin), time(end))
        days = cost_by_day(world.pks(nodes), month=period, as_of=time(story.as_of))
        month = costs(world.pks(nodes), period=period, as_of=time(story.as_of))

    assert {one.day: one.exact for one in days} == want
    # Each piece is rounded for itself, by half a millionth at most.
    strays = Decimal(len(by_day) + len(by_month)) * Decimal("0.0000005")
    assert abs(sum(one.exact for one in days) - sum(one.exact for one in month.lines)) <= strays


@examples(20)
@given(story=stories(), order=st.randoms(use_true_random=False))
def test_neither_the_order_of_events_nor_the_number_of_runs_matters(
    world: World, story: Story, order: Random
) -> None:
    with written(world, story.history):
        first = charged(world, story, ORGANIZATIONS)
        again = charged(world, story, ORGANIZATIONS)
    with written(world, story.history, order):
        otherwise = charged(world, story, ORGANIZATIONS)

    assert first == again == otherwise


def test_the_reference_needs_nothing_but_python() -> None:
    tree = ast.parse(inspect.getsource(reference))
    froms = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imports = {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }

    assert {name.partition(".")[0] for name in froms | imports} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("month", "hours"),
    [((2026, 3), 743), ((2026, 10), 745), ((2027, 2), 672), ((2028, 2), 696), ((2026, 12), 744)],
)
def test_the_reference_knows_how_long_a_month_lasts(month: tuple[int, int], hours: int) -> None:
    begin, end = reference.month_at(reference.midnight(date(*month, 17)))

    assert end - begin == hours * 3600
    assert reference.day_at(begin) == date(*month, 1)


def test_the_reference_says_what_can_be_worked_out_by_hand() -> None:
    begin, end = reference.month_at(reference.midnight(date(2026, 11, 1)))
    turn = begin + 10 * DAY
    history = History(
        places={
            "fin": Place(None),
            "bzk": Place(None),
            "counter": Place("fin", (Stay("bzk", LONG_AGO, turn),)),
        },
        tariffs=(
            Tariff("all", "server", None, "month", Fraction(30), LONG_AGO, FOREVER),
            Tariff("own", "server", "fin", "month", Fraction(15), LONG_AGO, FOREVER),
            Tariff("setup", "volume", None, "one_off", Fraction(7), LONG_AGO, FOREVER),
        ),
        things=(
            Thing("a", "counter", (Event(begin, {"server": Fraction(2), "volume": Fraction(1)}),)),
        ),
        said=(
            Said("bzk", "cost_center", "100", LONG_AGO, FOREVER),
            Said("a", "cost_object", "zaken", begin + 20 * DAY, FOREVER),
        ),
    )
    asked = Asked(nodes=["fin", "bzk"], since=begin, until=end, as_of=end)

    found = reference.lines(reference.charges(history, asked))

    assert found == {
        ("bzk", "counter", "server", "all", begin, ("100", None, None), 0): 20,
        ("fin", "counter", "server", "own", begin, (None, None, None), 0): 10,
        ("fin", "counter", "server", "own", begin, (None, "zaken", None), 0): 10,
        ("bzk", "counter", "volume", "setup", begin, ("100", None, None), 0): 7,
    }
