"""Trying answers: the page, and going on from there. Nothing is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import localdate, now

from catalog.models import WorkloadEvidence, WorkloadProfile
from catalog.placement_words import Advised, Hosting, Score
from catalog.services.placement import try_answers
from portal.identity.models import Role
from tests.authorisation.rows.placement import TRIED
from tests.catalog.placement.test_profiles import ENGLISH, address, text_of
from tests.factories import (
    UNKNOWN_ID,
    PersonFactory,
    administrator_of,
    answers,
    assessed,
    grant,
    make_project,
)
from tests.logins import log_in

pytestmark = pytest.mark.django_db
PAGE = reverse("catalog:placement")
HTMX = {**ENGLISH, "HX-Request": "true"}


@pytest.fixture
def reader(client, requester, version):
    log_in(client, requester)
    return client


def evidence_of(project, kind):
    WorkloadEvidence.objects.create(
        project=project,
        kind=kind,
        reference="Zaak 12",
        dated_on=localdate(),
        recorded_by=PersonFactory(),
        recorded_at=now(),
    )


def try_one(version, project=None, **changes):
    found = try_answers(answers(**changes), [version], project=project, at=now())
    return found[version.pk]


class TestTrying:
    def test_answers_that_are_tried_count_and_those_in_force_do_not(self, project, version):
        assert try_one(version, project).is_admissible
        assert not try_one(version, project, integrity=Score.VERY_HIGH).is_admissible

    def test_evidence_counts_for_a_project_only(self, project, version):
        assessed(version.cloud, hosting=Hosting.PUBLIC)
        evidence_of(project, "risk_analysis")
        material = {"is_core_task": True, "integrity": Score.LOW}

        with_it = try_one(version, project, **material).advice
        without = try_one(version, **material).advice

        assert (with_it.verdict, without.verdict) == (Advised.CONDITIONAL, Advised.CONDITIONAL)
        assert set(without.unmet) - set(with_it.unmet) == {"risk_analysis"}

    def test_asks_one_query_whatever_is_offered(self, project, version, django_assert_num_queries):
        for chosen in (None, project):
            with django_assert_num_queries(1):
                try_one(version, chosen)


class TestPage:
    def test_asks_first(self, reader):
        text = text_of(reader.get(PAGE, headers=ENGLISH))

        assert "Not answered yet" in text
        assert "Is it about a core task of your organisation?" in text

    def test_says_where_it_may_stand_and_keeps_nothing(self, reader):
        before = WorkloadProfile.objects.count()

        text = text_of(reader.post(PAGE, TRIED, headers=ENGLISH))

        assert "It may stand in Overheidsdatacenter Noord, SEAL-3." in text
        assert "Your data is TBB 3." in text
        assert "Data with TBB 1, 2 or 3 does not go into a public cloud." in text  # the examples
        assert WorkloadProfile.objects.count() == before

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"integrity": "very_high"}, "It may stand nowhere here."),
            ({"integrity": ""}, "It cannot be told yet."),
        ],
    )
    def test_says_that_it_may_not_or_that_nobody_knows(self, reader, changes, said):
        assert said in text_of(reader.post(PAGE, TRIED | changes, headers=ENGLISH))

    def test_answers_while_one_types(self, reader):
        response = reader.post(PAGE, TRIED, headers=HTMX)

        assert "<html" not in response.content.decode()
        assert 'hx-swap-oob="innerHTML">It may stand in' in response.content.decode()

    def test_answers_of_a_project_are_filled_in(self, reader, project):
        response = reader.get(PAGE, {"project": project.public_id}, headers=ENGLISH)

        assert response.context["form"]["integrity"].value() == "middle"
        assert "It may stand in Overheidsdatacenter Noord" in text_of(response)

    @pytest.mark.parametrize("public_id", [UNKNOWN_ID, "elders"])
    def test_project_of_others_is_not_there(self, reader, public_id):
        asked = str(make_project().public_id) if public_id == "elders" else public_id

        assert reader.get(PAGE, {"project": asked}).status_code == 404
        assert reader.post(PAGE, TRIED | {"project": asked}).status_code == 422

    def test_what_is_no_id_is_not_there_either(self, reader):
        assert reader.get(PAGE, {"project": "nee"}).status_code == 404


class TestGoingOn:
    def test_who_may_answer_goes_on_and_nothing_is_saved_yet(self, client, project, version):
        administrator = administrator_of(project.parent)
        log_in(client, administrator)
        tried = TRIED | {"project": str(project.public_id), "availability": "high"}
        before = WorkloadProfile.objects.count()

        page = client.post(PAGE, tried, headers=ENGLISH)
        going_on = client.post(address(project, "workload-answer"), tried | {"fill": "yes"})

        assert f"Go on with this for {project.name}" in text_of(page)
        form = going_on.context["form"]
        assert (going_on.status_code, form.errors) == (200, {})
        assert (form["availability"].value(), form["longest_outage_hours"].value()) == (
            "high",
            "24",
        )
        assert form["review_on"].value() == localdate() + timedelta(days=365)
        assert WorkloadProfile.objects.count() == before

    def test_question_that_was_left_open_stays_open(self, client, project):
        log_in(client, administrator_of(project.parent))
        sent = {name: answer for name, answer in TRIED.items() if name != "is_vital"}

        response = client.post(address(project, "workload-answer"), sent | {"fill": "yes"})

        assert response.context["form"]["is_vital"].value() == ""

    def test_others_read_who_saves(self, client, project):
        auditor = PersonFactory()
        grant(auditor, Role.AUDITOR, project)
        log_in(client, auditor)

        text = text_of(
            client.post(PAGE, TRIED | {"project": str(project.public_id)}, headers=ENGLISH)
        )

        assert "A quota administrator or the owner of the data saves the answers." in text
        assert "Go on with this" not in text
