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
from portal.identity.access import reading_grants_once
from portal.identity.models import SessionEnd
from portal.identity.oidc.session import ENDS_AT, LAST_SEEN, current_login
from portal.identity.oidc.step_up import log_in_first, remember_who_left, step_up
from portal.identity.sensitive import asked_with
from portal.identity.services.removed_providers import is_of_a_known_provider
from portal.identity.services.sessions import end_by_limit, note_activity

GetResponse = Callable[[HttpRequest], HttpResponse]

READING: Final = ("GET", "HEAD")
NOTICE_SECONDS: Final = 60  # how often activity is written down: not at every request
POLL: Final = "X-Cloudloket-Poll"  # set by whatever in a page asks again by the clock


class SessionLimitMiddleware:
    """Ends a session that was not used for too long, or whose time is up, active or not.

    So does one from a provider that the settings no longer have.

    What a page asks by itself keeps nobody logged in: only what the person does counts.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            end = _end_of_session(request)
            if end:
                self._end(request, end)
            elif not _is_poll(request):
                _note_activity(request)
        return self._get_response(request)

    @staticmethod
    def _end(request: HttpRequest, end: SessionEnd) -> None:
        person_id = request.user.pk
        end_by_limit(request.session.session_key, end)
        auth.logout(request)
        remember_who_left(request, person_id)


def _end_of_session(request: HttpRequest) -> SessionEnd | None:
    """Why the session is over; None while it may go on. One that does not say is over."""
    if not is_of_a_known_provider(current_login(request)):
        return SessionEnd.REMOVED
    moment = time.time()
    if moment >= request.session.get(ENDS_AT, 0):
        return SessionEnd.ABSOLUTE
    is_idle = moment - request.session.get(LAST_SEEN, 0) > settings.SESSION_IDLE_SECONDS
    return SessionEnd.IDLE if is_idle else None


def _is_poll(request: HttpRequest) -> bool:
    return request.method == "GET" and POLL in request.headers


def _note_activity(request: HttpRequest) -> None:
    if time.time() - request.session[LAST_SEEN] <= NOTICE_SECONDS:
        return
    if note_activity(str(request.session.session_key)):
        request.session[LAST_SEEN] = int(time.time())
    else:
        auth.logout(request)


class GrantsReadOnceMiddleware:
    """Asks once what roles somebody has who only reads: policies, menu and page all want to know.

    Stands behind the one that confines a login, which decides by what somebody acts. A login is
    read with GET too, and gives roles: it reads them anew.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in READING:
            return self._get_response(request)
        with reading_grants_once():
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
