"""Requests as code behind a login sees them, and the one question htmx adds."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails
from rest_framework.request import Request

from portal.identity.models import Person


class PersonRequest(HttpRequest):
    """A request of somebody who is logged in."""

    htmx: HtmxDetails
    user: Person


class ApiRequest(Request):
    """The same, as Django REST framework wraps it."""

    user: Person


def wants_panel(request: PersonRequest) -> bool:
    """True if a fragment is wanted; boosted links and history restores need the whole page."""
    htmx = request.htmx
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request
