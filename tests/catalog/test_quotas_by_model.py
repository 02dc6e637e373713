"""Whatever is done with claims, limits and the tree in whatever order: counters tell the truth.

Hypothesis plays everybody, beside a model that knows only which claim holds how much, what each
limit is in each hour, and who stands under whom. It adds all up anew where we count along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

import pytest
from django.db import transaction
from django.utils.timezone import now
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from catalog.models import ClaimState, Metric, Order, Quota, QuotaClaim, QuotaLimit
from catalog.quota_errors import QuotaExceeded
from catalog.services import limits
from catalog.services.limits import set_limit, turn_limits
from catalog.services.orders import expire_orders
from catalog.services.quota_checks import find_differences
from catalog.services.quotas import (
    absorb_claim,
    amounts_of,
    claim_quota,
    commit_claim,
    hold_found,
    recount_claim,
    release_claim,
)
from catalog.services.tree import move_node
from portal.identity.models import Node, Person, Project, Role
from tests.factories import (
    PersonFactory,
    administrator_of,
    generous_limits,
    grant,
    make_organization,
    make_project,
    place,
)

pytestmark = pytest.mark.django_db

Demand = dict[Metric, Decimal]
Thing = TypeVar("Thing")
METRICS: Final = (Metric.SERVERS, Metric.VCPUS)  # of the others there is plenty
ORDERED: Final = {Metric.SERVERS: Decimal(1), Metric.VCPUS: Decimal(2)}  # of what ``place`` orders
AT: Final = datetime(2027, 1, 1, tzinfo=UTC)
HOURS: Final = 8
ROOM: Final = Decimal(6)  # of every level, at first

INDEX: Final = st.integers(0, 11)  # of something there is, counted round
AMOUNT: Final = st.integers(0, 4).map(Decimal)
DEMAND: Final = st.fixed_dictionaries(dict.fromkeys(METRICS, AMOUNT))


@dataclass
class Model:
    """What holds how much, what may be held in each hour, and what stands where."""

    parents: dict[int, int | None]
    limits: dict[tuple[int, Metric], list[Decimal | None]]
    claims: dict[int, tuple[int, Demand]] = field(default_factory=dict)
    hour: int = 0

    def levels(self, node: int | None) -> list[int]:
        return [] if node is None else [node, *self.levels(self.parents[node])]

    def held(self, node: int, metric: Metric) -> Decimal:
        below = (held for project, held in self.claims.values() if node in self.levels(project))
        return sum((held.get(metric, Decimal(0)) for held in below), Decimal(0))

    def fits(self, nodes: Iterable[int], asked: Mapping[Metric, Decimal]) -> bool:
        return all(
            not amount or limit is None or self.held(node, metric) + amount <= limit
            for node in nodes
            for metric, amount in asked.items()
            for limit in [self.limits[node, metric][self.hour]]
        )


@dataclass(frozen=True, kw_only=True)
class World:
    """A tree of which projects can move, and who does things in it."""

    tops: list[Node]  # below the root, where projects are moved to
    projects: list[Project]
    without: Node  # nobody set a limit on it
    requester: Person
    administrator: Person
    version: Any

    @property
    def nodes(self) -> list[Node]:
        return list(Node.objects.order_by("pk"))


class Claiming(RuleBasedStateMachine):
    """Everybody who claims, gives back, limits and moves."""

    world: World
    clock: list[datetime]

    @initialize()
    def begin(self) -> None:
        self.savepoint = transaction.savepoint()
        self.claims: list[QuotaClaim] = []
        nodes = self.world.nodes
        self.model = Model(
            parents={node.pk: node.parent_id for node in nodes},
            limits={(node.pk, metric): [ROOM] * HOURS for node in nodes for metric in METRICS},
        )
        for metric in METRICS:  # without a row nothing is allowed there
            self.model.limits[self.world.without.pk, metric] = [Decimal(0)] * HOURS
        self.let_time_pass(0)

    def teardown(self) -> None:
        if hasattr(self, "savepoint"):
            transaction.savepoint_rollback(self.savepoint)

    # --- claims -------------------------------------------------------------------------------

    @rule(which=INDEX, demand=DEMAND)
    def reserve(self, which: int, demand: Demand) -> None:
        project = one_of(self.world.projects, which)
        fits = self.model.fits(self.model.levels(project.pk), demand)
        in_one = transaction.atomic()
        made = self.attempt(
            fits, in_one(claim_quota), project, demand, expires_at=now() + timedelta(days=14)
        )
        if made:
            self.note(made, demand)

    @rule(which=INDEX)
    def order(self, which: int) -> None:
        project = one_of(self.world.projects, which)
        fits = self.model.fits(self.model.levels(project.pk), ORDERED)
        placed = self.attempt(fits, place, self.world.requester, project, self.world.version)
        if placed:
            self.note(placed.lines.get().claim, ORDERED)

    @rule()
    def let_orders_expire(self) -> None:
        undecided = Order.objects.filter(state="pending_approval")
        for order in undecided:
            self.model.claims.pop(order.lines.get().claim_id, None)
        undecided.update(expires_at=now())
        expire_orders()

    @precondition(lambda self: self.claims)
    @rule(which=INDEX)
    def commit(self, which: int) -> None:
        claim = self.claim(which)
        if claim.state == ClaimState.RESERVED:
            commit_claim(claim)

    @precondition(lambda self: self.claims)
    @rule(which=INDEX)
    def release(self, which: int) -> None:
        claim = self.claim(which)
        release_claim(claim)
        self.model.claims.pop(claim.pk, None)

    @rule(which=INDEX, demand=DEMAND)
    def find(self, which: int, demand: Demand) -> None:
        self.note(hold_found(one_of(self.world.projects, which), demand), demand)

    @precondition(lambda self: self.claims)
    @rule(which=INDEX, demand=DEMAND)
    def recount(self, which: int, demand: Demand) -> None:
        claim = self.claim(which)
        recount_claim(claim, demand)
        if claim.pk in self.model.claims:
            self.model.claims[claim.pk] = claim.project_id, demand

    @precondition(lambda self: self.claims)
    @rule(which=INDEX, other=INDEX, needed=DEMAND)
    def absorb(self, which: int, other: int, needed: Demand) -> None:
        claim = self.claim(which)
        of_project = [each for each in self.claims if each.project_id == claim.project_id]
        extra = one_of(of_project, other)
        if claim == extra:
            return
        absorb_claim(claim, extra, needed)
        if {claim.pk, extra.pk} <= self.model.claims.keys():
            _project, added = self.model.claims.pop(extra.pk)
            project, held = self.model.claims[claim.pk]
            kept = {
                metric: min(needed[metric], held.get(metric, 0) + added.get(metric, 0))
                for metric in METRICS
            }
            self.model.claims[claim.pk] = project, kept

    # --- limits, time and the tree ------------------------------------------------------------

    @rule(
        which=INDEX,
        metric=st.sampled_from(METRICS),
        amount=st.none() | st.integers(0, 9).map(Decimal),
        begins_in=st.sampled_from([0, 0, 1]),
        lasts=st.none() | st.integers(1, 3),
    )
    def limit(
        self, which: int, metric: Metric, amount: Decimal | None, begins_in: int, lasts: int | None
    ) -> None:
        """The one place where a limit is set: whether it may be is decided here."""
        node = one_of(self.world.nodes, which)
        start = self.model.hour + begins_in
        end = None if lasts is None else start + lasts
        row = set_limit(
            node,
            metric,
            amount,
            valid_from=hour(start),
            valid_until=None if end is None else hour(end),
            actor=None,
        )
        held = self.model.limits[node.pk, metric]
        held[start:end] = [amount] * len(held[start:end])
        assert row.limit_now == held[self.model.hour]

    @precondition(lambda self: self.model.hour < HOURS - 2)
    @rule(hours=st.integers(1, 2), somebody_looks=st.booleans())
    def time_passes(self, hours: int, somebody_looks: bool) -> None:
        self.let_time_pass(min(self.model.hour + hours, HOURS - 2))
        if somebody_looks:
            turn_limits()
            for row in Quota.objects.filter(metric__in=METRICS):
                limits_of = self.model.limits[row.node_id, Metric(row.metric)]
                assert row.limit_now == limits_of[self.model.hour], row

    @rule(which=INDEX, where=INDEX)
    def move(self, which: int, where: int) -> None:
        node, parent = one_of(self.world.projects, which), one_of(self.world.tops, where)
        model, above = self.model, self.model.levels(parent.pk)
        if model.parents[node.pk] == parent.pk:
            return
        brought = {metric: model.held(node.pk, metric) for metric in METRICS}
        entered = set(above) - set(model.levels(node.pk))
        moved = self.attempt(
            model.fits(entered, brought),
            move_node,
            node.public_id,
            new_parent=parent.public_id,
            actor=self.world.administrator,
        )
        if moved:
            model.parents[node.pk] = parent.pk

    # --- what must hold after each of them ----------------------------------------------------

    @invariant()
    def counters_are_what_the_model_adds_up(self) -> None:
        if not hasattr(self, "model"):
            return
        for row in Quota.objects.filter(metric__in=METRICS):
            assert row.claimed == self.model.held(row.node_id, Metric(row.metric)), row
            is_over = row.limit_now is not None and row.claimed > row.limit_now
            assert (row.over_since is not None) == is_over, row

    @invariant()
    def counters_claims_and_the_tree_agree(self) -> None:
        assert find_differences() == []

    @invariant()
    def each_claim_holds_what_the_model_says(self) -> None:
        for claim in getattr(self, "claims", []):
            claim.refresh_from_db()
            assert (claim.state != ClaimState.RELEASED) == (claim.pk in self.model.claims)
            if claim.pk in self.model.claims:
                _project, held = self.model.claims[claim.pk]
                lines = amounts_of(claim)
                assert [lines.get(metric, 0) for metric in METRICS] == [
                    held.get(metric, 0) for metric in METRICS
                ]

    # --- helpers ------------------------------------------------------------------------------

    def claim(self, which: int) -> QuotaClaim:
        return QuotaClaim.objects.get(pk=one_of(self.claims, which).pk)

    def note(self, claim: QuotaClaim, demand: Demand) -> None:
        self.claims.append(claim)
        self.model.claims[claim.pk] = claim.project_id, demand

    def attempt(
        self, is_expected: bool, what: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """What comes of it, or None when it is refused, as the model says."""
        try:
            made = what(*args, **kwargs)
        except QuotaExceeded:
            assert not is_expected
            return None
        assert is_expected
        return made

    def let_time_pass(self, until: int) -> None:
        self.model.hour = until
        self.clock[0] = hour(until)


def hour(number: int) -> datetime:
    return AT + timedelta(hours=number)


def one_of(things: Sequence[Thing], which: int) -> Thing:
    return things[which % len(things)]


@pytest.fixture
def world(version: Any, sent_tasks: Any) -> World:
    root = make_organization(name="Rijk")
    ministries = [make_organization(root, name=name) for name in ("Ministerie A", "Ministerie B")]
    agencies = [make_organization(parent) for parent in ministries]
    projects = [
        make_project(parent, name=f"Project {number}")
        for number, parent in enumerate([*agencies, ministries[0]])
    ]
    for project in projects:
        generous_limits(project)
    Quota.objects.filter(metric__in=METRICS).update(limit_now=ROOM)
    QuotaLimit.objects.filter(quota__metric__in=METRICS).update(amount=ROOM)
    without = make_organization(root, name="Zonder")
    Quota.objects.bulk_create(
        Quota(node=without, metric=metric, limit_now=Decimal(0), overcommit_allowed=True)
        for metric in Metric
    )
    requester = PersonFactory()
    grant(requester, Role.REQUESTER, root)
    return World(
        tops=[*ministries, *agencies, without],
        without=without,
        projects=projects,
        requester=requester,
        administrator=administrator_of(root),
        version=version,
    )


def test_counters_tell_the_truth_whatever_happens(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [AT]
    monkeypatch.setattr(limits, "now", lambda: clock[0])
    run_state_machine_as_test(
        type("ClaimingOfThisTest", (Claiming,), {"world": world, "clock": clock}),
        settings=hypothesis_settings(
            max_examples=25,
            stateful_step_count=35,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
