"""``/api/v1/statement-lines/{id}/usage``: what is behind a line, for programs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing.models import MeteredResource, Statement, StatementLine
from portal.core.calendar import day_of
from portal.identity.models import Organization, Project, Role
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, Close, october, september, used
from tests.billing.visits import visit_as
from tests.factories import UNKNOWN_ID, PersonFactory, grant, make_organization

pytestmark = pytest.mark.django_db


def visit_with(role: Role, node: Any) -> Any:
    person = PersonFactory()
    grant(person, role, node)
    return visit_as(person)


def path_of(line: StatementLine) -> str:
    return f"/api/v1/statement-lines/{line.public_id}/usage"


def test_says_what_a_line_adds_up(
    server: MeteredResource, service: Organization, close: Close
) -> None:
    close(SEPTEMBER)
    line = StatementLine.objects.get()

    (piece,) = visit_with(Role.FINANCE, service).get(path_of(line)).json()["results"]

    resource = {"id": str(server.public_id), "name": server.name, "kind": "server"}
    assert piece == {
        "resource": resource,
        "started_at": "2026-08-31T22:00:00Z",
        "ended_at": "2026-09-30T22:00:00Z",
        "seconds": 30 * 86400,
        "quantity": "1.000000",
        "used": "1.000000000000",
        "is_unused": False,
        "amount": "38.400000",
    }


def test_its_pages_together_are_the_line(
    server: MeteredResource, project: Project, service: Organization, close: Close
) -> None:
    for day in range(1, 8):
        used(project, september(day), september(day + 1))
    close(SEPTEMBER)
    line = StatementLine.objects.get()
    visit = visit_with(Role.AUDITOR, service)
    found: list[dict[str, Any]] = []
    address = f"{path_of(line)}?pageSize=3"
    while address:
        page = visit.get(address).json()
        found += page["results"]
        address = page["next"]

    assert len(found) == 8
    assert len({piece["resource"]["id"] for piece in found}) == 8
    assert sum(Decimal(piece["amount"]) for piece in found) == line.exact


def test_a_correction_has_no_use_and_says_what_it_corrects(
    server: MeteredResource, project: Project, service: Organization, close: Close
) -> None:
    close(SEPTEMBER)
    used(project, september(1), october(1))
    close(OCTOBER)
    corrected, correction = (
        StatementLine.objects.get(kind=kind, used_in__first_day=day_of(SEPTEMBER.start))
        for kind in ("usage", "correction")
    )
    visit = visit_with(Role.FINANCE, service)
    statement = Statement.objects.get(lines=correction)

    lines = visit.get(f"/api/v1/statements/{statement.public_id}").json()["lines"]

    assert {line["kind"]: line["corrects"] for line in lines} == {
        "usage": None,
        "correction": str(corrected.public_id),
    }
    assert visit.get(path_of(correction)).json()["results"] == []


def test_who_does_not_read_the_statement_does_not_read_its_use(
    server: MeteredResource, service: Organization, close: Close
) -> None:
    close(SEPTEMBER)
    line = StatementLine.objects.get()

    assert visit_with(Role.FINANCE, make_organization()).get(path_of(line)).status_code == 404
    assert visit_with(Role.REQUESTER, service).get(path_of(line)).status_code == 403
    finance = visit_with(Role.FINANCE, service)
    assert finance.get(f"/api/v1/statement-lines/{UNKNOWN_ID}/usage").status_code == 404
    assert finance.get(f"{path_of(line)}?cursor=x").status_code == 400
