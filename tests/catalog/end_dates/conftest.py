"""A server with an end date, and a clock that strikes when a test says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from django.utils.timezone import now

import catalog.tasks
from catalog.models import (
    Ending,
    EndReminder,
    OfferingVersion,
    Operation,
    OperationKind,
    Resource,
)
from catalog.services import end_reminders, terms
from portal.core import mailing
from portal.core.calendar import day_of, start_of_day
from tests.catalog.provisioning.conftest import (
    approved,
    cloud,
    deliver,
    engine,
    operation,
    retire,
    start,
)
from tests.factories import OfferingVersionFactory, priced

__all__ = ["approved", "catalog", "cloud", "deliver", "engine", "operation", "retire", "start"]
LAST_DAY = day_of(now()) + timedelta(days=60)


def noon(day: date) -> datetime:
    return start_of_day(day) + timedelta(hours=12)


def before(days: int) -> datetime:
    """At noon, so many days before the last one."""
    return noon(LAST_DAY - timedelta(days=days))


def after(days: int) -> datetime:
    """At noon, so many days after the last one."""
    return noon(LAST_DAY + timedelta(days=days))


@pytest.fixture
def version(db: None, request: pytest.FixtureRequest) -> OfferingVersion:
    """The virtual server; a test may ask for other days of grace."""
    priced()
    return OfferingVersionFactory(grace_days=getattr(request, "param", 14))


@pytest.fixture
def server(deliver: Callable[..., Resource]) -> Resource:
    """A server that runs, and is needed until ``LAST_DAY``."""
    return until(LAST_DAY, deliver())


def until(last_day: date | None, resource: Resource, **changes: Any) -> Resource:
    """Give it another end date, as a renewal does."""
    Resource.objects.filter(pk=resource.pk).update(end_date=last_day, **changes)
    resource.refresh_from_db()
    return resource


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """What time it is for the clock, for letters and for what has its grace anew."""

    def set_to(moment: datetime) -> None:
        for module in (catalog.tasks, end_reminders, mailing, terms):
            monkeypatch.setattr(module, "now", lambda: moment)

    return set_to


@pytest.fixture
def strike(engine: Any, set_clock: Callable[[datetime], None]) -> Callable[..., None]:
    """Let the clock strike at that moment, and the engine come to rest unless it ``hangs``."""

    def ring(moment: datetime, *, hangs: bool = False) -> None:
        set_clock(moment)
        engine.call(current_app.tasks["catalog.mind_end_dates"])
        if not hangs:
            engine.run()

    return ring


def ending_of(resource: Resource) -> Ending:
    return Ending.objects.get(resource=resource)


def reminders_of(resource: Resource) -> list[tuple[date, int]]:
    reminders = EndReminder.objects.filter(resource=resource).order_by("pk")
    return list(reminders.values_list("end_date", "days"))


def acts_on(resource: Resource) -> list[Operation]:
    """What was begun after its delivery."""
    return list(resource.operations.exclude(kind=OperationKind.PROVISION).order_by("pk"))
