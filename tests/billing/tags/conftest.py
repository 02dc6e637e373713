"""A ministry with a service, and in it a project with a server that runs all of November 2026."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from billing.models import MeteredResource
from billing.services.allocations import Place
from billing.services.tags import set_tag
from portal.core.calendar import month, start_of_day
from portal.identity.models import Node, NodeParent, Organization, Person, Project, Role
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.factories.billing import LONG_AGO, MeteredResourceFactory, UsageSpanFactory, set_price

NOVEMBER = month(2026, 11)


def november(day: int) -> datetime:
    return start_of_day(date(2026, 11, day))


@pytest.fixture
def mid_november(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("allocations", "tags", "tag_keys"):
        monkeypatch.setattr(f"billing.services.{module}.now", lambda: november(16))
        monkeypatch.setattr(f"billing.services.{module}.localdate", lambda: date(2026, 11, 16))


@pytest.fixture
def ministry(db: None) -> Organization:
    return make_organization(name="Ministerie")


@pytest.fixture
def project(ministry: Organization) -> Project:
    project = make_project(make_organization(ministry, "Dienst"), "Zaaksysteem")
    NodeParent.objects.update(valid_from=LONG_AGO)
    return project


@pytest.fixture
def server(project: Project) -> MeteredResource:
    """For ten euros a day."""
    set_price("300.00")
    return running(project, "zaak-app-01")


@pytest.fixture
def finance(ministry: Organization) -> Person:
    return member(Role.FINANCE, ministry)


def running(project: Project, name: str) -> MeteredResource:
    server: MeteredResource = MeteredResourceFactory(project=project, name=name)
    UsageSpanFactory(resource=server, started_at=NOVEMBER.start)
    return server


def member(role: Role, node: Node) -> Person:
    person: Person = PersonFactory()
    grant(person, role, node)
    return person


def tag_from(day: int, place: Place, value: str, actor: Any, key: str = "fase") -> None:
    set_tag(place, key, value=value, starts_on=date(2026, 11, day), actor=actor)
