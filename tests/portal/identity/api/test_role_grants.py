"""Roles for programs: what the reader administers, audits or operates, and nothing else."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.test import Client
from django.utils.timezone import now

from portal.identity.models import Role, RoleGrant
from tests.factories import PersonFactory, grant_in_portal
from tests.logins import log_in

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/role-grants"


@pytest.fixture
def granted(employee, project, colleague):
    return grant_in_portal(
        employee, Role.APPROVER, project, granted_by=colleague, amount_limit=Decimal(1500)
    )


def read(reader, **query):
    return log_in(Client(), reader).get(ADDRESS, query)


def ids(response):
    return {item["id"] for item in response.json()["results"]}


def test_what_a_role_is(granted, administrator, employee, colleague, project):
    response = read(administrator, role="approver")

    (item,) = response.json()["results"]
    assert item["id"] == str(granted.public_id)
    assert item["person"] == {"id": str(employee.public_id), "name": employee.name}
    assert item["node"]["id"] == str(project.public_id)
    assert item["amount_limit"] == "1500.000000"
    assert item["granted_by"]["name"] == colleague.name
    assert item["issuer"] == ""


@pytest.mark.parametrize("who", ["administrator", "auditor"])
def test_who_oversees_reads_it(request, granted, who):
    assert str(granted.public_id) in ids(read(request.getfixturevalue(who)))


def test_another_tenant_and_a_part_beside_it_do_not(granted, stranger):
    assert str(granted.public_id) not in ids(read(stranger))


def test_who_oversees_nothing_is_refused(granted, employee):
    assert read(employee).status_code == 403
    assert Client().get(ADDRESS).status_code == 401


def test_what_is_over_is_left_out(granted, administrator):
    RoleGrant.objects.filter(pk=granted.pk).update(valid_until=now())

    assert str(granted.public_id) not in ids(read(administrator))


def test_filters(granted, administrator, employee, project, ministry):
    assert str(granted.public_id) in ids(read(administrator, node=project.public_id))
    assert str(granted.public_id) not in ids(read(administrator, node=ministry.public_id))
    assert str(granted.public_id) in ids(read(administrator, person=employee.public_id))
    assert ids(read(administrator, person=uuid4())) == set()
    for query in ({"role": "king"}, {"node": "x"}, {"colour": "red"}, {"cursor": "x"}):
        assert read(administrator, **query).status_code == 400


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_is_for_reading(granted, administrator, method):
    response = getattr(log_in(Client(), administrator), method)(
        ADDRESS, "{}", content_type="application/json"
    )

    assert response.status_code == 405


def test_queries_do_not_depend_on_the_length(administrator, project, django_assert_max_num_queries):
    counts = []
    for wanted in (1, 8):
        while project.grants.count() < wanted:
            grant_in_portal(PersonFactory(), Role.FINANCE, project)
        browser = log_in(Client(), administrator)
        with django_assert_max_num_queries(20) as captured:
            browser.get(ADDRESS)
        counts.append(len(captured))

    assert counts[0] == counts[1]
