"""An identity provider at the edge of the network, which can be told to lie."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.http import HttpResponse
from django.test import Client
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from portal.identity.oidc.errors import ProviderUnavailable
from portal.identity.oidc.transport import Answer

ISSUER = "http://127.0.0.1:8002"
CLIENT_ID = "cloudloket"
SUBSTANTIAL = "http://eidas.europa.eu/LoA/substantial"
LOW = "http://eidas.europa.eu/LoA/low"
MINISTRY_OIN = "00000001003214345000"
ACCESS_TOKEN = "access-token-of-the-fake-provider"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@cache
def private_key(name: str) -> Any:
    """One key a name for the whole run; names that start with "es" are elliptic curves."""
    if name.startswith("es"):
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(name: str, **extra: str) -> dict[str, Any]:
    public = private_key(name).public_key()
    algorithm = ECAlgorithm if name.startswith("es") else RSAAlgorithm
    return {**algorithm.to_jwk(public, as_dict=True), "kid": name, "use": "sig", **extra}


class FakeProvider:
    """Stands in for ``transport.fetch``. Change what it says before logging in.

    Attributes:
        changes: claims to set in the ID token; None leaves a claim out.
        headers: more headers of every token.
        userinfo: the whole answer of the userinfo endpoint.
        answers: path -> something else to answer there (an Answer, or an exception to raise).
        asked: every (method, path, form) so far.
    """

    def __init__(self) -> None:
        self.algorithm = "RS256"
        self.key = "rs-1"
        self.published = [public_jwk("rs-1"), public_jwk("es-1")]
        self.kid: str | None = "rs-1"
        self.headers: dict[str, Any] = {}
        self.signs_userinfo = False
        self.metadata: dict[str, Any] = {"authorization_response_iss_parameter_supported": True}
        self.changes: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {
            "sub": "person-1",
            "name": "Sanne Wiersma",
            "email": "sanne@example.nl",
            "organization_oin": MINISTRY_OIN,
            "cloudloket_roles": ["requester@waterregistratie"],
        }
        self.nonce = ""
        self.answers: dict[str, Answer | Exception] = {}
        self.asked: list[tuple[str, str, Mapping[str, str]]] = []

    def fetch(
        self,
        method: str,
        address: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        basic: tuple[str, str] | None = None,
        certificate: tuple[str, str] | None = None,
        authority: str = "",
    ) -> Answer:
        path = urlsplit(address).path
        self.asked.append((method, path, form or {}))
        other = self.answers.get(path)
        if isinstance(other, Exception):
            raise other
        return other or self._routes()[path]()

    def _routes(self) -> dict[str, Callable[[], Answer]]:
        return {
            "/.well-known/openid-configuration": lambda: answer(self._document()),
            "/jwks": lambda: answer({"keys": self.published}),
            "/token": lambda: answer({"access_token": ACCESS_TOKEN, "id_token": self.id_token()}),
            "/userinfo": self._userinfo_answer,
        }

    def _document(self) -> dict[str, Any]:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "userinfo_endpoint": f"{ISSUER}/userinfo",
            "jwks_uri": f"{ISSUER}/jwks",
            "end_session_endpoint": f"{ISSUER}/logout",
            **self.metadata,
        }

    def _userinfo_answer(self) -> Answer:
        if not self.signs_userinfo:
            return answer(self.userinfo)
        token = self.sign({"iss": ISSUER, "aud": CLIENT_ID, **self.userinfo})
        headers = {"Content-Type": "application/jwt"}
        return Answer(status=200, headers=headers, body=token.encode())

    def id_token(self) -> str:
        half = hashlib.sha256(ACCESS_TOKEN.encode()).digest()[:16]
        claims = {
            "iss": ISSUER,
            "sub": "person-1",
            "aud": CLIENT_ID,
            "exp": int(time.time()) + 300,
            "iat": int(time.time()),
            "auth_time": int(time.time()),
            "nonce": self.nonce,
            "acr": SUBSTANTIAL,
            "sid": "session-1",
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
            **self.changes,
        }
        return self.sign({name: value for name, value in claims.items() if value is not None})

    def logout_token(self, **changes: Any) -> str:
        claims = {
            "iss": ISSUER,
            "aud": CLIENT_ID,
            "iat": int(time.time()),
            "exp": int(time.time()) + 120,
            "jti": "logout-1",
            "sid": "session-1",
            "events": {LOGOUT_EVENT: {}},
            **changes,
        }
        return self.sign({name: value for name, value in claims.items() if value is not None})

    def sign(self, claims: dict[str, Any]) -> str:
        headers = self.headers | ({} if self.kid is None else {"kid": self.kid})
        if self.algorithm == "none":
            return jwt.encode(claims, None, algorithm="none", headers=headers)
        if self.algorithm == "HS256":
            return jwt.encode(claims, "s" * 64, algorithm="HS256", headers=headers)
        key = private_key(self.key)
        return jwt.encode(claims, key, algorithm=self.algorithm, headers=headers)


def answer(value: Any, *, status: int = 200, **headers: str) -> Answer:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Answer(status=status, headers=headers, body=body)


def start(client: Client, provider: FakeProvider, query: str = "") -> dict[str, str]:
    """Leave for the provider; returns the parameters that it got."""
    response = client.get(f"/login/local{query}")
    assert response.status_code == 302, response.content
    parameters = {
        name: values[0] for name, values in parse_qs(urlsplit(response["Location"]).query).items()
    }
    provider.nonce = parameters["nonce"]
    return parameters


def come_back(client: Client, state: str, **changes: str) -> HttpResponse:
    parameters = {"code": "code-1", "state": state, "iss": ISSUER, **changes}
    return client.get("/login/local/callback", parameters)  # type: ignore[return-value]


def log_in(client: Client, provider: FakeProvider, query: str = "") -> HttpResponse:
    return come_back(client, start(client, provider, query)["state"])


def unavailable() -> ProviderUnavailable:
    return ProviderUnavailable("POST: ReadTimeout")
