"""A project with one server, and people who see, or do not see, what it costs."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.test import Client

from billing.models import MeteredResource
from portal.core.calendar import start_of_day
from portal.identity.models import NodeParent, Person, Project, Role
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, UsageSpanFactory, set_price


@pytest.fixture
def project() -> Project:
    project = make_project(make_organization(make_organization(name="Ministerie"), "Dienst"))
    NodeParent.objects.update(valid_from=start_of_day(date(2025, 1, 1)))
    return project


@pytest.fixture
def server(project: Project) -> MeteredResource:
    """In use since October, for 38.40 a month."""
    set_price("38.40")
    server: MeteredResource = MeteredResourceFactory(project=project)
    UsageSpanFactory(resource=server, started_at=start_of_day(date(2026, 10, 1)))
    return server


@pytest.fixture
def finance(project: Project) -> Client:
    return visit_as(member(Role.FINANCE, project.parent.parent))


def member(role: Role, node: Any) -> Person:
    person: Person = PersonFactory()
    grant(person, role, node)
    return person
