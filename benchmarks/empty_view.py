"""All addresses of the portal, and one at which nothing happens."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.urls import path

from portal import urls

EMPTY: Final = "/empty"


def empty(request: HttpRequest) -> HttpResponse:
    """For whoever is logged in, as any page."""
    return HttpResponse()


urlpatterns = [path(EMPTY.removeprefix("/"), empty), *urls.urlpatterns]
