"""The platform with two people of finance, and a project with a server since 1 September."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from billing.models import BillingMonth, MeteredResource, Statement, UsageSpan
from billing.services.closing import begin_closing, close_month, prepare_closing
from portal.core.calendar import Period, month, start_of_day
from portal.identity.models import NodeParent, Organization, Person, Project, Role
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, UsageSpanFactory, set_price

SEPTEMBER = month(2026, 9)
OCTOBER = month(2026, 10)

Close = Callable[[Period], BillingMonth]


def september(day: int) -> Any:
    return start_of_day(date(2026, 9, day))


def october(day: int) -> Any:
    return start_of_day(date(2026, 10, day))


@pytest.fixture
def platform(db: None, settings: Any) -> Organization:
    organization = make_organization(name="Overheidsdatacenter")
    settings.CATALOGUE_ORGANIZATION = organization.code
    return organization


@pytest.fixture
def first(platform: Organization) -> Person:
    """Begins to close months."""
    return _finance("Fatima Aydin", platform)


@pytest.fixture
def second(platform: Organization) -> Person:
    """Closes them."""
    return _finance("Sjoerd Visser", platform)


@pytest.fixture
def service(db: None) -> Organization:
    return make_organization(make_organization(name="Ministerie"), "Dienst")


@pytest.fixture
def project(service: Organization) -> Project:
    project = make_project(service, name="Zaaksysteem")
    NodeParent.objects.update(valid_from=start_of_day(date(2025, 1, 1)))
    return project


@pytest.fixture
def server(project: Project) -> MeteredResource:
    """For 38.40 a month, from 1 September on."""
    set_price("38.40")
    server: MeteredResource = MeteredResourceFactory(project=project)
    UsageSpanFactory(resource=server, started_at=september(1))
    return server


@pytest.fixture
def close(first: Person, second: Person) -> Close:
    """Closes a month, with both people."""

    def close(period: Period) -> BillingMonth:
        begin_closing(period, actor=first)
        return close_month(period, actor=second, total=prepare_closing(period).total)

    return close


def used(project: Project, start: Any, end: Any = None, **facts: Any) -> UsageSpan:
    """Use of a server of its own."""
    server = MeteredResourceFactory(project=project)
    span: UsageSpan = UsageSpanFactory(resource=server, started_at=start, ended_at=end, **facts)
    return span


def around_the_triggers(statement: str, *values: Any) -> None:
    """What only a superuser can do."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values or None)
        cursor.execute("SET LOCAL session_replication_role = origin")


def lines_of(statement: Statement) -> list[tuple[str, str, Decimal, Decimal]]:
    """Kind, month of use, quantity and amount of every line."""
    return [
        (line.kind, line.used_in.key, line.quantity.quantize(Decimal("0.001")), line.amount)
        for line in statement.lines.order_by("position")
    ]


def _finance(name: str, organization: Organization) -> Person:
    person: Person = PersonFactory(name=name)
    grant(person, Role.FINANCE, organization)
    return person
