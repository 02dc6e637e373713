"""A trip to the provider, for a login or for a better one, then back to the same form."""

from __future__ import annotations

import time
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.demand import Demand
from portal.identity.oidc.session import current_login

KEPT: Final = "kept_input"  # session key: what was typed in the form that waits for its person
LEFT_BY: Final = "left_by"  # session key: the person whose session in this browser ran out
KEPT_SECONDS: Final = 30 * 60
LONGEST_KEPT: Final = 64 * 1024  # characters of a form, url-encoded
_NOT_KEPT: Final = ("csrfmiddlewaretoken",)


def step_up(request: HttpRequest, demand: Demand) -> HttpResponse:
    """Send the person to log in again, and afterwards back to the form they sent."""
    login = current_login(request)
    key = login.provider if login and login.provider in settings.OIDC_PROVIDERS else None
    address = reverse(f"identity:start-{key}") if key else reverse("identity:login")
    query = {"level": demand.level.name.lower()}
    if demand.max_age is not None:
        query["max_age"] = str(demand.max_age)
    return _leave(request, address, query)


def log_in_first(request: HttpRequest) -> HttpResponse:
    """Send a stranger to log in, and afterwards back to the page, or to the form they sent."""
    response = _leave(request, reverse("identity:login"), {})
    if KEPT in request.session:
        request.session.set_expiry(KEPT_SECONDS)  # logging in sets another
    return response


def remember_who_left(request: HttpRequest, person_id: int | None) -> None:
    """Note whose session just ran out, for a form of theirs that may still be sent."""
    request.session[LEFT_BY] = person_id
    request.session.set_expiry(KEPT_SECONDS)  # logging in sets another


def _leave(request: HttpRequest, address: str, query: dict[str, str]) -> HttpResponse:
    """Send the browser there. A script may not follow: the provider stands on another origin."""
    page = _page_with_input(request, _keep_input(request))
    destination = f"{address}?{urlencode({'next': page, **query})}"
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(destination)
    return HttpResponseRedirect(destination)


def kept_input(request: HttpRequest, *actions: str) -> QueryDict | None:
    """What the person typed in a form of this page before they had to log in again.

    None when there is nothing, or somebody else typed it in this browser. The form shows it as if
    it had just been typed; nothing was done with it yet.

    Args:
        actions: the addresses that the form is sent to; the page's own when left out.
    """
    kept: dict[str, Any] | None = request.session.get(KEPT)
    token = request.GET.get("kept")
    if not kept or not token or kept["token"] != token or kept["person"] != request.user.pk:
        return None
    if kept["action"] not in (actions or (request.path,)):
        return None
    if kept["at"] < time.time() - KEPT_SECONDS:
        return None
    return QueryDict(kept["form"])


def _keep_input(request: HttpRequest) -> str:
    """Keep the form that was sent, and return the token that finds it; empty without one.

    Of whoever cannot be named nothing is kept: the next in this browser may be somebody else.
    """
    person_id = request.user.pk or request.session.get(LEFT_BY)
    if request.method != "POST" or person_id is None:
        return ""
    form = request.POST.copy()
    for name in _NOT_KEPT:
        form.pop(name, None)
    content = form.urlencode()
    if len(content) > LONGEST_KEPT:
        return ""
    token = uuid4().hex
    request.session[KEPT] = {
        "token": token,
        "person": person_id,
        "action": request.path,
        "form": content,
        "at": int(time.time()),
    }
    return token


def _page_with_input(request: HttpRequest, token: str) -> str:
    """Address of the page where the person goes on, with the token of what was kept.

    A form that does not say where it stood most often stands at its own address. Where that shows
    no page, ``WrongMethodMiddleware`` leads on to the one above, with the token.
    """
    page = _page_said(request)
    if not token:
        return page or page_above(request.path)
    parts = urlsplit(page or request.path)
    query = QueryDict(parts.query, mutable=True)
    query["kept"] = token
    return f"{parts.path}?{query.urlencode()}"


def page_of(request: HttpRequest) -> str:
    """Path of the page that the person sees: of a GET itself, otherwise of where the form was."""
    return _page_said(request) or page_above(request.path)


def _page_said(request: HttpRequest) -> str:
    """That page, as far as the browser tells; empty when it does not, or names another site."""
    if request.method in {"GET", "HEAD"} and not request.headers.get("HX-Request"):
        return request.get_full_path()
    origin = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    try:
        parts = urlsplit(origin)
    except ValueError:  # half an address in brackets, say: a header is whatever somebody sends
        return ""
    page = f"{parts.path}?{parts.query}" if parts.query else parts.path
    is_ours = f"{parts.scheme}://{parts.netloc}" == f"{request.scheme}://{request.get_host()}"
    return page if is_ours and is_safe_path(page) else ""


def page_above(path: str) -> str:
    """The nearest page above an address, for browsers that do not say where a form stood."""
    while "/" in path.strip("/"):
        path = path.rstrip("/").rpartition("/")[0]
        try:
            resolve(path)
        except Http404:
            continue
        return path
    return "/"


def is_safe_path(address: str) -> bool:
    """True for a path on our own site, so that nobody is sent elsewhere after logging in."""
    return address.startswith("/") and url_has_allowed_host_and_scheme(address, allowed_hosts=None)


def read_demand(level: str, max_age: str) -> Demand | None:
    """The demand that ``step_up`` wrote in an address; None when there is none, or it is garbled.

    Nothing is lost if somebody changes it: the act itself checks the session again.
    """
    try:
        return Demand(
            level=Assurance.named(level), max_age=int(max_age[:6]) if max_age.isdecimal() else None
        )
    except ValueError:
        return None
