"""Is this token what it must be? Pure checks, all of them; the library as shipped does few.

Sources: OpenID Connect Core 1.0, 3.1.3.7 (ID token) and 5.3.4 (userinfo); Back-Channel Logout
1.0, 2.6; NL GOV Assurance profile for OpenID Connect 1.0.1, client duties.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

import jwt
from django.utils.crypto import constant_time_compare

from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.demand import Demand
from portal.identity.oidc.errors import AnswerNotTrusted, AssuranceTooLow
from portal.identity.oidc.providers import Provider

LEEWAY_SECONDS: Final = 10  # between the provider's clock and ours
OLDEST_TOKEN_SECONDS: Final = 600
LONGEST_TOKEN: Final = 16 * 1024  # characters
LONGEST_ORDER_SECONDS: Final = 24 * 3600  # a logout token lives for minutes
LATEST_TIME: Final = 2**53  # seconds since 1970; the largest number that every program counts to
LONGEST_SUBJECT: Final = 255  # characters (Core, 2)
LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"

KeyFinder = Callable[[Mapping[str, Any]], jwt.PyJWK]


@dataclass(frozen=True, kw_only=True)
class LogoutOrder:
    """A checked logout token: end the session ``sid``, or all of ``subject`` without one."""

    token_id: str
    subject: str
    sid: str
    issued_at: int
    expires_at: int


def validate_id_token(
    token: str,
    *,
    provider: Provider,
    find_key: KeyFinder,
    nonce: str,
    access_token: str,
    demand: Demand,
) -> dict[str, Any]:
    """Return the claims of an ID token that is ours, fresh, and strong enough.

    Raises:
        AnswerNotTrusted: a check failed.
        AssuranceTooLow: the token is good, but its ``acr`` does not reach the demand.
        ProviderUnavailable: the signing keys cannot be fetched.
    """
    claims = _decode(
        token,
        provider,
        find_key,
        required=("iss", "sub", "aud", "exp", "iat"),
        types=("jwt",),
    )
    _check_audience(claims, provider.client_id)
    _check_subject(claims)
    if not nonce or not _is_same(claims.get("nonce"), nonce):
        raise AnswerNotTrusted("nonce differs")
    if "at_hash" in claims and claims["at_hash"] != at_hash(access_token):
        raise AnswerNotTrusted("at_hash differs")
    if claims["iat"] < time.time() - OLDEST_TOKEN_SECONDS:
        raise AnswerNotTrusted("token was issued long ago")
    _check_age(claims, demand.max_age)
    level = assurance_of(claims, provider)
    if level is None or level < max(demand.level, provider.minimum_assurance):
        raise AssuranceTooLow("acr is unknown" if level is None else f"acr is {level.name}")
    return claims


def validate_userinfo(claims: Mapping[str, Any], *, subject: str) -> None:
    """Check that userinfo is about the person of the ID token (Core, 5.3.2).

    Raises:
        AnswerNotTrusted: it is about somebody else, or does not say.
    """
    if not _is_same(claims.get("sub"), subject):
        raise AnswerNotTrusted("userinfo is about another subject")


def validate_signed_userinfo(
    token: str, *, provider: Provider, find_key: KeyFinder
) -> dict[str, Any]:
    """Return the claims of a userinfo answer that is a JWT (Core, 5.3.2).

    Raises:
        AnswerNotTrusted: a check failed.
    """
    claims = _decode(
        token, provider, find_key, required=("iss", "sub", "aud"), types=("jwt", "userinfo+jwt")
    )
    _check_audience(claims, provider.client_id)
    return claims


def validate_logout_token(token: str, *, provider: Provider, find_key: KeyFinder) -> LogoutOrder:
    """Return what a logout token orders.

    Raises:
        AnswerNotTrusted: a check failed.
    """
    claims = _decode(
        token,
        provider,
        find_key,
        required=("iss", "aud", "iat", "exp", "jti", "events"),
        types=("jwt", "logout+jwt"),
    )
    _check_audience(claims, provider.client_id)
    events = claims["events"]
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise AnswerNotTrusted("not a logout token")
    if "nonce" in claims:
        raise AnswerNotTrusted("a logout token has no nonce")
    subject, sid = claims.get("sub", ""), claims.get("sid", "")
    texts = (subject, sid, claims["jti"])
    if not all(is_short_text(text) for text in texts):
        raise AnswerNotTrusted("logout token holds something that is not a short text")
    if claims["exp"] > time.time() + LONGEST_ORDER_SECONDS:
        raise AnswerNotTrusted("logout token lives too long")
    if not subject and not sid:
        raise AnswerNotTrusted("logout token names nobody")
    return LogoutOrder(
        token_id=claims["jti"],
        subject=subject,
        sid=sid,
        issued_at=int(claims["iat"]),
        expires_at=int(claims["exp"]),
    )


def assurance_of(claims: Mapping[str, Any], provider: Provider) -> Assurance | None:
    """The level that the token's ``acr`` stands for, None when the provider's settings say none.

    The settings may name another claim than ``acr``.
    """
    value: Any = claims
    for name in provider.claims.assurance:
        value = value.get(name) if isinstance(value, Mapping) else None
    return provider.assurance.get(value) if isinstance(value, str) else None


def at_hash(access_token: str) -> str:
    """Left half of the SHA-256 of the access token; all accepted algorithms use SHA-256."""
    digest = hashlib.sha256(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def _decode(
    token: str,
    provider: Provider,
    find_key: KeyFinder,
    *,
    required: tuple[str, ...],
    types: tuple[str, ...],
) -> dict[str, Any]:
    """Signature, algorithm, type, issuer, audience, times; the rest is the caller's.

    The algorithm is compared before a key is looked up, so ``none`` and ``HS256`` never meet one.
    """
    if len(token) > LONGEST_TOKEN:
        raise AnswerNotTrusted("token is too long")
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") != provider.signing_algorithm:
            raise AnswerNotTrusted("algorithm is not the agreed one")
        if _type_of(header) not in types:
            raise AnswerNotTrusted("token is of another type")
        claims: dict[str, Any] = jwt.decode(
            token,
            find_key(header),
            algorithms=[provider.signing_algorithm],
            audience=provider.client_id,
            issuer=provider.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": list(required)},
        )
    except (jwt.PyJWTError, TypeError, ValueError, OverflowError, RecursionError) as error:
        # The last four: a time that is a list, half a character, 1e400, a thousand levels deep.
        raise AnswerNotTrusted(type(error).__name__) from error
    if not all(_is_time(claims[name]) for name in ("exp", "iat", "nbf") if name in claims):
        raise AnswerNotTrusted("a time is no number, or no time")
    return claims


def _type_of(header: Mapping[str, Any]) -> str:
    """What the token says it is, so that none serves as another (RFC 8725, 3.11)."""
    return str(header.get("typ", "JWT")).lower().removeprefix("application/")


def _is_time(value: object) -> bool:
    """Seconds since 1970, as a number; the library also accepts text that looks like one.

    None that is too large to reckon with, as JSON allows.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value <= LATEST_TIME  # type: ignore[operator]  # a number


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    """For us alone: no other audience is trusted, and no other party may have asked for it."""
    if claims["aud"] not in (client_id, [client_id]):
        raise AnswerNotTrusted("audience holds others")
    if claims.get("azp", client_id) != client_id:
        raise AnswerNotTrusted("authorized party is another client")


