"""The way in for emergencies. It does not exist unless the settings say so."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from portal.core.errors import DomainError
from portal.identity.break_glass import BACKEND, emergency_facts
from portal.identity.entrance import enter
from portal.identity.services.break_glass import (
    ATTEMPT_WINDOW,
    TERM,
    TooManyAttempts,
    log_in_with_password,
)

LONGEST_PASSWORD: Final = 100  # characters, with whatever was typed between them


@login_not_required
@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def emergency_login(request: HttpRequest) -> HttpResponse:
    """Type a password that somebody issued on the server."""
    if not settings.BREAK_GLASS:
        raise Http404
    if request.method != "POST":
        return render(request, "identity/break_glass.html")
    try:
        _log_in(request, request.POST.get("password", "")[:LONGEST_PASSWORD])
    except DomainError as refusal:
        return _refused(request, refusal)
    return redirect(settings.LOGIN_REDIRECT_URL)


def _log_in(request: HttpRequest, password: str) -> None:
    person = log_in_with_password(password)
    earlier_key = request.session.session_key
    request.session.flush()
    auth.login(request, person, backend=BACKEND)
    enter(request, emergency_facts(), earlier_key=earlier_key, lasts=TERM)


def _refused(request: HttpRequest, refusal: DomainError) -> HttpResponse:
    context = {"error": refusal}
    response = render(request, "identity/break_glass.html", context, status=refusal.http_status)
    if isinstance(refusal, TooManyAttempts):
        response.headers["Retry-After"] = str(round(ATTEMPT_WINDOW.total_seconds()))
    return response
