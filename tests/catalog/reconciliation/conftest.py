"""A cloud in memory, what the engine delivers in it, and looks that come one after another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from catalog.models import CloudLook, Difference, Operation, Resource
from catalog.reconciliation.looking import Tally, look_at
from portal.cloud.fake import FakeCloud
from portal.cloud.models import Cloud
from tests.catalog.provisioning.conftest import (
    approved,
    cloud,
    deliver,
    engine,
    operation,
    retire,
    start,
)

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
