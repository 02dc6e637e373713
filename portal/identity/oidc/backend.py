"""The library's backend, bound to one provider for each login, with all validation replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language
from mozilla_django_oidc.auth import OIDCAuthenticationBackend
from mozilla_django_oidc.utils import import_from_settings

from portal.identity.models import Person
from portal.identity.oidc import transport
from portal.identity.oidc.claims import find_subject, read_login, read_methods
from portal.identity.oidc.client_authentication import with_credentials
from portal.identity.oidc.demand import Demand
from portal.identity.oidc.discovery import Directory, directory_of
from portal.identity.oidc.errors import (
    GIVES_NOTHING,
    AnswerNotTrusted,
    LoginExpired,
    LoginFailure,
    ProviderUnavailable,
)
from portal.identity.oidc.providers import Provider
from portal.identity.oidc.session import LoginFacts
from portal.identity.oidc.validation import (
    validate_id_token,
    validate_signed_userinfo,
    validate_userinfo,
)
from portal.identity.services.failed_logins import record_failed_login
from portal.identity.services.logins import log_in, take_back_claims


@dataclass(kw_only=True)
class LoginAttempt:
    """One journey to a provider and back; the callback view hands it to the backend.

    Attributes:
        demand: what the login must be worth.
        facts, id_token: filled in by the backend when the login is accepted; no ID token that
            may hold a BSN.
    """

    provider: Provider
    demand: Demand
    facts: LoginFacts | None = None
    id_token: str = ""


class OidcRequest(HttpRequest):
    """A request that is the end of a login."""

    login_attempt: LoginAttempt


def setting_of(provider: Provider, name: str, *default: Any) -> Any:
    """The library's setting ``name`` as this provider needs it, else Django's."""
    own = {
        "OIDC_RP_CLIENT_ID": provider.client_id,
        "OIDC_RP_CLIENT_SECRET": provider.client_secret,
        "OIDC_RP_SIGN_ALGO": provider.signing_algorithm,
        "OIDC_RP_SCOPES": provider.scope,
        "OIDC_AUTHENTICATION_CALLBACK_URL": f"identity:callback-{provider.key}",
        "OIDC_USE_PKCE": True,
        "OIDC_PKCE_CODE_CHALLENGE_METHOD": "S256",
        "OIDC_USE_NONCE": True,
    }
    return own[name] if name in own else import_from_settings(name, *default)


def callback_address(provider: Provider) -> str:
    """Where the provider sends people back: fixed, whatever host the request was made to."""
    path = reverse(f"identity:callback-{provider.key}")
    return f"{settings.PUBLIC_URL.origin}{path}"


class OidcBackend(OIDCAuthenticationBackend):  # type: ignore[misc]  # the library has no types
    """Exchanges the code, validates what comes back, and turns it into a person.

    Raises, from ``authenticate``, a ``LoginFailure`` for everything that is not right.
    """

    attempt: LoginAttempt
    directory: Directory
    request: OidcRequest

    def __init__(self) -> None:
        # The library reads one provider's settings here. Django makes a backend for each request
        # that needs its user, so nothing may happen until a login names its provider.
        self.UserModel = get_user_model()
        self._access_token = ""

    def authenticate(self, request: OidcRequest | None, **credentials: Any) -> Person | None:
        attempt = getattr(request, "login_attempt", None)
        if attempt is None:
            return None
        self._bind(attempt)
        person: Person | None = super().authenticate(request, **credentials)
        return person

    def get_settings(self, attr: str, *args: Any) -> Any:
        return setting_of(self.attempt.provider, attr, *args)

    def get_user(self, user_id: int) -> Person | None:
        """The person of a session; a blocked person has none, from the next request on."""
        return Person.objects.filter(pk=user_id, is_active=True).first()

    def get_token(self, payload: dict[str, str]) -> dict[str, Any]:
        """Exchange the code for tokens.

        Raises:
            LoginExpired: the provider does not know the code (any more).
            ProviderUnavailable: it refuses us as a client, or answers with nonsense.
        """
        provider = self.attempt.provider
        form, basic = with_credentials(
            {**payload, "redirect_uri": callback_address(provider)},
            way=provider.client_authentication,
            client_id=provider.client_id,
            secret=provider.client_secret,
            audience=provider.issuer,
        )
        answer = self._fetch("POST", self.OIDC_OP_TOKEN_ENDPOINT, form=form, basic=basic)
        tokens = answer.json_object()
        if answer.status == 400 and tokens.get("error") == "invalid_grant":
            raise LoginExpired("token endpoint: invalid_grant")
        if answer.status != 200:
            raise ProviderUnavailable(f"token endpoint: status {answer.status}")
        for name in ("id_token", "access_token"):
            if not isinstance(tokens.get(name), str):
                raise ProviderUnavailable(f"token endpoint: no usable {name}")
        if not tokens["access_token"].isascii():  # RFC 6749, A.12
            raise ProviderUnavailable("token endpoint: no usable access_token")
        self._access_token = tokens["access_token"]
        return tokens

    def verify_token(self, token: str, **kwargs: Any) -> dict[str, Any]:
        return validate_id_token(
            token,
            provider=self.attempt.provider,
            find_key=self.directory.signing_key,
            nonce=kwargs.get("nonce") or "",
            access_token=self._access_token,
            demand=self.attempt.demand,
        )

    def get_userinfo(
        self, access_token: str, id_token: str, payload: dict[str, Any]
    ) -> dict[str, Any]:
        """Claims about the same person; none when the provider has no userinfo endpoint."""
        if not self.OIDC_OP_USER_ENDPOINT:
            return {}
        answer = self._fetch(
            "GET", self.OIDC_OP_USER_ENDPOINT, headers={"Authorization": f"Bearer {access_token}"}
        )
        if answer.status != 200:
            raise ProviderUnavailable(f"userinfo endpoint: status {answer.status}")
        if answer.headers.get("Content-Type", "").lower().startswith("application/jwt"):
            claims = self._signed_userinfo(answer.body)
        else:
            claims = answer.json_object()
        validate_userinfo(claims, subject=payload["sub"])
        return claims

    def get_or_create_user(
        self, access_token: str, id_token: str, payload: dict[str, Any]
    ) -> Person:
        """Key on issuer and subject, never on e-mail as the library does.

        The ID token's claims win over those of userinfo, which may be unsigned.
        """
        claims = {**self.get_userinfo(access_token, id_token, payload), **payload}
        provider = self.attempt.provider
        try:
            login = read_login(
                provider,
                claims,
                language=(get_language() or "nl")[:2],
                methods=read_methods(provider, payload),
            )
            outcome = log_in(login)
        except LoginFailure as failure:
            subject = find_subject(provider, claims)
            record_failed_login(
                provider_key=provider.key,
                code=failure.code,
                status=failure.http_status,
                issuer=provider.issuer,
                subject=subject,
            )
            if isinstance(failure, GIVES_NOTHING):
                take_back_claims(provider_key=provider.key, issuer=provider.issuer, subject=subject)
            raise
        self.attempt.facts = LoginFacts.from_claims(
            provider,
            payload,
            subject=login.subject,
            methods=login.methods,
            confined_to=outcome.confined_to,
        )
        self.attempt.id_token = id_token if provider.keeps_id_token else ""
        return outcome.person

    def store_tokens(self, access_token: str, id_token: str) -> None:
        """Not here: logging in may replace the session. The callback view keeps what is needed."""

    def _fetch(self, method: str, address: str, **what: Any) -> transport.Answer:
        """Ask the provider, and with mTLS show our certificate: the access token is bound to it."""
        provider = self.attempt.provider
        return transport.fetch(
            method,
            address,
            certificate=provider.client_certificate,
            authority=provider.certificate_authority,
            **what,
        )

    def _signed_userinfo(self, body: bytes) -> dict[str, Any]:
        try:
            token = body.decode("ascii")
        except UnicodeDecodeError as error:
            raise AnswerNotTrusted("userinfo is not a token") from error
        return validate_signed_userinfo(
            token, provider=self.attempt.provider, find_key=self.directory.signing_key
        )

    def _bind(self, attempt: LoginAttempt) -> None:
        self.attempt = attempt
        self.directory = directory_of(attempt.provider)
        metadata = self.directory.metadata()
        self.OIDC_OP_TOKEN_ENDPOINT = metadata.token_endpoint
        self.OIDC_OP_USER_ENDPOINT = metadata.userinfo_endpoint
        self.OIDC_RP_CLIENT_ID = attempt.provider.client_id
        self.OIDC_RP_CLIENT_SECRET = attempt.provider.client_secret
