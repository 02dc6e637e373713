"""Sessions on pages and in the API."""

from __future__ import annotations

import ipaddress
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from portal.core.origin import Channel, Origin, coming_from
from portal.identity.models import LoginSession, Person, Project, Role
from portal.identity.services.roles import end_grant
from tests.factories import PersonFactory, grant, make_project
from tests.logins import log_in

pytestmark = pytest.mark.django_db

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36"


def browser(person: Person, agent: str = WINDOWS, address: str = "10.1.2.3") -> Client:
    """Somebody logged in from there."""
    client = Client(headers={"accept-language": "en", "user-agent": agent}, REMOTE_ADDR=address)
    with coming_from(Origin(channel=Channel.PAGE, address=address, agent=agent)):
        return log_in(client, person)


def session_of(client: Client) -> LoginSession:
    return LoginSession.objects.get(session_key=client.session.session_key)


@pytest.fixture
def person(project: Project) -> Person:
    person = PersonFactory(name="Sanne Wiersma")
    grant(person, Role.REQUESTER, project)
    return person


@pytest.fixture
def operator(project: Project) -> Person:
    operator = PersonFactory(name="Fenna Dijkgraaf")
    grant(operator, Role.OPERATOR, project.parent)
    return operator


class TestOwnPage:
    def test_says_device_place_strength_and_limits(
        self, person: Person, settings: Settings
    ) -> None:
        settings.NETWORK_NAMES = {ipaddress.ip_network("10.0.0.0/8"): "Rijksnetwerk"}
        here = browser(person)
        browser(person, PHONE, "192.0.2.7")

        page = here.get("/account/sessions").content.decode()

        assert "Firefox on Windows" in page
        assert "Chrome on Android" in page
        assert 'Rijksnetwerk <span class="cl-mono">10.1.2.3</span>' in page
        assert "192.0.2.7" in page
        assert "level high" in page
        assert "after 1 hour without use, and always 10 hours after" in page
        assert page.count("This session") == 1
        assert page.index("This session") < page.index("Chrome on Android")

    def test_shows_nobody_elses(self, person: Person, operator: Person) -> None:
        browser(person, PHONE)

        page = browser(operator).get("/account/sessions").content.decode()

        assert "Chrome on Android" not in page

    def test_ending_one_elsewhere(self, person: Person) -> None:
        here, there = browser(person), browser(person, PHONE)
        session = session_of(there)

        response = here.post(f"/account/sessions/{session.public_id}/end", follow=True)

        assert "That session has ended." in response.content.decode()
        assert "Ended by yourself" in response.content.decode()
        assert there.get("/").status_code == 302

    def test_ending_this_one_leads_to_the_login_page(self, person: Person) -> None:
        here = browser(person)

        response = here.post(f"/account/sessions/{session_of(here).public_id}/end")

        assert (response.status_code, response["Location"]) == (303, "/login")
        assert here.get("/account/sessions").status_code == 302

    def test_ending_all_others(self, person: Person) -> None:
        here = browser(person)
        others = [browser(person) for _ in range(2)]

        response = here.post("/account/sessions/end-others", follow=True)

        assert "2 other sessions have ended." in response.content.decode()
        assert "Log out everywhere else" not in response.content.decode()
        assert [other.get("/").status_code for other in others] == [302, 302]

    def test_somebody_elses_is_not_there(self, person: Person, operator: Person) -> None:
        there = browser(operator)

        response = browser(person).post(f"/account/sessions/{session_of(there).public_id}/end")

        assert response.status_code == 404
        assert there.get("/").status_code == 200

    def test_the_name_in_the_top_bar_leads_there(self, person: Person) -> None:
        page = browser(person).get("/").content.decode()

        assert 'class="cl-topbar__link" href="/account"' in page

    def test_asks_the_same_for_one_and_for_many(self, person: Person) -> None:
        here = browser(person)
        here.get("/account/sessions")
        with CaptureQueriesContext(connection) as few:
            here.get("/account/sessions")
        for _ in range(5):
            browser(person)
        here.post("/account/sessions/end-others")
        for _ in range(5):
            browser(person)
        here.get("/account/sessions")

        with CaptureQueriesContext(connection) as many:
            here.get("/account/sessions")

        assert len(many) == len(few) <= 10


