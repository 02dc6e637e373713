"""People at the door of the API, each with a login of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from catalog.models import OfferingVersion, Order, QuotaClaim
from portal.audit.models import AuditEntry
from portal.identity.models import Person, Project, Role
from portal.identity.oidc.assurance import Assurance
from tests.factories import PersonFactory, generous_limits, grant, make_project
from tests.factories.catalog import SPEC
from tests.logins import log_in

ROOT = "/api/v1"


class Api:
    """Calls the API as one person; None is a stranger."""

    def __init__(
        self, person: Person | None, *, level: Assurance = Assurance.HIGH, age_seconds: int = 0
    ) -> None:
        self.client = Client(raise_request_exception=False)
        if person is not None:
            log_in(self.client, person, level=level, age_seconds=age_seconds)

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        return self.client.get(f"{ROOT}{path}", query, headers=headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """``body``: JSON-ready, or text that is sent as it is."""
        text = body if isinstance(body, str) else json.dumps(body)
        return self.client.post(
            f"{ROOT}{path}", text, content_type="application/json", headers=headers
        )

    def order(self, body: Any, key: str | None = None) -> Any:
        return self.post("/orders", body, **{"Idempotency-Key": key or str(uuid4())})


@pytest.fixture
def as_requester(requester: Person) -> Api:
    return Api(requester)


@pytest.fixture
def as_approver(approver: Person) -> Api:
    return Api(approver)


@pytest.fixture
def operator(project: Project) -> Person:
    person = PersonFactory(name="Ali")
    grant(person, Role.OPERATOR, project)
    return person


@pytest.fixture
def as_operator(operator: Person) -> Api:
    return Api(operator)


@pytest.fixture
def as_colleague(project: Project) -> Api:
    """Another operator."""
    person = PersonFactory(name="Bea")
    grant(person, Role.OPERATOR, project)
    return Api(person)


@pytest.fixture
def as_role(project: Project) -> Callable[[Role], Api]:
    """A new person with that role on the project."""

    def log_in(role: Role) -> Api:
        person = PersonFactory()
        grant(person, role, project)
        return Api(person)

    return log_in


@pytest.fixture
def other_project(db: None) -> Project:
    """A project of another ministry."""
    other = make_project(name="Ander systeem")
    generous_limits(other)
    return other


@pytest.fixture
def as_outsider(other_project: Project) -> Api:
    """Somebody with every role, in another ministry."""
    person = PersonFactory(name="Buitenstaander")
    for role in Role:
        grant(person, role, other_project.parent)
    return Api(person)


@pytest.fixture
def body(project: Project, version: OfferingVersion) -> dict[str, Any]:
    """An order that can be placed."""
    return {
        "project": str(project.public_id),
        "offering": str(version.offering.public_id),
        "name": "zaken-web-01",
        "purpose": "Zaken behandelen",
        "spec": dict(SPEC),
        "end_date": None,
    }


@pytest.fixture
def nothing_happens(db: None) -> Callable[[], None]:
    """Call it at the end: since the fixture was made, nothing was stored or claimed.

    That a role did not reach it may be written down.
    """

    def count() -> list[int]:
        entries = AuditEntry.objects.exclude(event="access.refused")
        return [Order.objects.count(), QuotaClaim.objects.count(), entries.count()]

    before = count()

    def check() -> None:
        assert count() == before

    return check


def assert_problem(response: Any, status: int, code: str, *names: str) -> dict[str, Any]:
    """The response is that problem, about the fields ``names``; returns its members."""
    problem: dict[str, Any] = json.loads(response.content)
    assert (response.status_code, problem["code"]) == (status, code), problem
    assert response["Content-Type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]
    assert sorted({error["name"] for error in problem.get("errors", [])}) == sorted(names)
    assert all(
        error.keys() == {"in", "name", "code", "detail"} for error in problem.get("errors", [])
    )
    return problem
