"""The pages for what went wrong: what happened, what did not happen, what to do now."""

from __future__ import annotations

import logging
import secrets

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader

from portal.core.problem import API_PREFIX, problem_of_status

logger = logging.getLogger(__name__)
_REFERENCE_ALPHABET = "ACDEFGHJKMNPQRTUVWXY34679"  # no letters or digits that sound or look alike


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "403.html", status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was open too long, or came from another site. Nothing was saved."""
    logger.warning("csrf check failed on %s: %s", request.path, reason)
    return render(request, "403_csrf.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """The last page that still works: no database, no session, no context processors.

    Its reference number is in the log beside the traceback that Django wrote just before.
    """
    reference = make_reference()
    logger.error("reference %s: server error on %s %s", reference, request.method, request.path)
    if request.path_info.startswith(API_PREFIX):
        return problem_of_status(500, instance=f"urn:cloudloket:{reference}")
    html = loader.get_template("500.html").render({"reference": reference})
    return HttpResponse(html, status=500)


def make_reference() -> str:
    """Return a number that a person can read aloud to a helpdesk, such as ``CL-7F3K-29AC``."""
    letters = "".join(secrets.choice(_REFERENCE_ALPHABET) for _position in range(8))
    return f"CL-{letters[:4]}-{letters[4:]}"
