"""Answering the questions about the data of a project, by service and by page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from django.urls import reverse
from django.utils.html import strip_tags
from django.utils.timezone import localdate

from catalog.models import WorkloadProfile
from catalog.placement_words import PersonalData, Rubricering, Score
from catalog.services.placement import Answers, answer_questions, current_profile
from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.models import Role
from portal.identity.services.facts import set_data_owner, set_project_owner
from tests.authorisation.rows.placement import ANSWERS
from tests.factories import PersonFactory, administrator_of, answers, grant, unanswered
from tests.logins import log_in

pytestmark = pytest.mark.django_db
ENGLISH = {"accept-language": "en"}


def text_of(response):
    """What is read, without what is around it."""
    return " ".join(unescape(strip_tags(response.content.decode())).split())


def address(project, name="workload"):
    return reverse(f"catalog:{name}", args=[project.public_id])


@pytest.fixture
def administrator(project):
    return administrator_of(project.parent)


def test_new_answers_take_the_place_of_those_in_force(project, administrator):
    before = current_profile(project)

    profile = answer_questions(
        project.public_id, answers(rubricering=Rubricering.STG_GEHEIM), actor=administrator
    )

    before.refresh_from_db()
    assert (before.ended_at, profile.number) == (profile.answered_at, before.number + 1)
    assert current_profile(project) == profile
    assert Answers.of(profile) == answers(rubricering=Rubricering.STG_GEHEIM)
    project.refresh_from_db()
    assert (project.protection_level, project.has_personal_data) == (2, True)
    entry = AuditEntry.objects.filter(event="workload.answered").latest("pk")
    assert (entry.actor_id, entry.data["rubricering"]) == (administrator.pk, "stg_geheim")


@pytest.mark.parametrize(
    ("changes", "level", "is_personal"),
    [
        ({"integrity": None}, None, True),
        ({"rubricering": None}, None, True),
        ({"personal_data": None}, 3, None),
        ({"personal_data": PersonalData.NONE}, 3, False),
        ({"confidentiality": Score.VERY_HIGH}, 1, True),
    ],
)
def test_what_follows_is_copied_to_the_project(project, administrator, changes, level, is_personal):
    answer_questions(project.public_id, answers(**changes), actor=administrator)

    project.refresh_from_db()
    assert (project.protection_level, project.has_personal_data) == (level, is_personal)


def test_without_personal_data_there_is_no_special(project, administrator):
    open_question = answers(personal_data=PersonalData.NONE, has_special_data=None)

    profile = answer_questions(project.public_id, open_question, actor=administrator)

    assert profile.has_special_data is False


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"review_on": None}, "review_on"),
        ({"review_on": localdate() - timedelta(days=1)}, "review_on"),
        ({"review_on": localdate() + timedelta(days=367)}, "review_on"),
        ({"longest_outage_hours": 5}, "longest_outage_hours"),
        ({"personal_data": PersonalData.NONE, "has_special_data": True}, "has_special_data"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_at_its_field(project, administrator, changes, field):
    before = current_profile(project)

    with pytest.raises(InvalidInput) as refused:
        answer_questions(project.public_id, replace(answers(), **changes), actor=administrator)

    assert list(refused.value.errors) == [field]
    assert current_profile(project) == before


class TestWhoMay:
    @pytest.mark.parametrize("role", sorted(set(Role) - {Role.QUOTA_ADMINISTRATOR}))
    def test_other_roles_do_not_and_the_attempt_is_written_down(self, project, role):
        person = PersonFactory()
        grant(person, role, project)

        with pytest.raises(NotAllowed):
            answer_questions(project.public_id, answers(), actor=person)

        assert AuditEntry.objects.filter(event="node.change_refused", actor_id=person.pk).exists()

    def test_owners_of_data_and_project_do(self, project, administrator):
        for setter in (set_data_owner, set_project_owner):
            owner = PersonFactory()
            grant(owner, Role.REQUESTER, project)
            setter(
                project.public_id,
                owner=owner.public_id,
                actor=administrator,
                starts_on=localdate(),
            )

            assert answer_questions(project.public_id, answers(), actor=owner)

    def test_data_owner_nearby_goes_before_one_from_above(self, project, administrator):
        above, near = PersonFactory(), PersonFactory()
        for person, node in ((above, project.parent), (near, project)):
            grant(person, Role.REQUESTER, node)
            set_data_owner(
                node.public_id,
                owner=person.public_id,
                actor=administrator,
                starts_on=localdate(),
            )

        with pytest.raises(NotAllowed):
            answer_questions(project.public_id, answers(), actor=above)
        assert answer_questions(project.public_id, answers(), actor=near)


class TestPage:
    def test_questions_are_asked_and_shown_with_the_advice(
        self, client, project, version, administrator
    ):
        unanswered(project)
        log_in(client, administrator)
        page = address(project)

        before = text_of(client.get(page, headers=ENGLISH))
        response = client.post(address(project, "workload-answer"), ANSWERS)

        assert "Nobody answered the questions yet" in before
        assert (response.status_code, response["Location"]) == (302, page)
        text = text_of(client.get(page, headers=ENGLISH))
        assert "Is it about a core task of your organisation?Yes" in text
        assert "Overheidsdatacenter Noord, SEAL-3" in text
        assert "SEAL-3 Allowed" in text
        assert "Rijksbreed cloudbeleid 2026, § 3.4" in text
        assert WorkloadProfile.objects.get(project=project, ended_at=None).is_core_task

    def test_requester_reads_whom_to_ask(self, client, project, requester):
        unanswered(project)
        log_in(client, requester)

        text = text_of(client.get(address(project), headers=ENGLISH))

        assert "A quota administrator or the owner of the data answers them." in text

    def test_answers_of_before_are_filled_in_but_for_the_day(self, client, project, administrator):
        log_in(client, administrator)
        response = client.get(address(project, "workload-answer"))

        form = response.context["form"]
        assert (form["integrity"].value(), form["is_vital"].value()) == ("middle", "no")
        assert form["review_on"].value() == localdate() + timedelta(days=365)

    def test_mistake_is_at_its_field(self, client, project, administrator):
        log_in(client, administrator)
        wrong = ANSWERS | {"personal_data": "none", "has_special_data": "yes"}

        response = client.post(address(project, "workload-answer"), wrong, headers=ENGLISH)

        assert response.status_code == 422
        assert "Without personal data there is no special data." in text_of(response)
