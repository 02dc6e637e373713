"""Which path and method lead to which endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from local.identity_provider import login, logout, metadata, pages, tokens
from local.identity_provider.messages import (
    NO_STORE,
    JsonRefusal,
    PageRefusal,
    Request,
    Response,
    json_response,
)
from local.identity_provider.provider import Provider

Endpoint = Callable[[Provider, Request], Response]

ROUTES: Final[Mapping[str, Mapping[str, Endpoint]]] = {
    "/.well-known/openid-configuration": {"GET": metadata.describe},
    "/jwks": {"GET": metadata.list_keys},
    "/authorize": {"GET": login.authorize, "POST": login.authorize},
    "/login": {"POST": login.answer_login_page},
    "/token": {"POST": tokens.give_tokens},
    "/userinfo": {"GET": tokens.give_userinfo, "POST": tokens.give_userinfo},
    "/logout": {"GET": logout.end_session, "POST": logout.end_session},
    "/logout/confirm": {"POST": logout.answer_logout_page},
    "/style.css": {"GET": pages.stylesheet},
    "/health": {"GET": metadata.report_health},
}


def find_endpoint(path: str, method: str) -> Endpoint:
    """Return the endpoint.

    Raises:
        PageRefusal: 404 for an unknown path, 405 for a method that it does not take.
    """
    methods = ROUTES.get(path)
    if methods is None:
        raise PageRefusal("Deze pagina bestaat niet.", status=404)
    if method not in methods:
        allow = {"Allow": ", ".join(methods)}
        raise PageRefusal("Dit kan hier niet.", status=405, headers=allow)
    return methods[method]


def refusal_response(provider: Provider, refusal: PageRefusal | JsonRefusal) -> Response:
    """Turn a refusal into the answer that the one who asked can read."""
    if isinstance(refusal, JsonRefusal):
        body = {"error": refusal.code, "error_description": str(refusal)}
        return json_response(body, status=refusal.status, headers={**NO_STORE, **refusal.headers})
    return pages.refusal_page(
        provider, str(refusal), status=refusal.status, headers=refusal.headers
    )
