"""From a request parameter list to a checked ``AuthorizationRequest``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from local.identity_provider.configuration import Client, Configuration
from local.identity_provider.messages import PageRefusal
from local.identity_provider.provider import AuthorizationRequest

S256_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
MAX_AGE: Final = re.compile(r"[0-9]{1,9}")
LONGEST_VALUE: Final = 2000  # characters; state, nonce and the like are far shorter


class AuthorizationRefusal(Exception):
    """A request that is answered at the client's redirect URI (RFC 6749, 4.1.2.1)."""

    def __init__(self, code: str, description: str, *, redirect_uri: str, state: str) -> None:
        super().__init__(description)
        self.code = code
        self.redirect_uri = redirect_uri
        self.state = state


def read_request(
    configuration: Configuration, parameters: Mapping[str, str]
) -> AuthorizationRequest:
    """Check a login request against the client's registration.

    Raises:
        PageRefusal: the client or its redirect URI is unknown, so no redirect is safe.
        AuthorizationRefusal: anything else is wrong.
    """
    client = configuration.clients.get(parameters.get("client_id", ""))
    if client is None:
        raise PageRefusal("Deze toepassing is hier niet bekend (client_id).")
    redirect_uri = parameters.get("redirect_uri", "")
    if redirect_uri not in client.redirect_uris:
        raise PageRefusal("Dit adres hoort niet bij de toepassing (redirect_uri).")
    fault = _fault(parameters)
    if fault:
        code, description = fault
        state = parameters.get("state", "")[:LONGEST_VALUE]
        raise AuthorizationRefusal(code, description, redirect_uri=redirect_uri, state=state)
    return _accepted(client, redirect_uri, parameters)


def _fault(parameters: Mapping[str, str]) -> tuple[str, str] | None:
    """The first thing wrong, as an error code and a sentence for the client's developer."""
    prompt = parameters.get("prompt", "").split()
    for wrong, code, description in (
        (
            any(len(value) > LONGEST_VALUE for value in parameters.values()),
            "invalid_request",
            "a parameter is too long",
        ),
        ("request" in parameters, "request_not_supported", "request objects are not supported"),
        ("request_uri" in parameters, "request_uri_not_supported", "request_uri is not supported"),
        (
            parameters.get("response_type") != "code",
            "unsupported_response_type",
            "response_type must be code",
        ),
        (
            parameters.get("response_mode", "query") != "query",
            "invalid_request",
            "response_mode must be query",
        ),
        (
            "openid" not in parameters.get("scope", "").split(),
            "invalid_scope",
            "scope must contain openid",
        ),
        (
            parameters.get("code_challenge_method") != "S256"
            or not S256_CHALLENGE.fullmatch(parameters.get("code_challenge", "")),
            "invalid_request",
            "PKCE with code_challenge_method S256 is required",
        ),
        (
            "none" in prompt and len(prompt) > 1,
            "invalid_request",
            "prompt none stands alone",
        ),
        (
            not MAX_AGE.fullmatch(parameters.get("max_age", "0")),
            "invalid_request",
            "max_age must be a number of seconds",
        ),
    ):
        if wrong:
            return code, description
    return None


def _accepted(
    client: Client, redirect_uri: str, parameters: Mapping[str, str]
) -> AuthorizationRequest:
    max_age = parameters.get("max_age")
    return AuthorizationRequest(
        client=client,
        redirect_uri=redirect_uri,
        scope=frozenset(parameters["scope"].split()),
        state=parameters.get("state", ""),
        nonce=parameters.get("nonce", ""),
        code_challenge=parameters["code_challenge"],
        prompt=frozenset(parameters.get("prompt", "").split()),
        max_age=None if max_age is None else int(max_age),
        acr_values=tuple(parameters.get("acr_values", "").split()),
    )
