"""What clients may read about the provider (OpenID Connect Discovery 1.0)."""

from __future__ import annotations

from local.identity_provider.configuration import SIGNING_ALGORITHMS
from local.identity_provider.messages import Request, Response, json_response
from local.identity_provider.provider import Provider

EVERY_SCOPE = frozenset({"openid", "profile", "email"})
MAY_BE_KEPT = {"Cache-Control": "public, max-age=300"}


def describe(provider: Provider, _request: Request) -> Response:
    issuer = provider.issuer
    document = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "end_session_endpoint": f"{issuer}/logout",
        "scopes_supported": sorted(EVERY_SCOPE),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(SIGNING_ALGORITHMS),
        "userinfo_signing_alg_values_supported": list(SIGNING_ALGORITHMS),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "acr_values_supported": list(provider.kind.levels),
        "claims_supported": [
            *("sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "amr", "nonce", "sid"),
            *sorted(_claims_of_people(provider)),
        ],
        "prompt_values_supported": ["none", "login", "select_account"],
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
    return json_response(document, headers=MAY_BE_KEPT)


def _claims_of_people(provider: Provider) -> set[str]:
    people = provider.accounts.values()
    return {name for person in people for name in provider.kind.claims(person, EVERY_SCOPE)}


def list_keys(provider: Provider, _request: Request) -> Response:
    return json_response({"keys": provider.keys.public_keys()}, headers=MAY_BE_KEPT)


def report_health(_provider: Provider, _request: Request) -> Response:
    return Response(body=b"ok\n")
