"""What a browser session remembers of the login behind it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest

from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.demand import Demand
from portal.identity.oidc.providers import Provider
from portal.identity.oidc.validation import assurance_of

LOGIN: Final = "login"
ID_TOKEN: Final = "id_token"  # noqa: S105 the name of a session key
LAST_SEEN: Final = "last_seen"
ENDS_AT: Final = "ends_at"  # seconds since 1970; whatever the cookie or the session's row says
CLOCK_LEEWAY_SECONDS: Final = 10


@dataclass(frozen=True, kw_only=True)
class LoginFacts:
    """How the person of this session logged in.

    Attributes:
        provider: key of the provider in our settings.
        issuer, sid: as in the ID token; ``sid`` may be empty.
        subject: as in ``Identity``; never a BSN.
        acr: what the provider said; ``level`` is what that stands for in our settings.
        methods: how the person proved who they are, as the provider says (RFC 8176); empty when
            it does not.
        auth_time: seconds since 1970 at which the person proved who they are.
        issued_at: seconds since 1970 at which the provider made the ID token; 0 without one.
        confined_to: primary key of the only node that the login counts for, None for all.
    """

    provider: str
    issuer: str
    subject: str
    sid: str
    acr: str
    level: int
    auth_time: int
    issued_at: int = 0
    confined_to: int | None = None
    methods: tuple[str, ...] = ()

    @classmethod
    def from_claims(
        cls,
        provider: Provider,
        claims: Mapping[str, Any],
        *,
        subject: str,
        methods: tuple[str, ...] = (),
        confined_to: int | None = None,
    ) -> LoginFacts:
        """Take the facts out of the claims of a validated ID token.

        A provider need not say when the person logged in unless it was asked for a maximum age;
        without ``auth_time`` the login counts as old.
        """
        level = assurance_of(claims, provider)
        auth_time = claims.get("auth_time")
        return cls(
            provider=provider.key,
            issuer=claims["iss"],
            subject=subject,
            sid=claims.get("sid", ""),
            acr=str(claims.get("acr", "")),
            level=int(level or 0),
            auth_time=auth_time if isinstance(auth_time, int) else 0,
            issued_at=int(claims["iat"]),
            confined_to=confined_to,
            methods=methods,
        )

    def meets(self, demand: Demand) -> bool:
        """Is the login strong and fresh enough?"""
        if self.level < demand.level:
            return False
        if demand.max_age is None:
            return True
        return (
            -CLOCK_LEEWAY_SECONDS
            <= time.time() - self.auth_time
            <= (demand.max_age + CLOCK_LEEWAY_SECONDS)
        )


def remember_login(
    request: HttpRequest, facts: LoginFacts, id_token: str, *, expires_at: datetime
) -> None:
    """Write the login in the session, which ends at a fixed time, active or not."""
    request.session[LOGIN] = asdict(facts)
    request.session[ID_TOKEN] = id_token
    request.session[LAST_SEEN] = int(time.time())
    request.session[ENDS_AT] = int(expires_at.timestamp())
    request.session.set_expiry(expires_at)


def current_login(request: HttpRequest) -> LoginFacts | None:
    """The login behind the request, None for a stranger."""
    values = request.session.get(LOGIN)
    if not values:
        return None
    return LoginFacts(**{**values, "methods": tuple(values.get("methods", ()))})  # JSON: a list


def level_of(request: HttpRequest) -> Assurance | None:
    """The level of assurance of the request's login, None for a stranger."""
    login = current_login(request)
    return Assurance(login.level) if login else None
