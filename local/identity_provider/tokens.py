"""The token and userinfo endpoints."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from typing import Any
from urllib.parse import unquote_plus

from local.identity_provider.configuration import Client, Configuration
from local.identity_provider.messages import (
    NO_STORE,
    JsonRefusal,
    Request,
    Response,
    json_response,
)
from local.identity_provider.provider import TOKEN_SECONDS, Grant, Provider, now


def give_tokens(provider: Provider, request: Request) -> Response:
    """Exchange a code, once, for an ID token and an access token (RFC 6749, 4.1.3)."""
    client = _authenticated_client(provider.configuration, request)
    fields = request.parameters
    if fields.get("grant_type") != "authorization_code":
        raise JsonRefusal("unsupported_grant_type", "grant_type must be authorization_code")
    grant = provider.codes.take(fields.get("code", ""))
    if (
        grant is None
        or grant.request.client.id != client.id
        or grant.request.redirect_uri != fields.get("redirect_uri")
        or not _fits(fields.get("code_verifier", ""), grant.request.code_challenge)
    ):
        raise JsonRefusal("invalid_grant", "the code is unknown, used, expired or not yours")
    access_token = provider.access_tokens.add(grant)
    return json_response(
        {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": " ".join(sorted(grant.request.scope)),
            "id_token": _id_token(provider, grant, access_token),
        }
    )


def give_userinfo(provider: Provider, request: Request) -> Response:
    """Claims about the person, as JSON or as a signed JWT, whichever the client registered."""
    scheme, _, access_token = request.authorization.partition(" ")
    grant = provider.access_tokens.find(access_token) if scheme.lower() == "bearer" else None
    if grant is None:
        raise JsonRefusal(
            "invalid_token",
            "the access token is unknown or has expired",
            status=401,
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
    client = grant.request.client
    claims = {"sub": grant.account.sub, **provider.kind.claims(grant.account, grant.request.scope)}
    if not client.userinfo_signed:
        return json_response(claims)
    signed = {"iss": provider.issuer, "aud": client.id, **claims}
    token = provider.keys.sign(signed, algorithm=client.signing_algorithm)
    return Response(body=token.encode(), content_type="application/jwt", headers=NO_STORE)


def _authenticated_client(configuration: Configuration, request: Request) -> Client:
    """Accept ``client_secret_basic`` or ``client_secret_post``, and not both at once."""
    basic = request.authorization.lower().startswith("basic ")
    if basic and "client_secret" in request.parameters:
        raise JsonRefusal("invalid_request", "use one way to authenticate the client")
    if basic:
        name, secret = _basic_credentials(request.authorization[6:])
    else:
        name = request.parameters.get("client_id", "")
        secret = request.parameters.get("client_secret", "")
    client = configuration.clients.get(name)
    if client is None or not secrets.compare_digest(client.secret.encode(), secret.encode()):
        headers = {"WWW-Authenticate": "Basic"} if basic else {}
        raise JsonRefusal("invalid_client", "unknown client or secret", status=401, headers=headers)
    return client


def _basic_credentials(encoded: str) -> tuple[str, str]:
    """Both parts are form-encoded before they are joined (RFC 6749, 2.3.1)."""
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(name), unquote_plus(secret)


def _fits(verifier: str, challenge: str) -> bool:
    """Does the PKCE verifier belong to the S256 challenge (RFC 7636, 4.6)?"""
    digest = hashlib.sha256(verifier.encode()).digest()
    return secrets.compare_digest(_base64url(digest), challenge)


def _id_token(provider: Provider, grant: Grant, access_token: str) -> str:
    client = grant.request.client
    claims: dict[str, Any] = {
        "iss": provider.issuer,
        "sub": grant.account.sub,
        "aud": client.id,
        "exp": now() + TOKEN_SECONDS,
        "auth_time": grant.auth_time,
        "acr": grant.acr,
        "amr": ["user"],  # a press of a button, and no more (RFC 8176, 2)
        "sid": grant.sid,
        "jti": secrets.token_urlsafe(16),
        # Left half of the hash that the algorithm uses, here always SHA-256 (Core, 3.1.3.6).
        "at_hash": _base64url(hashlib.sha256(access_token.encode()).digest()[:16]),
    }
    if grant.request.nonce:
        claims["nonce"] = grant.request.nonce
    return provider.keys.sign(claims, algorithm=client.signing_algorithm)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
