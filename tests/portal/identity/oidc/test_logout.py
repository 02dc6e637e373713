"""Logging out: here, and by order of the provider."""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.test import Client

from portal.audit.models import AuditEntry
from portal.identity.access import workplace_id
from portal.identity.models import LoginSession, Organization, Person, SessionEnd
from tests.portal.identity.oidc.fake_provider import (
    LOGOUT_EVENT,
    FakeProvider,
    log_in,
    unavailable,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _tree(ministry: Organization) -> None:
    """Every test here needs the organisations."""


def order_logout(client: Client, token: str) -> HttpResponse:
    return client.post("/login/local/backchannel-logout", {"logout_token": token})  # type: ignore[return-value]


def is_logged_in(client: Client) -> bool:
    return client.get("/login")["Location"] == "/"


def test_logging_out_ends_the_session_here_and_at_the_provider(
    client: Client, provider: FakeProvider
) -> None:
    log_in(client, provider)
    id_token = client.session["id_token"]

    response = client.post("/logout")

    address = urlsplit(response["Location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == "http://127.0.0.1:8002/logout"
    query = parse_qs(address.query)
    (state,) = query.pop("state")
    assert query == {
        "id_token_hint": [id_token],
        "client_id": ["cloudloket"],
        "post_logout_redirect_uri": ["http://127.0.0.1:8000/login"],
    }
    assert not is_logged_in(client)
    assert "U bent uitgelogd." in client.get("/login", {"state": state}).content.decode()
    assert LoginSession.objects.get().ended_how == SessionEnd.OWN
    entry = AuditEntry.objects.get(event="person.logged_out")
    assert entry.node_id is not None
    assert entry.node_id == workplace_id(Person.objects.get())


@pytest.mark.parametrize("state", ["", "made-up", "a:b:c"])
def test_state_that_we_did_not_make_shows_no_message(client: Client, state: str) -> None:
    assert client.get("/login", {"state": state}).status_code == 302


def test_logging_out_works_when_the_provider_does_not(
    client: Client, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(client, provider)
    monkeypatch.setattr("portal.identity.oidc.discovery._directories", {})
    provider.answers["/.well-known/openid-configuration"] = unavailable()

    assert client.post("/logout")["Location"] == "http://127.0.0.1:8000/"


def test_stranger_may_log_out(client: Client) -> None:
    assert client.post("/logout")["Location"] == "/"


def test_a_link_cannot_log_somebody_out(client: Client, provider: FakeProvider) -> None:
    log_in(client, provider)

    assert client.get("/logout").status_code == 405
    assert is_logged_in(client)


def test_provider_ends_the_session_it_names(client: Client, provider: FakeProvider) -> None:
    log_in(client, provider)
    provider.changes["sid"] = "session-2"
    other = Client()
    log_in(other, provider)

    response = order_logout(Client(enforce_csrf_checks=True), provider.logout_token())

    assert (response.status_code, response["Cache-Control"]) == (
        200,
        "max-age=0, no-cache, no-store, must-revalidate, private",
    )
    assert not is_logged_in(client)
    assert is_logged_in(other)


def test_provider_ends_all_sessions_of_somebody(client: Client, provider: FakeProvider) -> None:
    other = Client()
    log_in(client, provider)
    log_in(other, provider)

    order_logout(Client(), provider.logout_token(sid=None, sub="person-1"))

    assert not is_logged_in(client)
    assert not is_logged_in(other)
    assert not Session.objects.exists()
    entries = AuditEntry.objects.filter(event="person.logged_out")
    assert [entry.node_id for entry in entries] == [workplace_id(Person.objects.get())] * 2


def test_session_that_is_unknown_is_no_error(provider: FakeProvider) -> None:
    assert order_logout(Client(), provider.logout_token(sid="nobody")).status_code == 200


def test_logout_token_works_once(client: Client, provider: FakeProvider) -> None:
    token = provider.logout_token(iat=int(time.time()) - 2)
    order_logout(Client(), token)
    log_in(client, provider)

    assert order_logout(Client(), token).status_code == 400
    assert is_logged_in(client)


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "other-client"},
        {"iss": "https://evil.example"},
        {"events": {}},
        {"events": "text"},
        {"events": {LOGOUT_EVENT: None}},
        {"events": None},
        {"nonce": "n"},
        {"jti": None},
        {"jti": 1},
        {"sid": None},
        {"sid": 5},
        {"sid": "x" * 256},
        {"sid": "a\x00"},
        {"exp": 10**20},
        {"exp": 10**400},
        {"iat": -1},
        {"iat": -(10**400)},
        {"sid": "\ud800"},
        {"jti": "\ud800"},
        pytest.param({"exp": int(time.time()) - 60}, id="expired"),
        {"exp": None},
        {"iat": None},
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_logout_token_that_is_not_right(
    client: Client, provider: FakeProvider, wrong: dict[str, Any]
) -> None:
    log_in(client, provider)

    assert order_logout(Client(), provider.logout_token(**wrong)).status_code == 400
    assert is_logged_in(client)


def test_id_token_is_no_logout_token(client: Client, provider: FakeProvider) -> None:
    log_in(client, provider)

    assert order_logout(Client(), provider.id_token()).status_code == 400


DEEP = urlsafe_b64encode(b'{"a":' + b"[" * 9_000).decode()


@pytest.mark.parametrize("token", ["", "abc", "a.b.c", "\x00", "x" * 100_000, f"{DEEP}.b.c"])
def test_logout_token_that_is_none(provider: FakeProvider, token: str) -> None:
    assert order_logout(Client(), token).status_code == 400


def test_logout_token_cannot_be_checked(provider: FakeProvider) -> None:
    provider.answers["/jwks"] = unavailable()

    assert order_logout(Client(), provider.logout_token()).status_code == 503
