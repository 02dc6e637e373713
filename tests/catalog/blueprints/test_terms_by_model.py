"""A whole with minimum terms, whatever becomes of it: a part is paid for as long as it was there.

Hypothesis delivers a network and two disks in a year's term, of which work fails, hangs and comes
late, and people let go of parts or give all of it up. What is metered in the end is compared with
what rows of resources and operations say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

import pytest
from django.db import transaction
from django.utils.timezone import now
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from billing.models import UsageSpan
from catalog.models import (
    Offering,
    OfferingVersion,
    Operation,
    OperationKind,
    OperationState,
    Order,
    Resource,
    ResourceState,
)
from catalog.services.approvals import approve_order
from catalog.services.operations import resume_operation
from catalog.services.resources import retire_resource
from catalog.services.undoing import compensate_operation
from portal.cloud import forget_clouds, get_cloud
from portal.cloud.models import CloudProject
from portal.cloud.ports import CloudRefused
from portal.core.calendar import months_later, whole_second
from portal.identity.models import Person, Project
from portal.web.demo.catalogue import WEB_APPLICATION
from tests.catalog.provisioning.conftest import Engine
from tests.catalog.test_agreed_terms import becomes, give_term
from tests.factories import OfferingVersionFactory, place

pytestmark = pytest.mark.django_db

DISKS: Final = ("database", "archive")
MAKES: Final = ("create_network", "create_volume")
REMOVES: Final = ("delete_network", "delete_volume")
# Some come more often, so that there is much to give up, and time for it to hang.
ACTS: Final = ["let go", "let go", "resume", "give up", "give up", "refuse", "work", "work"]
WHILE: Final = [timedelta(), timedelta(seconds=0.4), timedelta(seconds=1), timedelta(days=3)]
AGREED_MONTHS: Final = 12
# What the price of disks is once they are delivered, and for how many months it binds then.
PRICES: Final[list[tuple[dict[str, Any], int]]] = [
    ({}, AGREED_MONTHS),
    ({"amount": Decimal("0.06"), "minimum_months": 24}, AGREED_MONTHS),
    ({"minimum_months": 6}, 6),
    ({"amount": Decimal("0.08")}, 0),
    ({"unit": "month"}, 0),
    ({"minimum_months": 0}, 0),
]


@dataclass
class Clock:
    """Of what happens in the story; it lies in the past, where nothing is too early."""

    moment: datetime = field(default_factory=lambda: now() - timedelta(days=300))

    def now(self) -> datetime:
        return self.moment


@dataclass
class Story:
    """One order of the whole, and everybody who can do something about it."""

    engine: Engine
    clock: Clock
    order: Order
    person: Person

    @property
    def parts(self) -> list[Resource]:
        resources = Resource.objects.filter(order_line__order=self.order)
        return list(resources.select_related("order_line").order_by("pk"))

    def failed(self, *kinds: OperationKind) -> list[Operation]:
        operations = Operation.objects.filter(resource__in=self.parts, kind__in=kinds)
        return list(operations.filter(state=OperationState.FAILED).order_by("pk"))

    def act(self, what: str, number: int) -> None:
        """One of what can be done so now, if anything can."""
        hanging = self.failed(*OperationKind)
        deliveries = self.failed(OperationKind.PROVISION)
        possible: dict[str, list[Callable[[], None]]] = {
            "let go": [partial(self.let_go_of, one) for one in self.parts if is_running(one)],
            "resume": [partial(self.resume, one) for one in hanging],
            "give up": [partial(self.give_up, one) for one in deliveries],
            "refuse": [partial(self.refuse, call) for call in REMOVES],
            "work": [self.work],
        }
        if found := possible[what]:
            found[number % len(found)]()

    def let_go_of(self, part: Resource) -> None:
        self.engine.call(retire_resource, part.public_id, actor=self.person, confirmation=part.name)

    def resume(self, operation: Operation) -> None:
        self.engine.call(resume_operation, operation.public_id, actor=self.person)

    def give_up(self, operation: Operation) -> None:
        self.engine.call(compensate_operation, operation.public_id, actor=self.person)

    def refuse(self, call: str) -> None:
        self.engine.cloud.fail_next(call, CloudRefused("no"))

    def work(self) -> None:
        """Whatever was rung last is done first, or the other way round."""
        self.engine.messages.reverse()
        self.engine.run()

    def finish(self) -> None:
        """What hangs while it goes is gone in the end."""
        self.engine.cloud.failures.clear()
        for operation in self.failed(OperationKind.RETIRE, OperationKind.COMPENSATE):
            self.resume(operation)
        self.engine.run()


def is_running(part: Resource) -> bool:
    return part.state == ResourceState.ACTIVE


def began_at(part: Resource, seen_at: datetime) -> datetime:
    """When the cloud made it, but no sooner than it was asked to and no later than it was seen."""
    asked_at = part.operations.get(kind=OperationKind.PROVISION).started_at
    made_at = datetime.fromisoformat(part.facts["volume_created_at"])
    return whole_second(sorted([asked_at, made_at, seen_at])[1])


def expected(story: Story, months: int) -> list[tuple[Any, ...]]:
    """Of each disk what was used, and what is due though it was not; ``months``: of its term."""
    parts = story.parts
    has_come = all(part.activated_at for part in parts)
    is_left = any(part.state != ResourceState.RETIRED for part in parts)
    found: list[tuple[Any, ...]] = []
    for part in parts:
        if part.activated_at is None or part.order_line.part not in DISKS:
            continue
        began, ended = began_at(part, part.activated_at), None
        if part.state == ResourceState.RETIRED:
            going = part.operations.get(kind__in=[OperationKind.RETIRE, OperationKind.COMPENSATE])
            ended = whole_second(going.started_at)
        if began != ended:
            found.append((part.public_id, False, began, ended))
        if months and ended and began < ended and (has_come or is_left):
            found.append((part.public_id, True, ended, months_later(began, months)))
    return sorted(found, key=str)


def metered() -> list[tuple[Any, ...]]:
    spans = UsageSpan.objects.filter(sku__code="volume.standard")
    rows = spans.values_list("resource__public_id", "is_unused", "started_at", "ended_at")
    return sorted((row for row in rows if row[2] != row[3]), key=str)


@contextmanager
def undone() -> Iterator[None]:
    """What is done inside is taken back; unlike an atomic block, actions may be durable in it."""
    before = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(before)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Says when resources begin to run, and when work on them begins."""
    clock = Clock()
    for where in ("django.utils.timezone.now", "catalog.services.resources.now"):
        monkeypatch.setattr(where, clock.now)
    return clock