def _check_subject(claims: Mapping[str, Any]) -> None:
    subject = claims["sub"]
    if not subject or not is_short_text(subject):
        raise AnswerNotTrusted("subject is empty or too long")
    if not is_short_text(claims.get("sid", "")):
        raise AnswerNotTrusted("session id is not a short text")


def is_short_text(value: object) -> TypeGuard[str]:
    """Something that can be stored as a name of somebody."""
    return isinstance(value, str) and len(value) <= LONGEST_SUBJECT and value.isprintable()


def _is_same(value: object, expected: str) -> bool:
    """Compare text in constant time; half a character, which JSON allows, equals nothing."""
    return is_short_text(value) and constant_time_compare(value, expected)


def _check_age(claims: Mapping[str, Any], max_age: int | None) -> None:
    """A provider that was asked for a maximum age must say when the person logged in.

    One that was not asked may say it, and nobody logs in tomorrow: that would stay fresh for long.
    """
    auth_time = claims.get("auth_time")
    if auth_time is None and max_age is None:
        return
    if not isinstance(auth_time, int) or not _is_time(auth_time):
        raise AnswerNotTrusted("auth_time is missing")
    if auth_time > time.time() + LEEWAY_SECONDS:
        raise AnswerNotTrusted("auth_time has yet to come")
    if max_age is not None and auth_time < time.time() - max_age - LEEWAY_SECONDS:
        raise AssuranceTooLow("login is too old")