class TestOperatorsPage:
    def test_lists_and_ends(self, person: Person, operator: Person) -> None:
        there, here = browser(person, PHONE), browser(operator)
        address = f"/people/{person.public_id}/sessions"

        assert "Chrome on Android" in here.get(address).content.decode()
        response = here.post(f"{address}/{session_of(there).public_id}/end", follow=True)

        page = response.content.decode()
        assert "That session has ended." in page
        assert "Sanne Wiersma is logged in nowhere" in page
        assert there.get("/").status_code == 302

    def test_is_still_there_for_who_just_lost_their_last_role(
        self, person: Person, operator: Person
    ) -> None:
        there, here = browser(person, PHONE), browser(operator)
        end_grant(person.grants.get().public_id, actor=None, reason="Misbruik")

        address = f"/people/{person.public_id}/sessions"
        response = here.post(f"{address}/{session_of(there).public_id}/end", follow=True)

        assert "Sanne Wiersma is logged in nowhere" in response.content.decode()
        assert there.get("/").status_code == 302

    def test_shows_no_session_that_ended(self, person: Person, operator: Person) -> None:
        there = browser(person, PHONE)
        there.post(f"/account/sessions/{session_of(there).public_id}/end")

        page = browser(operator).get(f"/people/{person.public_id}/sessions").content.decode()

        assert "Chrome on Android" not in page

    @pytest.mark.parametrize("role", sorted(set(Role) - {Role.OPERATOR}))
    def test_is_for_operators_alone(self, person: Person, project: Project, role: Role) -> None:
        other = PersonFactory()
        grant(other, role, project.parent)
        there, here = browser(person), browser(other)
        address = f"/people/{person.public_id}/sessions"

        assert here.get(address).status_code == 404
        assert here.post(f"{address}/{session_of(there).public_id}/end").status_code == 404
        assert there.get("/").status_code == 200

    def test_whom_the_operator_does_not_reach_is_not_there(self, person: Person) -> None:
        stranger = PersonFactory()
        grant(stranger, Role.OPERATOR, make_project().parent)

        response = browser(stranger).get(f"/people/{person.public_id}/sessions")

        assert response.status_code == 404

    def test_a_session_of_another_person_is_not_under_this_one(
        self, person: Person, operator: Person
    ) -> None:
        here = browser(operator)
        session = session_of(here)

        response = here.post(f"/people/{person.public_id}/sessions/{session.public_id}/end")

        assert response.status_code == 404
        assert here.get("/").status_code == 200


class TestApi:
    def test_lists_ones_own(self, person: Person, operator: Person) -> None:
        here = browser(person)
        browser(person, PHONE, "192.0.2.7")
        browser(operator)

        items = here.get("/api/v1/sessions").json()["results"]

        assert [item["device"] for item in items] == ["Chrome on Android", "Firefox on Windows"]
        assert [item["is_current"] for item in items] == [False, True]
        assert items[0].keys() == {
            "id",
            "device",
            "address",
            "network",
            "provider",
            "level",
            "is_current",
            "created_at",
            "last_seen_at",
            "expires_at",
        }
        assert (items[0]["address"], items[0]["level"]) == ("192.0.2.7", "high")

    def test_ends_one(self, person: Person) -> None:
        here, there = browser(person), browser(person)

        response = here.delete(f"/api/v1/sessions/{session_of(there).public_id}")

        assert (response.status_code, response.content) == (204, b"")
        assert there.get("/api/v1/sessions").status_code == 401
        assert here.get("/api/v1/sessions").status_code == 200

    def test_knows_nobody_elses(self, person: Person, operator: Person) -> None:
        here, there = browser(operator), browser(person)

        assert here.delete(f"/api/v1/sessions/{session_of(there).public_id}").status_code == 404
        assert here.delete(f"/api/v1/sessions/{uuid4()}").status_code == 404
        assert there.get("/").status_code == 200

    def test_another_site_cannot_end_one(self, person: Person) -> None:
        here = browser(person)
        forged = Client(enforce_csrf_checks=True)
        forged.cookies = here.cookies

        response = forged.delete(f"/api/v1/sessions/{session_of(here).public_id}")

        assert (response.status_code, response.json()["code"]) == (403, "csrf_failed")

    def test_a_stranger_sees_nothing(self, client: Client) -> None:
        assert client.get("/api/v1/sessions").status_code == 401
        assert client.delete(f"/api/v1/sessions/{uuid4()}").status_code == 401
