"""Every failure there is, with all that is logged and shown: no token, no code, no claim."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from portal.identity.models import Organization
from tests.portal.identity.oidc.fake_provider import (
    ACCESS_TOKEN,
    FakeProvider,
    come_back,
    log_in,
    start,
)
from tests.portal.identity.oidc.journey import ROOT
from tests.portal.identity.oidc.test_refused_logins import (
    AGES,
    CLAIMS,
    NO_ANSWER,
    NOT_TRUSTED,
    SIGNED_USERINFO,
    Change,
    has,
)

pytestmark = pytest.mark.django_db

CODE = "code-that-nobody-may-read"
CLIENT_SECRET = "secret-that-nobody-may-read"
PERSON = ("sanne@example.nl", "Sanne Wiersma", "person-1", "session-1")
CLAIM_CHANGES = {name: change for name, (change, _code) in CLAIMS.items()}
SIGNED = {
    f"signed userinfo {name}": (change, has(signs_userinfo=True))
    for name, change in SIGNED_USERINFO.items()
}
FAILURES: dict[str, tuple[Change, ...]] = {
    **{name: (change,) for name, change in (NOT_TRUSTED | NO_ANSWER | CLAIM_CHANGES).items()},
    **SIGNED,
}


@pytest.fixture
def told(
    ministry: Organization,
    provider: FakeProvider,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[Callable[[], str]]:
    """Everything that was logged, at every level."""
    caplog.set_level(logging.DEBUG)
    local = replace(settings.OIDC_PROVIDERS["local"], client_secret=CLIENT_SECRET)
    settings.OIDC_PROVIDERS = {"local": local}
    with tokens_of(provider) as tokens:

        def check() -> str:
            text = caplog.text
            for secret in (*tokens, CODE, CLIENT_SECRET, ACCESS_TOKEN, provider.nonce, *PERSON):
                assert not secret or secret not in text, secret
            return text

        yield check


@contextmanager
def tokens_of(provider: FakeProvider) -> Iterator[list[str]]:
    """The signature part of every token that the provider makes; the rest stands in no other."""
    made: list[str] = []
    sign = provider.sign

    def note(claims: dict[str, Any]) -> str:
        token = sign(claims)
        made.extend(part for part in token.split(".")[1:] if part)
        return token

    provider.sign = note  # type: ignore[method-assign]
    yield made


@pytest.mark.parametrize("changes", FAILURES.values(), ids=FAILURES.keys())
def test_failure(
    client: Client, provider: FakeProvider, told: Callable[[], str], changes: tuple[Change, ...]
) -> None:
    for change in changes:
        change(provider)

    state = start(client, provider)["state"]
    page = come_back(client, state, code=CODE).content.decode()

    assert "login failed: " in told()
    for secret in (CODE, state, CLIENT_SECRET, ACCESS_TOKEN, provider.nonce, *PERSON):
        assert secret not in page


@pytest.mark.parametrize("auth_time", [value for value, _ in AGES.values()], ids=AGES.keys())
def test_failed_step_up(
    client: Client, provider: FakeProvider, told: Callable[[], str], auth_time: Any
) -> None:
    provider.changes["auth_time"] = auth_time

    log_in(client, provider, "?level=low&max_age=900")

    assert "login failed: " in told()


@pytest.mark.parametrize(
    "changes",
    [{"error": "access_denied"}, {"error": CODE}, {"iss": "https://evil.example"}, {"code": ""}],
    ids=["cancelled", "made-up error", "other issuer", "no code"],
)
def test_failed_response(
    client: Client, provider: FakeProvider, told: Callable[[], str], changes: dict[str, str]
) -> None:
    state = start(client, provider)["state"]

    page = come_back(client, state, **{"code": CODE, **changes}).content.decode()

    assert "login failed: " in told()
    assert state not in page
    assert CODE not in page


def test_login_and_logout_that_succeed(
    client: Client, provider: FakeProvider, told: Callable[[], str]
) -> None:
    come_back(client, start(client, provider)["state"], code=CODE)
    token = provider.logout_token(jti="another")
    client.post("/login/local/backchannel-logout", {"logout_token": token})
    client.post("/login/local/backchannel-logout", {"logout_token": token})

    assert "logout by local ended 1 sessions" in told()
    assert "logout by local refused: used" in told()


def test_nor_does_the_proxy_write_the_question_of_an_address() -> None:
    """The answer of a provider is a question to us: it stands there, with the code."""
    text = (ROOT / "deploy" / "nginx" / "cloudloket.conf").read_text()
    (written,) = re.findall(r"log_format cloudloket ([^;]*);", text)

    logs = re.findall(r"access_log ([^;]*);", text)
    assert [log.split()[1:] for log in logs] == [["cloudloket"]] * text.count("server {")
    assert "$uri" in written
    tells = r"\$(request\b|request_uri|args|query_string|is_args|arg_|http_|cookie_)"
    assert not re.search(tells, written)
