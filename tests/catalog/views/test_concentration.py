"""The page of concentration and dependency, and its files."""

from __future__ import annotations

import csv
import json
import re
from decimal import Decimal
from html import unescape
from io import StringIO

import pytest
from django.utils.timezone import now

from billing.forms import month_key
from catalog.services.placement.dependence_files import COLUMNS
from portal.core.calendar import month_of
from portal.identity.models import Role
from tests.billing.visits import visit_as
from tests.catalog.placement.test_dependence import thing
from tests.factories import (
    PersonFactory,
    assessed,
    delivered,
    grant,
    make_project,
    place,
)
from tests.factories.billing import metered_since

pytestmark = pytest.mark.django_db
PAGE = "/placement/register/concentration"


@pytest.fixture
def server(requester, approver, project, version, sent_tasks):
    resource = delivered(place(requester, project, version), approver=approver)
    metered_since(resource.public_id, month_of(now()).start)
    assessed(resource.cloud_project.cloud, dependencies=(thing("dns", "Naamdienst"),))
    return resource


@pytest.fixture
def finance(project):
    person = PersonFactory()
    grant(person, Role.FINANCE, project.parent)
    return person


def get(person, path=PAGE, **query):
    return visit_as(person).get(path, query)


def text_of(response):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def test_shares_are_bars_in_a_table(server, finance):
    response = get(finance)
    content = response.content.decode()

    assert response.status_code == 200
    assert content.count("cl-meter__bar") == 4  # one of each has everything
    assert "10,000 of what was spent, 10,000 of projects" in text_of(response)
    assert "aim: at least 30% by 2029" in text_of(response)
    assert "Reached" in text_of(response)


def test_what_stops_without_a_supplier(server, project, finance):
    text = text_of(get(finance, without="Naamdienst"))

    assert "What stops" in text
    assert f"Projects {project.name}" in text
    assert "Dns" in text
    assert "What stops" not in text_of(get(finance, without="Niemand"))


def test_says_of_which_places_nobody_listed_what_they_depend_on(server, finance):
    cloud = server.cloud_project.cloud
    assessed(cloud, dependencies=None)

    assert f"nobody listed what they depend on: {cloud.name}" in text_of(get(finance))


def test_nothing_yet(project, finance):
    assert "There is nothing to divide yet" in text_of(get(finance))


@pytest.mark.parametrize("role", [Role.REQUESTER, Role.APPROVER, Role.OPERATOR])
def test_is_not_for_who_neither_answers_checks_nor_pays(server, project, role):
    person = PersonFactory()
    grant(person, role, project.parent)

    for path in (PAGE, f"{PAGE}.csv", f"{PAGE}.json"):
        assert get(person, path).status_code == 403


def test_a_part_of_another_is_not_found(server, finance):
    assert get(finance, node=str(make_project().public_id)).status_code == 404


def test_a_month_that_there_is_not(server, finance):
    assert get(finance, month="1999-01").status_code == 422


def test_files_say_the_same(server, finance):
    text = get(finance, f"{PAGE}.csv").getvalue().decode("utf-8-sig")
    rows = list(csv.DictReader(StringIO(text)))
    told = json.loads(get(finance, f"{PAGE}.json", without="Naamdienst").content)

    assert tuple(rows[0]) == COLUMNS
    (operator,) = [row for row in rows if row["of"] == "operator"]
    (share,) = told["by_operator"]["shares"]
    assert operator["name"] == share["name"] == "Overheidsdatacenter"
    assert Decimal(operator["projects"]) == share["projects"] == 1
    assert Decimal(share["amount_percent"]) == 100
    assert told["month"] == month_key(month_of(now()))
    assert told["without"]["stops"]["resources"] == 1
    assert {row["of"] for row in rows} >= {"operator_hhi", "dependency_supplier", "soil", "total"}
