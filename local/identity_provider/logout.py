"""Logging out: asked for by a client, and passed on to every client of the session."""

from __future__ import annotations

import secrets
import sys
import urllib.error
import urllib.request
from typing import Final
from urllib.parse import urlencode

import jwt

from local.identity_provider import pages
from local.identity_provider.configuration import Client
from local.identity_provider.messages import PageRefusal, Request, Response, redirect
from local.identity_provider.provider import (
    LogoutRequest,
    Provider,
    Session,
    now,
)

LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_TOKEN_SECONDS: Final = 120
NOTIFY_TIMEOUT_SECONDS: Final = 3


def end_session(provider: Provider, request: Request) -> Response:
    """End the session at once if the client proves it is its own, else ask the person first.

    Source: OpenID Connect RP-Initiated Logout 1.0, 2.
    """
    hint = _read_hint(provider, request.parameters.get("id_token_hint", ""))
    logout = _checked(provider, request, hint_audience=hint.get("aud", ""))
    session = provider.session_of(request.cookies)
    if session and hint.get("sid") != session.sid:
        return pages.logout_page(provider, interaction=provider.logouts.add(logout))
    return _end(provider, request, logout)


def answer_logout_page(provider: Provider, request: Request) -> Response:
    logout = provider.logouts.take(request.parameters.get("interaction", ""))
    if logout is None:
        raise PageRefusal("Deze pagina is verlopen. Log opnieuw uit.")
    return _end(provider, request, logout)


def notify_clients(provider: Provider, session: Session) -> None:
    """Tell every client of the session that it has ended (Back-Channel Logout 1.0, 2.5).

    A client that does not answer is reported in the log; the logout itself goes on.
    """
    for client_id in sorted(session.clients):
        client = provider.configuration.clients[client_id]
        if client.backchannel_logout_uri:
            _notify(client, _logout_token(provider, client, session))


def _read_hint(provider: Provider, token: str) -> dict[str, str]:
    if not token:
        return {}
    try:
        return dict(provider.keys.verify(token, issuer=provider.issuer))
    except jwt.InvalidTokenError as error:
        raise PageRefusal("De toepassing vroeg op een verkeerde manier om uitloggen.") from error


def _checked(provider: Provider, request: Request, *, hint_audience: str) -> LogoutRequest:
    fields = request.parameters
    client_id = fields.get("client_id", hint_audience)
    return_to = fields.get("post_logout_redirect_uri", "")
    client = provider.configuration.clients.get(client_id)
    if hint_audience and client_id != hint_audience:
        raise PageRefusal("De toepassing noemt zich anders dan bij het inloggen (client_id).")
    if return_to and (client is None or return_to not in client.post_logout_redirect_uris):
        raise PageRefusal("Dit adres hoort niet bij de toepassing (post_logout_redirect_uri).")
    return LogoutRequest(return_to=return_to, state=fields.get("state", ""))


def _end(provider: Provider, request: Request, logout: LogoutRequest) -> Response:
    session = provider.sessions.take(request.cookies.get(provider.session_cookie, ""))
    if session:
        notify_clients(provider, session)
    forget = provider.cookie("", attributes="; Max-Age=0")
    if not logout.return_to:
        return pages.logged_out_page(provider, cookie=forget)
    state = {"state": logout.state} if logout.state else {}
    return redirect(logout.return_to, state, cookie=forget)


def _logout_token(provider: Provider, client: Client, session: Session) -> str:
    claims = {
        "iss": provider.issuer,
        "aud": client.id,
        "sub": session.account.sub,
        "sid": session.sid,
        "exp": now() + LOGOUT_TOKEN_SECONDS,
        "jti": secrets.token_urlsafe(16),
        "events": {LOGOUT_EVENT: {}},
    }
    return provider.keys.sign(claims, algorithm=client.signing_algorithm, typ="logout+jwt")


def _notify(client: Client, token: str) -> None:
    body = urlencode({"logout_token": token}).encode()
    call = urllib.request.Request(client.backchannel_logout_uri, data=body)  # noqa: S310 configured
    try:
        with urllib.request.urlopen(call, timeout=NOTIFY_TIMEOUT_SECONDS):  # noqa: S310 as above
            pass
    except (urllib.error.URLError, OSError) as error:
        print(f"back-channel logout of {client.id}: {error}", file=sys.stderr, flush=True)
