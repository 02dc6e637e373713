"""What holds of sessions whatever goes on: nobody keeps one that ended."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils.timezone import now

from portal.identity.models import LoginSession, Person, Project, Role, SessionEnd
from portal.identity.oidc.session import LAST_SEEN
from portal.identity.services.sessions import end_all_sessions
from tests.factories import PersonFactory, grant
from tests.logins import log_in

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def is_known(client: Client) -> bool:
    """Is the next request somebody's, or a stranger's?"""
    return bool(client.get("/").status_code == 200)


def change(client: Client, **values: Any) -> None:
    session = client.session
    session.update(values)
    session.save()


@pytest.fixture
def person(project: Project) -> Person:
    person = PersonFactory()
    grant(person, Role.REQUESTER, project)
    return person


class TestGuarantee:
    """A person who is blocked is nobody at the very next request of each session."""

    def test_blocking_alone_is_enough(self, person: Person) -> None:
        browsers = [log_in(Client(), person) for _ in range(3)]
        assert all(is_known(browser) for browser in browsers)

        Person.objects.filter(pk=person.pk).update(is_active=False)

        for browser in browsers:
            assert browser.get("/")["Location"].startswith("/login")
            assert browser.get("/api/v1/orders").status_code == 401

    def test_ending_alone_is_enough(self, person: Person) -> None:
        browsers = [log_in(Client(), person) for _ in range(3)]

        end_all_sessions(person, actor=None, reason=SessionEnd.BLOCKED)

        for browser in browsers:
            assert browser.get("/api/v1/orders").status_code == 401
            assert browser.get("/")["Location"].startswith("/login")

    def test_a_login_under_way_leads_nowhere(self, client: Client, person: Person) -> None:
        """Its session was made with what the person was before: that no longer fits."""
        other = log_in(Client(), person)
        LoginSession.objects.all().delete()  # its own row is not written yet
        assert is_known(other)

        end_all_sessions(person, actor=None, reason=SessionEnd.BLOCKED)

        assert not is_known(other)

    def test_a_session_whose_row_ended_behind_our_back_is_over_within_a_minute(
        self, client: Client, person: Person
    ) -> None:
        log_in(client, person)
        LoginSession.objects.all().delete()
        change(client, **{LAST_SEEN: int(time.time()) - 61})

        assert not is_known(client)


@pytest.mark.django_db(transaction=True)
def test_other_connections_see_it_at_once(person: Person) -> None:
    """What one process commits, another finds at its next request: nothing is cached."""
    browser = log_in(Client(), person)
    known: list[bool] = []

    def in_another_worker() -> None:
        try:
            known.append(is_known(browser))
            asked.set()
            ended.wait(10)
            known.append(is_known(browser))
        finally:
            connection.close()

    asked, ended = threading.Event(), threading.Event()
    worker = threading.Thread(target=in_another_worker)
    worker.start()
    asked.wait(10)
    end_all_sessions(person, actor=None, reason=SessionEnd.BLOCKED)
    ended.set()
    worker.join()

    assert known == [True, False]


class TestDatabase:
    def refuses(self, name: str, **values: Any) -> None:
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            LoginSession.objects.update(**values)

    def test_refuses_nonsense(self, client: Client, person: Person) -> None:
        log_in(client, person)

        self.refuses("login_session_end_known", ended_how="tired")
        self.refuses("login_session_has_a_key_until_it_ends", ended_at=now())
        self.refuses("login_session_has_a_key_until_it_ends", session_key=None)
        self.refuses("login_session_has_a_limit", expires_at=now() - timedelta(days=1))
        self.refuses(
            "login_session_ended_by_somebody_says_by_whom",
            ended_at=now(),
            ended_how="operator",
            session_key=None,
        )

    def test_an_ended_session_never_lives_again(self, client: Client, person: Person) -> None:
        log_in(client, person)
        end_all_sessions(person, actor=None, reason=SessionEnd.BLOCKED)

        self.refuses("a session that ended", ended_at=None, ended_how="", session_key="again")


@pytest.mark.parametrize(
    "value",
    ["aaaaaaaa\x00", '"aaaaaaaa\\000"', '"aaaaaaaa\\377"', "é" * 32, "A" * 32, "a" * 9000, '"\\'],
)
@pytest.mark.parametrize("path", ["/", "/login/break-glass", "/api/v1/orders"])
def test_a_cookie_that_is_no_key_is_a_strangers(path: str, value: str) -> None:
    """In quotes a cookie holds any character, a NUL too, whatever the proxy refuses."""
    cookie = f"{settings.SESSION_COOKIE_NAME}={value}"
    stranger = Client().get(path)

    response = Client().get(path, headers={"Cookie": cookie})

    assert response.status_code == stranger.status_code < 500
    assert response.headers.get("Location") == stranger.headers.get("Location")
