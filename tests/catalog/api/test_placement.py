"""Answers about data, advice on places, and decisions, through the API."""

from __future__ import annotations

import json

import pytest

from catalog.models import PlacementVerdict, WorkloadProfile
from catalog.placement import RULESET
from catalog.services.placement import current_profile
from portal.identity.models import Role
from portal.identity.oidc.assurance import Assurance
from tests.authorisation.rows.placement import FACTS, TRIED_FACTS
from tests.catalog.api.conftest import ROOT, Api, assert_problem
from tests.factories import administrator_of, grant, make_project, place, unanswered

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_administrator(project):
    return Api(administrator_of(project.parent))


def put(api, project, body):
    path = f"{ROOT}/workloads/{project.public_id}"
    return api.client.put(path, json.dumps(body), content_type="application/json")


class TestAnswers:
    def test_one_project(self, as_requester, project):
        found = as_requester.get(f"/workloads/{project.public_id}").json()

        assert found["project"]["code"] == project.code
        assert found["protection_level"] == 3
        assert found["answers"]["integrity"] == "middle"
        assert found["answers"]["answered_by"] is None

    def test_project_about_which_nobody_answered(self, as_requester, project):
        unanswered(project)

        (found,) = as_requester.get("/workloads").json()["results"]

        assert (found["answers"], found["protection_level"]) == (None, None)

    def test_list_asks_as_much_of_many_as_of_one(
        self, as_requester, project, requester, django_assert_max_num_queries
    ):
        for _ in range(3):
            grant(requester, Role.REQUESTER, make_project(project.parent))

        with django_assert_max_num_queries(6):
            assert len(as_requester.get("/workloads").json()["results"]) == 4

    def test_answering_anew(self, as_administrator, project):
        found = put(as_administrator, project, FACTS | {"availability": "high"})

        assert found.status_code == 200
        assert found.json()["protection_level"] == 2
        assert found.json()["answers"]["number"] == 2
        assert current_profile(project).availability == "high"

    def test_what_is_left_out_is_not_known(self, as_administrator, project):
        put(as_administrator, project, {"review_on": FACTS["review_on"]})

        profile = current_profile(project)
        assert (profile.is_vital, profile.rubricering) == (None, "")

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"rubricering": "geheim"}, "rubricering"),
            ({"is_vital": "yes"}, "is_vital"),
            ({"longest_outage_hours": 5}, "longest_outage_hours"),
            ({"review_on": "2020-01-01"}, "review_on"),
            ({"personal_data": "none", "has_special_data": True}, "has_special_data"),
            ({"protection_level": 4}, "protection_level"),
        ],
        ids=str,
    )
    def test_what_cannot_be_is_said(self, as_administrator, project, changes, name):
        assert_problem(put(as_administrator, project, FACTS | changes), 400, "invalid_input", name)

    def test_requester_may_not(self, as_requester, project):
        assert_problem(put(as_requester, project, FACTS), 403, "not_allowed")

    def test_asks_for_a_strong_login(self, project):
        weak = Api(administrator_of(project.parent), level=Assurance.LOW)

        assert put(weak, project, FACTS).status_code == 403
        assert WorkloadProfile.objects.filter(project=project).count() == 1


class TestAdvice:
    def test_of_a_project(self, as_requester, project, version):
        (found,) = as_requester.get(f"/workloads/{project.public_id}/advice").json()

        assert found["offering"]["code"] == "virtual-server"
        assert (found["ruleset"], found["verdict"], found["is_admissible"]) == (
            RULESET,
            "allowed",
            True,
        )
        (known,) = [clause for clause in found["clauses"] if clause["id"] == "known_use"]
        assert known["origin"] == "Rijksbreed cloudbeleid 2026, § 3.4"

    def test_of_answers_that_nobody_keeps(self, as_requester, project, version):
        sent = TRIED_FACTS | {"integrity": "very_high", "project": str(project.public_id)}

        found = as_requester.post("/placement-advice", sent).json()

        assert found["protection_level"] == 1
        assert [advice["verdict"] for advice in found["advices"]] == ["prohibited"]
        assert WorkloadProfile.objects.filter(project=project).count() == 1

    def test_of_nothing_that_is_known(self, as_requester, version):
        found = as_requester.post("/placement-advice", {}).json()

        (advice,) = found["advices"]
        assert (found["protection_level"], advice["is_admissible"]) == (None, False)
        missing = {name for clause in advice["clauses"] for name in clause["missing"]}
        assert "workload.integrity" in missing

    def test_project_of_others_is_not_there(self, as_requester, other_project):
        sent = {"project": str(other_project.public_id)}

        assert_problem(
            as_requester.post("/placement-advice", sent), 400, "invalid_input", "project"
        )


class TestRefusal:
    def test_order_tells_programs_which_clauses_apply(self, as_requester, project, body):
        unanswered(project)

        problem = assert_problem(as_requester.order(body), 409, "placement_refused")

        assert problem["verdict"] == "prohibited"
        by_id = {clause["id"]: clause for clause in problem["clauses"]}
        assert "workload.rubricering" in by_id["interest_too_high"]["missing"]


class TestDecisions:
    def test_say_by_what_was_decided(self, as_requester, requester, project, version):
        order = place(requester, project, version)

        (found,) = as_requester.get("/placement-decisions").json()["results"]

        assert found["id"] == str(order.lines.get().placement.public_id)
        assert (found["verdict"], found["ruleset"]) == (PlacementVerdict.ALLOWED, RULESET)
        assert found["facts"]["workload"]["integrity"] == "middle"
        assert "known_use" in {clause["id"] for clause in found["clauses"]}

    def test_of_others_are_not_there(self, requester, project, version, as_outsider):
        place(requester, project, version)

        assert as_outsider.get("/placement-decisions").json()["results"] == []

    def test_by_project(self, as_requester, requester, project, version, other_project):
        place(requester, project, version)
        grant(requester, Role.REQUESTER, other_project)
        asked = {"project": str(other_project.public_id)}

        assert as_requester.get("/placement-decisions", asked).json()["results"] == []
