"""What every page says to caches and to htmx, and to who asks for it in another way."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers

from portal.core.problem import API_PREFIX
from portal.identity.oidc.step_up import page_above


class HtmxVaryMiddleware:
    """Says that one address answers with a page or a panel, depending on who asks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        patch_vary_headers(response, ["HX-Request"])
        return response


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
