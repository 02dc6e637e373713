"""Logging in and out, with the library's views for the journey to the provider and back."""

from __future__ import annotations

import logging
import time
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from django.views.generic import View
from mozilla_django_oidc.views import (
    OIDCAuthenticationCallbackView,
    OIDCAuthenticationRequestView,
    OIDCLogoutView,
)

from portal.audit.services import is_refusal_noted
from portal.identity.access import reading_grants_anew
from portal.identity.entrance import enter
from portal.identity.oidc.backend import (
    LoginAttempt,
    OidcRequest,
    callback_address,
    setting_of,
)
from portal.identity.oidc.claims import read_ordered_subject
from portal.identity.oidc.demand import Demand
from portal.identity.oidc.discovery import directory_of
from portal.identity.oidc.errors import (
    AnswerNotTrusted,
    AssuranceTooLow,
    ClaimMissing,
    LoginCanceled,
    LoginExpired,
    LoginFailure,
    LoginRefusedByProvider,
    ProviderUnavailable,
)
from portal.identity.oidc.logout import comes_from_logout
from portal.identity.oidc.providers import Provider
from portal.identity.oidc.step_up import is_safe_path, read_demand
from portal.identity.oidc.validation import validate_logout_token
from portal.identity.requests import PersonRequest
from portal.identity.services.failed_logins import record_failed_login, record_refused_logout
from portal.identity.services.sessions import LogoutTokenUsed, log_out, log_out_by_provider

log = logging.getLogger(__name__)

LONGEST_JOURNEY_SECONDS: Final = 15 * 60
LONGEST_PATH: Final = 2000  # characters
PASSED_ON: Final = ("next", "level", "max_age")  # from the login page to the provider's start
JOURNEYS: Final = "oidc_states"  # the library's own session key: state -> what it keeps of it


@login_not_required
@never_cache
@require_GET
def login_page(request: HttpRequest) -> HttpResponse:
    """All providers to choose from; a single one is gone to at once, but not after logging out."""
    query = urlencode({name: request.GET[name] for name in PASSED_ON if name in request.GET})
    if request.user.is_authenticated and "level" not in request.GET:
        return redirect(_next_path(request))
    choices = [
        {
            "name": _in_language(provider.names),
            "description": _in_language(provider.descriptions),
            "address": f"{reverse(f'identity:start-{provider.key}')}?{query}",
        }
        for provider in settings.OIDC_PROVIDERS.values()
    ]
    is_logged_out = comes_from_logout(request)
    if len(choices) == 1 and not is_logged_out:
        return redirect(choices[0]["address"])
    context = {"choices": choices, "is_logged_out": is_logged_out}
    return render(request, "identity/login.html", context)


@method_decorator(login_not_required, name="dispatch")
class StartView(OIDCAuthenticationRequestView):  # type: ignore[misc]  # the library has no types
    """Send the browser to the provider."""

    provider: Provider
    demand: Demand

    def __init__(self, **initkwargs: Any) -> None:
        View.__init__(self, **initkwargs)  # the library reads one provider's settings here

    @method_decorator(never_cache)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.provider = settings.OIDC_PROVIDERS[kwargs.pop("provider_key")]
        try:
            response: HttpResponse = super().dispatch(request)
        except LoginFailure as failure:
            return _failure_page(request, failure, self.provider, try_again=request.get_full_path())
        return response

    def get(self, request: HttpRequest) -> HttpResponse:
        wanted = read_demand(request.GET.get("level", ""), request.GET.get("max_age", ""))
        self.demand = wanted or Demand(level=self.provider.minimum_assurance)
        if not self.provider.acr_values(self.demand.level):
            raise AssuranceTooLow("no acr value of the provider reaches the level")
        metadata = directory_of(self.provider).metadata()
        self.OIDC_OP_AUTH_ENDPOINT = metadata.authorization_endpoint
        self.OIDC_RP_CLIENT_ID = self.provider.client_id
        response: HttpResponseRedirect = super().get(request)
        state = parse_qs(urlsplit(response.url).query)["state"][0]
        request.session[JOURNEYS][state].update(
            provider=self.provider.key,
            next=_next_path(request),
            level=self.demand.level.name.lower(),
            max_age=self.demand.max_age,
        )
        return response

    def get_settings(self, attr: str, *args: Any) -> Any:
        return setting_of(self.provider, attr, *args)

    def get_extra_params(self, request: HttpRequest) -> dict[str, str]:
        parameters = {
            "redirect_uri": callback_address(self.provider),
            "acr_values": " ".join(self.provider.acr_values(self.demand.level)),
        }
        if self.demand.max_age is not None:
            parameters["max_age"] = str(self.demand.max_age)
        return parameters