@pytest.fixture
def ordered(
    engine: Engine,
    clock: Clock,
    requester: Person,
    approver: Person,
    project: Project,
    blueprint: OfferingVersion,
) -> Callable[[], Story]:
    """Orders a network and two disks at once, at a price that has a term, and approves that."""
    parts = {part["key"]: part for part in deepcopy(WEB_APPLICATION["parts"])}
    archive = {**parts["database"], "key": "archive", "name": "{name}-archief"}
    asked = [one for one in WEB_APPLICATION["parameters"] if one["name"] == "database_gib"]
    version = OfferingVersionFactory(
        offering=Offering.objects.create(code="disks", kind="blueprint"),
        cloud=blueprint.cloud,
        choices={
            "design": {
                "parameters": asked,
                "parts": [parts["network"], parts["database"], archive],
            }
        },
    )
    give_term(project, AGREED_MONTHS)

    def order() -> Story:
        clock.moment = Clock().moment
        forget_clouds()
        engine.cloud = get_cloud("sovereign")
        engine.messages.clear()
        CloudProject.objects.update(openstack_project_id="", next_poll_at=None)
        placed = place(requester, project, version, name="zaak", spec={"database_gib": 20})
        engine.call(approve_order, placed.public_id, approver=approver)
        return Story(engine, clock, placed, requester)

    return order


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # these take too long to be made shorter
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    price=st.sampled_from(PRICES),
    refused=st.lists(st.sampled_from(MAKES), min_size=1, max_size=2),
    acts=st.lists(
        st.tuples(st.sampled_from(ACTS), st.integers(0, 9), st.sampled_from(WHILE)),
        min_size=4,
        max_size=10,
    ),
)
@example(  # both disks are gone when the network comes after all
    price=PRICES[0],
    refused=["create_network"],
    acts=[
        ("let go", 0, WHILE[3]),
        ("let go", 1, WHILE[1]),
        ("work", 0, WHILE[0]),
        ("resume", 0, WHILE[3]),
        ("work", 0, WHILE[0]),
    ],
)
def test_each_part_is_paid_for_as_long_as_it_was_there_and_its_term_where_the_whole_came(
    ordered: Callable[[], Story],
    clock: Clock,
    project: Project,
    price: tuple[dict[str, Any], int],
    refused: list[str],
    acts: list[tuple[str, int, timedelta]],
) -> None:
    facts, months = price
    with undone():
        story = ordered()
        becomes(project, **facts)
        for call in refused:
            story.refuse(call)
        story.work()
        for what, number, later in acts:
            clock.moment += later
            story.act(what, number)
        story.finish()

        assert metered() == expected(story, months)
