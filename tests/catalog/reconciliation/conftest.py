"""A cloud in memory, what the engine delivers in it, and looks that come one after another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.models import UsageSpan
from catalog.models import (
    CloudLook,
    Difference,
    DriftRepair,
    Offering,
    OfferingVersion,
    Operation,
    RepairAction,
    Resource,
)
from catalog.reconciliation.looking import Tally, look_at
from catalog.services.approvals import approve_order
from catalog.services.drift_repairs import confirm_repair
from portal.cloud.fake import FakeCloud
from portal.cloud.models import Cloud
from portal.identity.models import Person, Project
from tests.catalog.provisioning.conftest import (
    Engine,
    approved,
    cloud,
    deliver,
    engine,
    operation,
    retire,
    start,
)
from tests.factories import OfferingVersionFactory, place, priced
from tests.factories.drift import proposed

__all__ = ["approved", "cloud", "deliver", "engine", "operation", "retire", "start"]


@pytest.fixture(autouse=True)
def soon(settings: Any) -> None:
    """The next look may confirm the first at once."""
    settings.DRIFT_SECOND_LOOK_AFTER = timedelta(microseconds=1)


@pytest.fixture
def long_ago() -> Callable[[], None]:
    """Everything that was delivered or done happened an hour ago."""

    def pass_by() -> None:
        hour = timedelta(hours=1)
        for row in Resource.objects.all():
            for name in ("activated_at", "retired_at"):
                if getattr(row, name):
                    setattr(row, name, getattr(row, name) - hour)
            row.save(update_fields=["activated_at", "retired_at"])
        for row in Operation.objects.exclude(finished_at=None):
            row.finished_at -= hour
            row.save(update_fields=["finished_at"])

    return pass_by


@pytest.fixture
def running(deliver: Callable[..., Resource], long_ago: Callable[[], None]) -> Resource:
    """A server with a disk, delivered an hour ago."""
    resource = deliver()
    long_ago()
    return resource


@pytest.fixture
def look(db: None, cloud: FakeCloud) -> Callable[[], Tally]:
    """Looks at the one cloud."""
    return lambda: look_at(Cloud.objects.get())


@pytest.fixture
def look_twice(look: Callable[[], Tally]) -> Callable[[], None]:
    """Looks, and looks again to be sure."""

    def twice() -> None:
        look()
        look()

    return twice


@pytest.fixture
def decided(engine: Engine, operators: list[Person]) -> Callable[..., DriftRepair]:
    """One operator proposes, the other agrees."""

    def decide(difference: Difference, action: RepairAction) -> DriftRepair:
        repair = proposed(difference, operators[0], action)
        return engine.call(confirm_repair, repair.public_id, actor=operators[1])

    return decide


@pytest.fixture
def deliver_container(
    engine: Engine, requester: Person, approver: Person, project: Project, long_ago: Any
) -> Callable[..., Resource]:
    """Somebody orders a container of 2 GiB, delivered an hour ago."""

    def deliver(name: str = "archief") -> Resource:
        version = OfferingVersion.objects.filter(offering__kind="container").first()
        if version is None:
            priced(object="0.02")
            version = OfferingVersionFactory(
                offering=Offering.objects.create(code="object-storage", kind="container"),
                choices={"object_gib": {"minimum": 1, "maximum": 10, "default": 1}},
            )
        asked = place(requester, project, version, name=name, spec={"object_gib": 2})
        engine.call(approve_order, asked.public_id, approver=approver)
        engine.run()
        long_ago()
        return Resource.objects.select_related("cloud_project").get(order_line__order=asked)

    return deliver


def the_difference() -> Difference:
    """The one thing that nobody ordered."""
    return Difference.objects.get(kind="unknown")


def open_spans(resource: Resource) -> dict[str, Decimal]:
    """What is metered of it now, by SKU."""
    spans = UsageSpan.objects.filter(resource__public_id=resource.public_id, ended_at=None)
    return {span.sku.code: span.quantity for span in spans.select_related("sku")}


def thing_of(cloud: FakeCloud, kind: str) -> Any:
    """The one thing of this kind in the cloud."""
    (thing,) = [thing for thing in cloud.things.values() if thing.kind == kind]
    return thing


def differences() -> list[tuple[str, str, str, str]]:
    """Kind, part, field and state of each."""
    rows = Difference.objects.order_by("kind", "part", "field", "pk")
    return [(row.kind, row.part, row.field, row.state) for row in rows]


def last_look() -> CloudLook:
    return CloudLook.objects.get()
