"""A provider ends a login that is still on its way: it leads to no session, whoever is faster."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from portal.identity.models import Identity, LoginSession, Organization, SessionEnd, UsedLogoutToken
from portal.identity.oidc.session import LoginFacts
from portal.identity.services import sessions
from portal.identity.services.sessions import (
    LogoutTokenUsed,
    forget_old_sessions,
    log_out_by_provider,
    open_session,
)
from tests.factories import PersonFactory
from tests.portal.identity.oidc.fake_provider import ISSUER, FakeProvider, log_in

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def _tree(ministry: Organization) -> None:
    """Every test here needs the organisations."""


def log_in_with_order(
    client: Client, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, **order: Any
) -> HttpResponse:
    """The order comes when the code is exchanged and the portal asks who it is."""
    answer_userinfo = provider._userinfo_answer
    answers: list[Any] = []

    def order_first() -> Any:
        token = {"logout_token": provider.logout_token(**order)}
        answers.append(Client().post("/login/local/backchannel-logout", token))
        return answer_userinfo()

    monkeypatch.setattr(provider, "_userinfo_answer", order_first)
    response = log_in(client, provider)
    assert [answer.status_code for answer in answers] == [200]
    return response


def is_logged_in(client: Client) -> bool:
    return client.get("/login")["Location"] == "/"


ORDERS: dict[str, dict[str, Any]] = {
    "the session": {},
    "the person": {"sid": None, "sub": "person-1"},
    "both": {"sub": "person-1"},
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
def test_login_that_was_ended_on_its_way_opens_no_session(
    client: Client,
    provider: FakeProvider,
    monkeypatch: pytest.MonkeyPatch,
    order: dict[str, Any],
) -> None:
    response = log_in_with_order(client, provider, monkeypatch, **order)

    assert response.status_code == 400
    assert 'data-code="login_expired"' in response.content.decode()
    assert not is_logged_in(client)
    assert not LoginSession.objects.exists()
    assert not any("_auth_user_id" in session.get_decoded() for session in Session.objects.all())
    assert AuditEntry.objects.filter(event="login.failed", code="login_expired").exists()


def test_without_the_check_it_would_live_on(
    client: Client, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Proves that the test above can fail.
    monkeypatch.setattr(sessions, "_check_not_ended_by_provider", lambda facts: None)

    assert log_in_with_order(client, provider, monkeypatch).status_code == 302
    assert is_logged_in(client)


OTHERS: dict[str, dict[str, Any]] = {
    "another session": {"sid": "session-2"},
    "another session of the person": {"sid": "session-2", "sub": "person-1"},
    "another person": {"sid": None, "sub": "person-2"},
    "an earlier login": {"sid": None, "sub": "person-1", "iat": int(time.time()) - 60},
}


@pytest.mark.parametrize("order", OTHERS.values(), ids=OTHERS.keys())
def test_order_about_something_else_keeps_nobody_out(
    client: Client,
    provider: FakeProvider,
    monkeypatch: pytest.MonkeyPatch,
    order: dict[str, Any],
) -> None:
    assert log_in_with_order(client, provider, monkeypatch, **order).status_code == 302
    assert is_logged_in(client)


def test_step_up_that_was_ended_on_its_way_takes_the_session_with_it(
    client: Client, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(client, provider)
    provider.changes["sid"] = "session-2"

    log_in_with_order(client, provider, monkeypatch, sid="session-2")

    assert not is_logged_in(client)
    assert LoginSession.objects.get().ended_how == SessionEnd.REPLACED


FACTS = LoginFacts(
    provider="local",
    issuer=ISSUER,
    subject="person-1",
    sid="session-1",
    acr="",
    level=2,
    auth_time=0,
    issued_at=int(time.time()),
)


def order(token_id: str, *, lives: int = 60, **changes: Any) -> None:
    log_out_by_provider(
        **{
            "issuer": ISSUER,
            "subject": "",
            "sid": "session-1",
            "token_id": token_id,
            "issued_at": FACTS.issued_at,
            "expires_at": FACTS.issued_at + lives,
            **changes,
        }
    )


def test_order_outlives_every_login_that_it_ends() -> None:
    """An ID token of ten minutes old is accepted; the order may have expired by then."""
    order("short")
    order("long", lives=24 * 3600)

    short, long = UsedLogoutToken.objects.order_by("expires_at")
    assert short.expires_at >= now() + timedelta(minutes=11)
    assert long.expires_at >= datetime.fromtimestamp(FACTS.issued_at + 24 * 3600, UTC)

    UsedLogoutToken.objects.filter(pk=short.pk).update(expires_at=now() - timedelta(seconds=1))
    forget_old_sessions()

    assert UsedLogoutToken.objects.get() == long
    with pytest.raises(LogoutTokenUsed):
        order("long")


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """A login stops after it looked for orders, and goes on when it is told to."""
    looked, go_on = threading.Event(), threading.Event()
    check = sessions._check_not_ended_by_provider

    def look_and_wait(facts: LoginFacts) -> None:
        check(facts)
        looked.set()
        go_on.wait(10)

    monkeypatch.setattr(sessions, "_check_not_ended_by_provider", look_and_wait)
    yield looked, go_on
    go_on.set()


def order_between_looking_and_opening(paused: tuple[threading.Event, threading.Event]) -> str:
    """How the session of a login ended that looked before the order came; empty when it lives."""
    looked, go_on = paused

    def in_a_thread(work: Any) -> threading.Thread:
        def run() -> None:
            try:
                work()
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    expires_at = now() + timedelta(hours=1)
    login = in_a_thread(
        lambda: open_session(FACTS, session_key="k", earlier_key=None, expires_at=expires_at)
    )
    assert looked.wait(10)
    logout = in_a_thread(lambda: order("race"))
    logout.join(0.5)  # done by now, unless it has to wait for the login
    go_on.set()
    login.join(10)
    logout.join(10)
    return LoginSession.objects.get().ended_how


@pytest.mark.django_db(transaction=True)
def test_order_waits_for_a_login_that_has_looked_already(
    paused: tuple[threading.Event, threading.Event],
) -> None:
    Identity.objects.create(person=PersonFactory(), issuer=ISSUER, subject=FACTS.subject)

    assert order_between_looking_and_opening(paused) == SessionEnd.PROVIDER


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_session_lives_on(
    paused: tuple[threading.Event, threading.Event],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Proves that the test above can fail.
    monkeypatch.setattr(sessions, "lock_logouts_shared", lambda: None)
    Identity.objects.create(person=PersonFactory(), issuer=ISSUER, subject=FACTS.subject)

    assert order_between_looking_and_opening(paused) == ""
