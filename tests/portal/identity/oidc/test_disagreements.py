"""Two providers that run, and a portal that holds something else true: each check has to say no.

Nothing is wrong until the provider has sent the browser back; then one thing differs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import jwt.api_jwt
import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from portal.identity.models import Person
from portal.identity.oidc import discovery, transport, validation
from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.transport import Answer
from tests.portal.identity.oidc.conftest import Use
from tests.portal.identity.oidc.fake_provider import public_jwk
from tests.portal.identity.oidc.journey import CLIENTS, LogoutReceiver, Walk

pytestmark = pytest.mark.django_db

USERINFO = ("/userinfo", "/me")  # ours, and the peer's
OTHER = "https://evil.example"


class Scene(Walk):
    """One browser, and what is to differ once it comes back."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._settings = settings
        self._patch = monkeypatch
        self._fetch = transport.fetch
        self.differ: Disagreement | None = None
        self.id_tokens: list[str] = []
        self.response: dict[str, str] = {}
        monkeypatch.setattr(transport, "fetch", self._note_tokens)

    def come_back(self, address: SplitResult) -> HttpResponse:
        if self.differ:
            self.differ(self)
        self._patch.setattr(discovery, "_directories", {})
        query = urlencode({**dict(parse_qsl(address.query)), **self.response})
        return super().come_back(address._replace(query=query))

    @property
    def issuer(self) -> str:
        return str(self._settings.OIDC_PROVIDERS["local"].issuer)

    def agree(self, **changes: Any) -> None:
        local = replace(self._settings.OIDC_PROVIDERS["local"], **changes)
        self._settings.OIDC_PROVIDERS = {"local": local}

    def change_journey(self, **changes: Any) -> None:
        """Of what the session keeps while somebody is away."""
        session = self.client.session
        (journey,) = session["oidc_states"].values()
        journey.update(changes)
        session.save()

    def change_form(self, **changes: str) -> None:
        """Of the token request, on its way."""
        fetch = transport.fetch

        def pass_on(method: str, address: str, **what: Any) -> Answer:
            if what.get("form"):
                what["form"] = {**what["form"], **changes}
            return fetch(method, address, **what)

        self._patch.setattr(transport, "fetch", pass_on)

    def change_answer(self, *paths: str, **changes: Any) -> None:
        fetch = transport.fetch

        def pass_on(method: str, address: str, **what: Any) -> Answer:
            answer = fetch(method, address, **what)
            if not urlsplit(address).path.endswith(paths):
                return answer
            return replace(answer, body=json.dumps({**answer.json_object(), **changes}).encode())

        self._patch.setattr(transport, "fetch", pass_on)

    def set_clock_of_tokens(self, seconds: int) -> None:
        """So much later (or earlier) than it is, for who judges when a token is good."""

        class Moved(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + timedelta(seconds=seconds)

        self._patch.setattr(jwt.api_jwt, "datetime", Moved)

    def set_clock_of_logins(self, seconds: int) -> None:
        """The same, for who judges when somebody logged in."""
        clock = validation.time.time
        moved = SimpleNamespace(time=lambda: clock() + seconds)
        self._patch.setattr(validation, "time", moved)

    def _note_tokens(self, method: str, address: str, **what: Any) -> Answer:
        answer = self._fetch(method, address, **what)
        if address.endswith("/token"):
            self.id_tokens.append(answer.json_object().get("id_token", ""))
        return answer


Disagreement = Callable[[Scene], None]


def agreement(**changes: Any) -> Disagreement:
    return lambda scene: scene.agree(**changes)


def journey(**changes: Any) -> Disagreement:
    return lambda scene: scene.change_journey(**changes)


def response(**changes: str) -> Disagreement:
    return lambda scene: scene.response.update(changes)


def answer(*paths: str, **changes: Any) -> Disagreement:
    return lambda scene: scene.change_answer(*paths, **changes)


def token_for_another_client(scene: Scene) -> None:
    scene.change_form(client_id=CLIENTS["RS256"]["id"])
    scene.agree(client_id="another-client")


def token_of_another_issuer(scene: Scene) -> None:
    """Response and metadata name the issuer that we expect; only the token does not."""
    issuer = scene.issuer
    scene.agree(issuer=f"{issuer}/")
    scene.response["iss"] = f"{issuer}/"
    scene.change_answer("/openid-configuration", issuer=f"{issuer}/")


def token_of_earlier_login(scene: Scene) -> None:
    scene.change_answer("/token", id_token=scene.id_tokens[0])


def changed_token(scene: Scene) -> None:
    header, claims, signature = scene.id_tokens[0].split(".")
    scene.change_answer("/token", id_token=".".join((header, claims[:-4] + "AAAA", signature)))


def login_long_ago(scene: Scene) -> None:
    scene.change_journey(max_age=60)
    scene.set_clock_of_logins(+300)


# What differs, and the code of the refusal (or two, where providers may say more or less).
DISAGREEMENTS: dict[str, tuple[Disagreement, str]] = {
    "client at the token endpoint": (agreement(client_id=CLIENTS["ES256"]["id"]), "login_expired"),
    "client's secret": (agreement(client_secret="x" * 40), "provider_unavailable"),
    "audience": (token_for_another_client, "answer_not_trusted"),
    "algorithm": (agreement(signing_algorithm="ES256"), "answer_not_trusted"),
    "keys": (answer("/jwks", keys=[public_jwk("rs-1")]), "answer_not_trusted"),
    "signature": (changed_token, "answer_not_trusted"),
    "nonce in our session": (journey(nonce="another"), "answer_not_trusted"),
    "nonce in a token that is used again": (token_of_earlier_login, "answer_not_trusted"),
    "verifier of PKCE": (journey(code_verifier="v" * 64), "login_expired"),
    "provider that the journey went to": (journey(provider="second"), "login_expired"),
    "moment that the journey began": (journey(added_on=0), "login_expired"),
    "expiry": (lambda scene: scene.set_clock_of_tokens(+3600), "answer_not_trusted"),
    "time of issue": (lambda scene: scene.set_clock_of_tokens(-3600), "answer_not_trusted"),
    "time of login": (login_long_ago, "assurance_too_low"),
    "level": (journey(level="high"), "assurance_too_low"),
    "meaning of acr": (agreement(assurance={"urn:x": Assurance.HIGH}), "assurance_too_low"),
    # The peer leaves the hash out; its userinfo endpoint then does not know the access token.
    "hash of the access token": (
        answer("/token", access_token="another"),
        "answer_not_trusted provider_unavailable",
    ),
    "subject of userinfo": (answer(*USERINFO, sub="another"), "answer_not_trusted"),
    "issuer of the response": (response(iss=OTHER), "answer_not_trusted"),
    "state of the response": (response(state="another"), "login_expired"),
    "code of the response": (response(code="another"), "login_expired"),
    "issuer in the metadata": (
        answer("/openid-configuration", issuer=OTHER),
        "provider_unavailable",
    ),
    "issuer of the token": (
        lambda scene: (
            scene.agree(issuer=f"{OTHER}/"),  # the metadata say so too: only the token does not
            scene.change_answer("/openid-configuration", issuer=f"{OTHER}/"),
        )[0],
        "answer_not_trusted",
    ),
    "representation": (answer(*USERINFO, represents={"sub": "other"}), "representation_refused"),
    "organisations of the provider": (
        agreement(organizations=("90001354",)),
        "organization_not_vouched_for",
    ),
    "identifier of the organisation": (
        agreement(organization_identifier="kvk_number"),
        "claim_missing",
    ),
}


@pytest.fixture
def scene(use: Use, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(settings, monkeypatch)


@pytest.mark.parametrize(("differ", "codes"), DISAGREEMENTS.values(), ids=DISAGREEMENTS.keys())
def test_what_differs_is_refused(scene: Scene, differ: Disagreement, codes: str) -> None:
    assert scene.log_in("account", "requester").status_code == 302
    scene.client = Client()
    Person.objects.update(name="untouched")
    scene.differ = differ

    page = scene.log_in("account", "requester", "?level=low&max_age=600")

    text = page.content.decode()
    assert any(f'data-code="{code}"' in text for code in codes.split()), text
    assert page.status_code in {400, 403, 503}
    assert "_auth_user_id" not in scene.client.session
    assert Person.objects.get().name == "untouched"


def test_logout_token_of_a_provider_works_once(
    scene: Scene, receiver: LogoutReceiver, use: Use
) -> None:
    scene.log_in("account", "requester")
    scene.log_out()
    (token,) = receiver.tokens

    statuses = [
        Client().post("/login/local/backchannel-logout", {"logout_token": token}).status_code
        for _ in range(2)
    ]

    assert statuses == [200, 400]


def test_logout_token_for_another_client_is_refused(
    scene: Scene, receiver: LogoutReceiver, use: Use
) -> None:
    scene.log_in("account", "requester")
    scene.log_out()
    (token,) = receiver.tokens
    scene.agree(client_id="another-client")

    answer = Client().post("/login/local/backchannel-logout", {"logout_token": token})

    assert answer.status_code == 400
