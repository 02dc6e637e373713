"""The register of known use, through the API."""

from __future__ import annotations

import pytest

from portal.identity.models import Role
from tests.catalog.api.conftest import assert_problem
from tests.factories import delivered, make_project, place, unanswered

pytestmark = pytest.mark.django_db
PATH = "/placement-register"


@pytest.fixture
def server(requester, approver, project, version, sent_tasks):
    return delivered(place(requester, project, version), approver=approver)


def test_list(as_role, server, project):
    (use,) = as_role(Role.AUDITOR).get(PATH).json()["results"]

    assert use["project"]["id"] == str(project.public_id)
    assert use["answers"]["personal_data"] == "some"
    (there,) = use["places"]
    assert (there["resources"], there["verdict"], there["is_admissible"]) == (1, "allowed", True)
    assert there["owners"] == [{"name": "Overheidsdatacenter", "jurisdiction": "NL"}]


def test_a_project_of_which_nobody_said_anything(as_role, server, project):
    unanswered(project)

    (use,) = as_role(Role.FINANCE).get(PATH).json()["results"]

    assert (use["answers"], use["data_owner"], use["protection_level"]) == (None, None, None)
    assert "workload.rubricering" in use["places"][0]["missing"]


def test_filters(as_role, server, project):
    api = as_role(Role.QUOTA_ADMINISTRATOR)
    year = str(server.created_at.year)

    def count(**query):
        return len(api.get(PATH, query).json()["results"])

    assert count(project=str(project.public_id)) == 1
    assert count(project=str(make_project().public_id)) == 0
    assert count(node=str(project.public_id)) == count(year=year) == 1
    assert count(year="2019") == 0
    assert_problem(api.get(PATH, {"node": str(make_project().public_id)}), 404, "not_found")


@pytest.mark.parametrize("year", ["19", "x", "2026-1", "1999"])
def test_no_year(as_role, year):
    assert_problem(as_role(Role.AUDITOR).get(PATH, {"year": year}), 400, "invalid_input", "year")


def test_who_neither_answers_checks_nor_pays(as_requester):
    assert_problem(as_requester.get(PATH), 403, "not_allowed")


def test_concentration(as_role, server, project):
    told = as_role(Role.FINANCE).get("/concentration", {"without": "Overheidsdatacenter"}).json()

    (share,) = told["by_operator"]["shares"]
    assert (share["name"], share["projects"]) == ("Overheidsdatacenter", 1)
    assert told["by_operator"]["projects_hhi"] == "10000"
    assert told["soil"]["projects"] == {"dutch": "100.0", "european": "100.0", "unknown": "0.0"}
    assert told["without"]["stops"]["projects"][0]["id"] == str(project.public_id)


@pytest.mark.parametrize(
    ("query", "name"), [({"month": "2026-13"}, "month"), ({"year": "2026"}, "year")]
)
def test_concentration_of_what_is_not_possible(as_role, query, name):
    answer = as_role(Role.AUDITOR).get("/concentration", query)

    assert_problem(answer, 400, "invalid_input", name)


def test_concentration_of_a_part_of_another(as_role):
    answer = as_role(Role.AUDITOR).get("/concentration", {"node": str(make_project().public_id)})

    assert_problem(answer, 404, "not_found")


def test_concentration_is_not_for_everybody(as_requester):
    assert_problem(as_requester.get("/concentration"), 403, "not_allowed")
