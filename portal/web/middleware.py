"""What every page says to caches and to htmx, and to who asks for it in another way."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers

from portal.core.locks import RETRY_AFTER_SECONDS, is_about_busy_rows
from portal.core.problem import API_PREFIX
from portal.identity.oidc.step_up import page_above, page_of

logger = logging.getLogger(__name__)


class HtmxVaryMiddleware:
    """Says that one address answers with a page or a panel, depending on who asks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        patch_vary_headers(response, ["HX-Request"])
        return response


class BusyMiddleware:
    """Says that others kept something locked for too long; the API says so for itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Called by Django for what a view raised."""
        if not is_about_busy_rows(error):
            return None
        logger.warning("busy on %s %s: %s", request.method, request.path, error)
        page = render(request, "503.html", {"page": page_of(request)}, status=503)
        page.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return page


class WrongMethodMiddleware:
    """Shows a page where a view knows no such method, such as the address of a form's answer.

    Who logged in to send such a form again comes back to its page, with what they typed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_wrong_method = response.status_code == HTTPStatus.METHOD_NOT_ALLOWED
        if not is_wrong_method or request.path_info.startswith(API_PREFIX):
            return response
        above = page_above(request.path)
        if request.method == "GET" and "kept" in request.GET:
            return redirect(f"{above}?{urlencode({'kept': request.GET['kept']})}")
        page: HttpResponse = render(request, "405.html", {"page_above": above}, status=405)
        page.headers["Allow"] = response.headers["Allow"]
        return page
