"""``/api/v1/statements``: what closed months came to, for programs."""

from __future__ import annotations

import pytest

from billing.models import Statement
from portal.identity.models import Role
from tests.billing.months.conftest import OCTOBER, SEPTEMBER
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant, make_organization

pytestmark = pytest.mark.django_db
PATH = "/api/v1/statements"


def test_lists_statements_and_shows_their_lines(close, server, first, service):
    close(SEPTEMBER)
    close(OCTOBER)
    visit = visit_as(first)

    found = visit.get(PATH).json()["results"]
    assert [one["number"] for one in found] == ["2026-000002", "2026-000001"]
    (one,) = visit.get(f"{PATH}?month=2026-09").json()["results"]
    statement = Statement.objects.get(sequence=1)
    assert one == {
        "id": str(statement.public_id),
        "number": "2026-000001",
        "month": "2026-09",
        "organization": {"id": str(service.public_id), "name": "Dienst"},
        "issued_at": one["issued_at"],
        "currency": "EUR",
        "total": "38.400000",
        "vat_treatment": "",
    }

    detail = visit.get(f"{PATH}/{one['id']}").json()
    assert {name: detail[name] for name in one} == one
    assert detail["lines"] == [
        {
            "id": str(statement.lines.get().public_id),
            "position": 1,
            "kind": "usage",
            "month": "2026-09",
            "project": "Zaaksysteem",
            "sku": "server.gp.small",
            "unit": "month",
            "unit_price": "38.400000",
            "from_quantity": "0.000000",
            "quantity": "1.000000",
            "amount": "38.400000",
            "cost_center": None,
            "cost_object": None,
            "commitment_number": None,
            "reason": "",
            "corrects": None,
        }
    ]


def test_what_others_pay_does_not_exist(close, server):
    close(SEPTEMBER)
    person = PersonFactory()
    grant(person, Role.FINANCE, make_organization())
    visit = visit_as(person)

    assert visit.get(PATH).json()["results"] == []
    assert visit.get(f"{PATH}/{Statement.objects.get().public_id}").status_code == 404
    assert visit_as(PersonFactory()).get(PATH).status_code == 403


@pytest.mark.parametrize("query", ["month=2026-13", "month=", "month=x", "year=2026"])
def test_what_cannot_be_read_is_refused(close, server, first, query):
    assert visit_as(first).get(f"{PATH}?{query}").status_code == 400
