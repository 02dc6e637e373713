"""A login that counts for one organisation gives nothing elsewhere, whatever is granted later."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import auth
from django.http import HttpRequest, HttpResponse

from portal.identity.access import acting_within, reaches_outside
from portal.identity.models import Person
from portal.identity.oidc.session import current_login

GetResponse = Callable[[HttpRequest], HttpResponse]


class ConfinedLoginMiddleware:
    """Log somebody out whose roles have grown beyond what their login counts for.

    They may log in for the other organisation then. In the place of others they decide as far as
    the login counts, and stay logged in. Costs a query for such logins only.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        person = request.user
        login = current_login(request)
        confined_to = login.confined_to if login else None
        if not confined_to or not isinstance(person, Person):
            return self._get_response(request)
        if reaches_outside(person, confined_to):
            auth.logout(request)
            return self._get_response(request)
        with acting_within(person, confined_to):
            return self._get_response(request)
