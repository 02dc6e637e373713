"""Who must log in, for how long that holds, and when it takes a better login."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse

from portal.core.errors import StrongerLoginNeeded
from portal.identity.oidc.session import LAST_SEEN, current_login
from portal.identity.oidc.step_up import log_in_first, step_up
from portal.identity.sensitive import asked_with

GetResponse = Callable[[HttpRequest], HttpResponse]

NOTICE_SECONDS: Final = 60  # how often activity is written down: not at every request


class SessionLimitMiddleware:
    """Log somebody out who was away for too long (SESSION_IDLE_SECONDS)."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            idle = time.time() - request.session.get(LAST_SEEN, 0)
            if idle > settings.SESSION_IDLE_SECONDS:
                auth.logout(request)
            elif idle > NOTICE_SECONDS:
                request.session[LAST_SEEN] = int(time.time())
        return self._get_response(request)


class LoginStrengthMiddleware:
    """Tells sensitive acts which login is behind the request, and sends who needs a better one."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        login = current_login(request) if request.user.is_authenticated else None
        with asked_with(login):
            return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Called by Django for what a view raised; the API answers for itself before that."""
        return step_up(request, error.demand) if isinstance(error, StrongerLoginNeeded) else None


class LoginMiddleware(LoginRequiredMiddleware):
    """Lets nobody see a page before they logged in, except where ``login_not_required`` says so.

    The API answers a stranger itself.
    """

    def handle_no_permission(  # type: ignore[override]  # to htmx it is no redirect
        self, request: HttpRequest, view_func: object
    ) -> HttpResponse:
        return log_in_first(request)
