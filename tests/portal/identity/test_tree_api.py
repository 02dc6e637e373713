"""The tree for programs: what one's roles reach, paged, in the description."""

import pytest
from django.utils.timezone import localdate, now

from portal.identity.models import Node, Role
from portal.identity.services.facts import set_cost_centre, set_data_owner, set_vat_treatment
from tests.catalog.api.conftest import Api, assert_problem
from tests.factories import PersonFactory, administrator_of, grant, make_organization, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def ministry():
    return make_organization(name="Ministerie")


@pytest.fixture
def project(ministry):
    return make_project(make_organization(ministry, name="Directie"))


def as_role(role, node):
    person = PersonFactory()
    grant(person, role, node)
    return Api(person)


def names(response):
    assert response.status_code == 200
    return [item["name"] for item in response.json()["results"]]


@pytest.mark.parametrize("role", list(Role))
def test_every_role_reads_what_it_reaches(ministry, project, role):
    make_project(make_organization(name="Elders"), name="Vreemd")
    api = as_role(role, project.parent)

    assert names(api.get("/organizations")) == ["Directie"]
    assert names(api.get("/projects")) == [project.name]
    assert api.get(f"/projects/{project.public_id}").status_code == 200


@pytest.mark.parametrize("path", ["/organizations", "/projects"])
def test_another_tenant_does_not_exist(ministry, project, path):
    api = as_role(Role.AUDITOR, make_organization(name="Elders"))
    node = project if path == "/projects" else project.parent

    assert_problem(api.get(f"{path}/{node.public_id}"), 404, "not_found")
    assert_problem(Api(None).get(path), 401, "not_authenticated")


def test_what_stands_above_one_s_reach_is_not_named(ministry, project):
    top = as_role(Role.AUDITOR, project.parent).get(f"/organizations/{project.parent.public_id}")
    assert top.json()["parent"] is None

    seen = as_role(Role.AUDITOR, ministry).get(f"/organizations/{project.parent.public_id}").json()
    assert seen["parent"] == {
        "id": str(ministry.public_id),
        "code": ministry.code,
        "name": "Ministerie",
    }


def test_one_project_says_who_answers_and_how_costs_are_booked(ministry, project):
    administrator = administrator_of(ministry)
    actor = {"actor": administrator, "starts_on": localdate()}
    set_data_owner(ministry.public_id, owner=administrator.public_id, **actor)
    set_cost_centre(project.public_id, code="410210", name="Water", **actor)
    set_vat_treatment(ministry.public_id, treatment="exempt", **actor)
    api = as_role(Role.FINANCE, ministry)

    shown = api.get(f"/projects/{project.public_id}").json()
    assert shown["data_owner"] == {
        "id": str(administrator.public_id),
        "name": administrator.name,
    }
    assert shown["cost_centre"] == {"code": "410210", "name": "Water"}
    assert shown["owner"] is None
    assert (shown["protection_level"], shown["has_personal_data"]) == (3, True)
    directorate = api.get(f"/organizations/{project.parent.public_id}").json()
    assert (directorate["vat_treatment"], directorate["cost_centre"]) == ("exempt", None)


def test_filters(ministry, project):
    ended = make_project(project.parent, name="Oud")
    Node.objects.filter(pk=ended.pk).update(ended_at=now())
    api = as_role(Role.AUDITOR, ministry)

    assert names(api.get("/projects", {"state": "ended"})) == ["Oud"]
    assert names(api.get("/projects", {"state": "living"})) == [project.name]
    assert names(api.get("/organizations", {"code": ministry.code})) == ["Ministerie"]
    parent = str(ministry.public_id)
    assert names(api.get("/organizations", {"parent": parent})) == ["Directie"]
    assert names(api.get("/projects", {"parent": parent})) == []


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"parent": "x"}, "parent"),
        ({"state": "gone"}, "state"),
        ({"code": "x" * 41}, "code"),
        ({"ancestor_ids": "1"}, "ancestor_ids"),
        ({"pageSize": "0"}, "pageSize"),
    ],
)
def test_a_wrong_key_is_a_mistake(ministry, query, name):
    api = as_role(Role.AUDITOR, ministry)

    assert_problem(api.get("/organizations", query), 400, "invalid_input", name)


def test_pages_hold_everything_once(ministry):
    made = {make_project(ministry).code for _number in range(5)}
    api = as_role(Role.AUDITOR, ministry)

    page = api.get("/projects", {"pageSize": "2"}).json()
    found = [item["code"] for item in page["results"]]
    while page["next"]:
        page = api.client.get(page["next"]).json()
        found += [item["code"] for item in page["results"]]

    assert (len(found), set(found)) == (5, made)


def test_nothing_is_changed_here(ministry, project):
    api = as_role(Role.QUOTA_ADMINISTRATOR, ministry)

    for path in ("/organizations", f"/projects/{project.public_id}"):
        assert_problem(api.post(path, {}), 405, "method_not_allowed")


def test_queries_do_not_depend_on_the_number(ministry, django_assert_max_num_queries):
    api = as_role(Role.AUDITOR, ministry)
    counts = []
    for more in (1, 5):
        for _number in range(more):
            make_project(make_organization(ministry))
        with django_assert_max_num_queries(12) as captured:
            api.get("/projects")
        counts.append(len(captured))

    assert counts[0] == counts[1]


def test_it_is_in_the_description(db):
    paths = Api(None).get("/openapi.json").json()["paths"]

    assert {"/organizations", "/organizations/{id}", "/projects", "/projects/{id}"} <= set(paths)