@method_decorator(login_not_required, name="dispatch")
class CallbackView(OIDCAuthenticationCallbackView):  # type: ignore[misc]  # as above
    """The browser comes back from the provider."""

    provider: Provider
    journey: dict[str, Any] | None

    @method_decorator(never_cache)
    def dispatch(self, request: OidcRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.provider = settings.OIDC_PROVIDERS[kwargs.pop("provider_key")]
        self.journey = None
        try:
            response: HttpResponse = super().dispatch(request)
        except LoginFailure as failure:
            return _failure_page(request, failure, self.provider, try_again=self._same_journey())
        return response

    def get(self, request: OidcRequest) -> HttpResponse:
        self._check_issuer(request)
        self.journey = journey = self._find_journey(request)
        if "error" in request.GET:
            del request.session[JOURNEYS][request.GET["state"]]
            request.session.modified = True
            raise _refusal(request.GET["error"])
        demand = read_demand(journey["level"], str(journey["max_age"]))
        request.login_attempt = LoginAttempt(
            provider=self.provider,
            demand=demand or Demand(level=self.provider.minimum_assurance),
        )
        with reading_grants_anew():
            response: HttpResponse = super().get(request)
        return response

    def get_settings(self, attr: str, *args: Any) -> Any:
        return setting_of(self.provider, attr, *args)

    @property
    def success_url(self) -> str:
        return str(self.journey["next"]) if self.journey else settings.LOGIN_REDIRECT_URL

    def login_success(self) -> HttpResponse:
        """As the library, but the session always gets a new key and remembers the login.

        The library leaves the session of who was logged in already as it is, for the sake of forms
        in other tabs; so do we, unless this very login ended it.
        """
        attempt = self.request.login_attempt
        facts = attempt.facts
        earlier_key = self.request.session.session_key
        session = self.request.session
        if (
            self.request.user == self.user
            and session.get(auth.HASH_SESSION_KEY) == self.user.get_session_auth_hash()
        ):
            session.cycle_key()
        else:
            auth.login(self.request, self.user)
        response: HttpResponse = super().login_success()
        enter(self.request, facts, id_token=attempt.id_token, earlier_key=earlier_key)
        return response

    def login_failure(self) -> HttpResponse:
        raise LoginExpired("callback without a code")

    def _find_journey(self, request: HttpRequest) -> dict[str, Any]:
        """What was kept when this browser left for this provider, and not too long ago."""
        journeys = request.session.get(JOURNEYS, {})
        journey: dict[str, Any] | None = journeys.get(request.GET.get("state", ""))
        if journey is None or journey.get("provider") != self.provider.key:
            raise LoginExpired("state is unknown here")
        if journey["added_on"] < time.time() - LONGEST_JOURNEY_SECONDS:
            raise LoginExpired("state is too old")
        return journey

    def _same_journey(self) -> str:
        """Where to start again for the same page and, when somebody steps up, the same demand."""
        if self.journey is None:
            return reverse("identity:login")
        query = {name: self.journey[name] for name in PASSED_ON if self.journey[name] is not None}
        return f"{reverse(f'identity:start-{self.provider.key}')}?{urlencode(query)}"

    def _check_issuer(self, request: HttpRequest) -> None:
        """Mix-up defence (RFC 9207): the answer names its issuer, if the provider does that."""
        issuer = request.GET.get("iss")
        if issuer is None and not directory_of(self.provider).metadata().says_issuer_in_response:
            return
        if issuer is None or not constant_time_compare(issuer, self.provider.issuer):
            raise AnswerNotTrusted("response is from another issuer")


@method_decorator(login_not_required, name="dispatch")
class LogoutView(OIDCLogoutView):  # type: ignore[misc]  # as above
    """End the session here, then at the provider."""

    http_method_names = ["post"]

    def post(self, request: PersonRequest) -> HttpResponse:
        person_id, session_key = request.user.pk, request.session.session_key
        response: HttpResponse = super().post(request)
        if person_id is not None:
            log_out(person_id, session_key=session_key)
        return response

    def get_settings(self, attr: str, *args: Any) -> Any:
        if attr == "OIDC_OP_LOGOUT_URL_METHOD":
            return "portal.identity.oidc.logout.address_after_logout"
        return super().get_settings(attr, *args)


@login_not_required
@csrf_exempt  # comes from the provider, not from a browser; the token's signature proves it
@never_cache
@require_POST
def back_channel_logout(request: HttpRequest, provider_key: str) -> HttpResponse:
    """End the sessions that the provider ended (OpenID Connect Back-Channel Logout 1.0, 2.5)."""
    provider = settings.OIDC_PROVIDERS[provider_key]
    try:
        order = validate_logout_token(
            request.POST.get("logout_token", ""),
            provider=provider,
            find_key=directory_of(provider).signing_key,
        )
        subject = read_ordered_subject(provider, order.subject)
        if not subject and not order.sid:
            raise AnswerNotTrusted("logout token names nobody that is known by it")
        ended = log_out_by_provider(
            issuer=provider.issuer,
            subject=subject or "",
            sid=order.sid,
            token_id=order.token_id,
            issued_at=order.issued_at,
            expires_at=order.expires_at,
        )
    except (AnswerNotTrusted, ClaimMissing, LogoutTokenUsed) as refusal:
        log.warning("logout by %s refused: %s", provider.key, getattr(refusal, "reason", "used"))
        record_refused_logout(provider_key=provider.key, code=refusal.code)
        return JsonResponse({"error": "invalid_request", "code": refusal.code}, status=400)
    except ProviderUnavailable as failure:
        log.warning("logout by %s not checked: %s", provider.key, failure.reason)
        return JsonResponse({"error": "temporarily_unavailable"}, status=503)
    log.info("logout by %s ended %d sessions", provider.key, ended)
    return HttpResponse(status=200)


def _next_path(request: HttpRequest) -> str:
    path = request.GET.get("next", "")
    return path if len(path) <= LONGEST_PATH and is_safe_path(path) else settings.LOGIN_REDIRECT_URL


def _in_language(texts: Any) -> str:
    return str(texts.get((get_language() or "nl")[:2]) or texts["nl"])


def _refusal(error: str) -> LoginFailure:
    """What the provider's error code (RFC 6749, 4.1.2.1) means for the person."""
    if error == "access_denied":
        return LoginCanceled()
    if error in {"server_error", "temporarily_unavailable"}:
        return ProviderUnavailable(error)
    return LoginRefusedByProvider("error at the authorization endpoint")


def _failure_page(
    request: HttpRequest, failure: LoginFailure, provider: Provider, *, try_again: str
) -> HttpResponse:
    """Say why nobody was logged in, and what to do.

    Args:
        try_again: address that starts the login anew.
    """
    log.warning("login failed: %s %s", failure.code, failure.reason)
    if not is_refusal_noted():  # which happens as soon as it is known who it was
        record_failed_login(
            provider_key=provider.key, code=failure.code, status=failure.http_status
        )
    context = {
        "failure": failure,
        "is_logged_in": request.user.is_authenticated,
        "try_again": try_again,
    }
    # The address of this page may hold a code and a state; the footer must not repeat it.
    request.return_path = reverse("identity:login")  # type: ignore[attr-defined]
    return render(request, "identity/login_failed.html", context, status=failure.http_status)
