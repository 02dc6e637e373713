"""The SQL and ``billing.rating`` say the same, to the sixth decimal, on random histories.

The reference below walks through each span by the points in time at which anything changes, and
rates stretch after stretch in plain Python. It shares nothing with the statement but ``rating``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.models import MeteredResource, Price, PriceList, PriceUnit, UsageSpan
from billing.rating import DUE_AT_ONCE, Usage, rate_piece, rate_tiers
from billing.services.charging import costs, list_charges
from portal.core.calendar import Period, month, month_of, months_in
from portal.core.money import to_cents
from portal.identity.models import Node, NodeParent, Project
from tests.factories import CloudFactory, make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, SkuFactory

# Summer time begins on 29 March 2026; the months before and after are in it too.
FIRST = datetime(2026, 2, 20, tzinfo=UTC)
SECONDS = int((datetime(2026, 5, 10, tzinfo=UTC) - FIRST).total_seconds())
PERIOD = Period(month(2026, 3).start, month(2026, 4).end)
TURNS = [one.end.astimezone(UTC) for one in months_in(Period(FIRST, PERIOD.end))]
EARLY = datetime(2020, 1, 1, tzinfo=UTC)
SKUS = ("server.gp.small", "volume.standard")

Interval = tuple[datetime, datetime | None]


def moment(random: Random) -> datetime:
    """A whole second; one in five is the end of a month."""
    if random.random() < 0.2:
        return random.choice(TURNS)
    return FIRST + timedelta(seconds=random.randrange(SECONDS))


def number(random: Random, below: int) -> Decimal:
    """At least a millionth, with six decimals."""
    return Decimal(random.randrange(1, below * 10**6)).scaleb(-6)


def intervals(random: Random, most: int) -> list[Interval]:
    """Stretches of time that do not overlap; they may touch, and the last may be open."""
    bounds = sorted({moment(random) for _ in range(random.randint(1, most + 1))})
    stretches: list[Interval] = [stretch for stretch in pairwise(bounds) if random.random() < 0.8]
    if random.random() < 0.6:
        stretches.append((bounds[-1], None))
    return stretches


def tiers(random: Random) -> dict[str, list[Decimal]]:
    """Of half of the prices, such that use reaches them more often than not."""
    begins = sorted({number(random, 10**5) for _ in range(random.choice([0, 0, 1, 3]))})
    amounts = [random.choice([Decimal(0), number(random, 10**5)]) for _ in begins]
    return {"tier_quantities": begins, "tier_amounts": amounts}


@dataclass(frozen=True)
class Tree:
    """Two ministries; an agency that moves between them, with two directorates; a project.

    The first directorate leaves the agency for the second ministry, and the project leaves the
    first directorate for the second.
    """

    ministries: tuple[Node, Node]
    agency: Node
    directorates: tuple[Node, Node]
    project: Project
    cloud: Any

    @property
    def organizations(self) -> tuple[Node, ...]:
        return (*self.ministries, self.agency, *self.directorates)


@dataclass(frozen=True)
class History:
    """What happened: when who moved, which prices held, and what was used."""

    agency_moves: datetime
    directorate_moves: datetime
    project_moves: datetime
    prices: list[Price]
    spans: list[UsageSpan]

    @property
    def turning_points(self) -> set[datetime]:
        """Every moment at which a price or a payer may change."""
        bounds = {bound for price in self.prices for bound in (price.valid_from, price.valid_until)}
        bounds |= {self.agency_moves, self.directorate_moves, self.project_moves, *TURNS}
        return {bound for bound in bounds if bound is not None}


@pytest.fixture
def tree(db: None) -> Tree:
    ministries = (make_organization(), make_organization())
    agency = make_organization(ministries[0])
    directorates = (make_organization(agency), make_organization(agency))
    project = make_project(directorates[0])
    NodeParent.objects.all().delete()  # each history writes its own
    return Tree(ministries, agency, directorates, project, CloudFactory())


def write_history(tree: Tree, random: Random) -> History:
    """Write a random history to the database."""
    price_list = PriceList.objects.create(name="Tarieven")
    prices, resources, spans = [], [], []
    for sku in [SkuFactory(code=code) for code in SKUS]:
        for owner in (None, *tree.organizations):
            prices += [
                Price(
                    price_list=price_list,
                    sku=sku,
                    organization_id=owner and owner.pk,
                    unit=random.choice(PriceUnit.values),
                    amount=number(random, 10**5),
                    valid_from=start,
                    valid_until=end,
                    **tiers(random),
                )
                for start, end in intervals(random, 3)
            ]
        for _ in range(4):
            resource = MeteredResourceFactory.build(project=tree.project, cloud=tree.cloud)
            resources.append(resource)
            spans += [
                UsageSpan(
                    resource=resource,
                    sku=sku,
                    quantity=number(random, 10**6),
                    started_at=start,
                    ended_at=end,
                    is_beginning=random.random() < 0.8,
                )
                for start, end in intervals(random, 6)
            ]
    Price.objects.bulk_create(prices)
    MeteredResource.objects.bulk_create(resources)
    UsageSpan.objects.bulk_create(spans)
    history = History(moment(random), moment(random), moment(random), prices, spans)
    write_moves(tree, history)
    return history


def write_moves(tree: Tree, history: History) -> None:
    one, other = tree.ministries
    moves = [
        (tree.agency, (one, other), history.agency_moves),
        (tree.directorates[0], (tree.agency, other), history.directorate_moves),
        (tree.directorates[1], (tree.agency, tree.agency), history.directorate_moves),
        (tree.project, tree.directorates, history.project_moves),
    ]
    for node, (before, after), moment in moves:
        NodeParent.objects.create(node=node, parent=before, valid_from=EARLY, valid_until=moment)
        NodeParent.objects.create(node=node, parent=after, valid_from=moment)


def lineage_at(tree: Tree, history: History, moment: datetime) -> list[int]:
    """Who pays, then who stands above it: primary keys, nearest first."""
    payer = tree.directorates[moment >= history.project_moves]
    if payer == tree.directorates[0] and moment >= history.directorate_moves:
        return [payer.pk, tree.ministries[1].pk]
    return [payer.pk, tree.agency.pk, tree.ministries[moment >= history.agency_moves].pk]


def price_at(history: History, sku_id: int, lineage: Sequence[int], moment: datetime) -> Any:
    """The price of the nearest organization that has one, else the one for everybody."""
    held = {
        price.organization_id: price
        for price in history.prices
        if price.sku_id == sku_id
        and price.valid_from <= moment
        and (price.valid_until is None or moment < price.valid_until)
    }
    return next((held[owner] for owner in (*lineage, None) if owner in held), None)


def reference(tree: Tree, history: History, as_of: datetime) -> list[tuple[Any, ...]]:
    """Every charge as (span, payer, price, tier, start, seconds, amount), by span, start, tier."""
    pieces = [piece for span in history.spans for piece in pieces_of(tree, history, span, as_of)]
    used_before: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    charges = []
    for span, payer, price, begin, stop in sorted(
        pieces, key=lambda piece: (piece[3].astimezone(UTC), piece[0].resource.public_id)
    ):
        usage = Usage(span.quantity, begin, stop, span.is_beginning and begin == span.started_at)
        what = (span.pk, payer, price and price.pk)
        if price is None:
            charges.append((*what, 0, begin, usage.seconds, None))
        elif price.tiers:
            key = (payer, price.pk, month_of(begin).start)
            used = span.quantity * (1 if price.unit in DUE_AT_ONCE else usage.seconds)
            parts = rate_tiers(
                price.unit_price, used=used, before=used_before[key], month=month_of(begin)
            )
            used_before[key] += used
            charges += [
                (*what, part.tier.from_quantity, begin, usage.seconds, part.cost) for part in parts
            ]
        else:
            charges.append((*what, 0, begin, usage.seconds, rate_piece(usage, price.unit_price)))
    return sorted(charges, key=lambda charge: (charge[0], charge[4].astimezone(UTC), charge[3]))


def pieces_of(tree: Tree, history: History, span: UsageSpan, as_of: datetime) -> Iterator[Any]:
    """As (span, payer, price, start, end): what is due of its use."""
    start = max(span.started_at, PERIOD.start)
    end = min(span.ended_at or as_of, as_of, PERIOD.end)
    if start >= end:
        return
    inside = [point for point in history.turning_points if start < point < end]
    cuts = sorted({start, end, *inside}, key=lambda cut: cut.astimezone(UTC))
    stretches: list[list[Any]] = []
    for begin, stop in pairwise(cuts):
        lineage = lineage_at(tree, history, begin)
        price = price_at(history, span.sku_id, lineage, begin)
        key = (lineage[0], price, month_of(begin).start)
        if stretches and stretches[-1][0] == key:
            stretches[-1][2] = stop
        else:
            stretches.append([key, begin, stop])
    for (payer, price, _), begin, stop in stretches:
        is_beginning = span.is_beginning and begin == span.started_at
        if price is None or price.unit not in DUE_AT_ONCE or is_beginning:
            yield span, payer, price, begin, stop


def lines_of(
    history: History, charges: Sequence[tuple[Any, ...]]
) -> dict[tuple[Any, ...], Decimal]:
    """Cents by (payer, SKU, price, tier, month), each rounded once."""
    sku_of = {span.pk: span.sku_id for span in history.spans}
    exact: dict[tuple[Any, ...], Decimal] = {}
    for span_id, payer, price, tier, begin, _, amount in charges:
        key = (payer, sku_of[span_id], price, tier, month_of(begin).start)
        exact[key] = exact.get(key, Decimal(0)) + (amount or 0)
    return {key: to_cents(amount) for key, amount in exact.items()}


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    # Each example rolls its rows back; the tree that the fixture made is only read.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(random=st.randoms(use_true_random=True))
def test_sql_and_rating_agree(tree: Tree, random: Random) -> None:
    with transaction.atomic():
        history = write_history(tree, random)
        as_of = PERIOD.end if random.random() < 0.7 else moment(random)
        nodes = [tree.project.pk]
        expected = reference(tree, history, as_of)

        charges = list_charges(nodes, period=PERIOD, as_of=as_of)
        lines = costs(nodes, period=PERIOD, as_of=as_of).lines
        transaction.set_rollback(True)

    assert [
        (
            *(one.span_id, one.organization_id, one.price_id, one.from_quantity),
            *(one.started_at, one.seconds, one.amount),
        )
        for one in charges
    ] == expected
    assert {
        (
            *(one.organization_id, one.sku_id, one.price_id),
            *(one.from_quantity, one.month_start),
        ): one.amount
        for one in lines
    } == lines_of(history, expected)
