"""The provider's memory: who is logged in, which codes and tokens are out."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from local.identity_provider.accounts import Account, read_accounts
from local.identity_provider.configuration import Client, Configuration
from local.identity_provider.keys import KeyRing
from local.identity_provider.kinds import KINDS
from local.identity_provider.store import Store

SESSION_SECONDS: Final = 8 * 3600
INTERACTION_SECONDS: Final = 600
CODE_SECONDS: Final = 60
TOKEN_SECONDS: Final = 300


@dataclass(frozen=True, kw_only=True)
class AuthorizationRequest:
    """A checked request for a login (OpenID Connect Core 1.0, 3.1.2.1).

    Attributes:
        max_age: seconds the login may be old, None for any age.
        acr_values: levels of assurance that would do; empty for any.
    """

    client: Client
    redirect_uri: str
    scope: frozenset[str]
    state: str
    nonce: str
    code_challenge: str
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Session:
    """One person logged in with one browser.

    Attributes:
        acr: the level of that login.
        sid: what clients know it by; never the cookie's value.
        auth_time: seconds since 1970 of the latest login.
        clients: ids of the clients that got a code in this session.
    """

    account: Account
    auth_time: int
    acr: str
    sid: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    clients: set[str] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a code stands for, and later the access token that was given for it."""

    request: AuthorizationRequest
    account: Account
    sid: str
    auth_time: int
    acr: str


@dataclass(frozen=True, kw_only=True)
class LogoutRequest:
    """A checked request to log out; ``return_to`` is empty when we show our own page."""

    return_to: str
    state: str


class Provider:
    """Configuration, keys and memory together; the endpoints are functions of it."""

    def __init__(self, configuration: Configuration) -> None:
        """Read accounts and keys.

        Raises:
            ConfigurationError: one of the files cannot be used.
            OSError: the keys cannot be read or written.
        """
        self.configuration = configuration
        self.kind = KINDS[configuration.kind]
        self.accounts = read_accounts(configuration.accounts_file or self.kind.accounts_file)
        self.keys = KeyRing.open(configuration.home / "keys")
        self.logins: Store[AuthorizationRequest] = Store(seconds=INTERACTION_SECONDS)
        self.logouts: Store[LogoutRequest] = Store(seconds=INTERACTION_SECONDS)
        self.sessions: Store[Session] = Store(seconds=SESSION_SECONDS)
        self.codes: Store[Grant] = Store(seconds=CODE_SECONDS)
        self.access_tokens: Store[Grant] = Store(seconds=TOKEN_SECONDS)

    @property
    def issuer(self) -> str:
        return self.configuration.issuer

    @property
    def path(self) -> str:
        """Stands before the path of every page."""
        return self.configuration.path

    @property
    def session_cookie(self) -> str:
        """Name of the cookie.

        Cookies know no ports, and on one machine the portal's are sent here too: a long name. Nor
        does the path tell two issuers' apart, where one path begins with the other.
        """
        return f"identity_provider_session{self.path.replace('/', '_')}"

    def cookie(self, value: str, *, attributes: str = "") -> str:
        """The header that sets it. No Secure: we speak plain http on the loopback address."""
        path = f"{self.path}/"
        return f"{self.session_cookie}={value}; Path={path}; HttpOnly; SameSite=Lax{attributes}"

    def session_of(self, cookies: Mapping[str, str]) -> Session | None:
        return self.sessions.find(cookies.get(self.session_cookie, ""))


def now() -> int:
    """Seconds since 1970, as tokens write time (RFC 7519, NumericDate)."""
    return int(time.time())
