"""Acts that ask for a stronger or fresher login than the session has: one more trip, then back."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRedirect

from portal.core.errors import DomainError
from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.demand import Demand
from portal.identity.oidc.session import current_login

Arguments = ParamSpec("Arguments")
Request = TypeVar("Request", bound=HttpRequest)


class StrongerLoginNeeded(DomainError):
    """For programs, which cannot be sent to a login page and back."""

    code = "assurance_required"
    http_status = 403
    message = _("Log in again, with a means that is strong enough, to do this.")


def meets(request: HttpRequest, demand: Demand) -> bool:
    """Is the login behind the request strong and fresh enough? A stranger's never is."""
    login = current_login(request)
    return login is not None and login.meets(demand)


def check_assurance(request: HttpRequest, demand: Demand | None = None) -> None:
    """Refuse unless the login is good enough; for the API.

    Args:
        demand: ``settings.SENSITIVE_LOGIN`` when left out.

    Raises:
        StrongerLoginNeeded: it is not.
    """
    if not meets(request, demand or settings.SENSITIVE_LOGIN):
        raise StrongerLoginNeeded()


def require_assurance(
    demand: Demand | None = None,
) -> Callable[
    [Callable[Concatenate[Request, Arguments], HttpResponse]],
    Callable[Concatenate[Request, Arguments], HttpResponse],
]:
    """Decorate a view: without a good enough login the person steps up and comes back.

    Args:
        demand: ``settings.SENSITIVE_LOGIN`` when left out, read at each request.
    """

    def decorate(
        view: Callable[Concatenate[Request, Arguments], HttpResponse],
    ) -> Callable[Concatenate[Request, Arguments], HttpResponse]:
        @wraps(view)
        def guarded(
            request: Request, /, *args: Arguments.args, **kwargs: Arguments.kwargs
        ) -> HttpResponse:
            wanted = demand or settings.SENSITIVE_LOGIN
            if meets(request, wanted):
                return view(request, *args, **kwargs)
            return step_up(request, wanted)

        return guarded

    return decorate


def step_up(request: HttpRequest, demand: Demand) -> HttpResponse:
    """Send the person to log in again, and afterwards back to the page they are on."""
    login = current_login(request)
    key = login.provider if login and login.provider in settings.OIDC_PROVIDERS else None
    address = reverse(f"identity:start-{key}") if key else reverse("identity:login")
    query = {"next": page_of(request), "level": demand.level.name.lower()}
    if demand.max_age is not None:
        query["max_age"] = str(demand.max_age)
    destination = f"{address}?{urlencode(query)}"
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(destination)
    return HttpResponseRedirect(destination)


def page_of(request: HttpRequest) -> str:
    """Path of the page that the person sees: of a GET itself, otherwise of where the form was."""
    if request.method == "GET" and not request.headers.get("HX-Request"):
        return request.get_full_path()
    origin = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    parts = urlsplit(origin)
    page = f"{parts.path}?{parts.query}" if parts.query else parts.path
    is_ours = f"{parts.scheme}://{parts.netloc}" == f"{request.scheme}://{request.get_host()}"
    return page if is_ours and is_safe_path(page) else "/"


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
