"""Where somebody is logged in: their own list, and that of an operator who helps them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from portal.core.formats import duration
from portal.core.origin import network_name
from portal.identity.access import (
    endable_sessions,
    own_sessions,
    people_to_log_out,
    sessions_in_reach,
)
from portal.identity.devices import device_in_words
from portal.identity.models import LoginSession, Person
from portal.identity.oidc.assurance import Assurance
from portal.identity.requests import PersonRequest
from portal.identity.services.sessions import end_other_sessions, end_session
from portal.identity.views.wording import LEVEL_NAMES, provider_name

ENDED_SHOWN: Final = 20  # the newest; the rest is older than most people remember


@dataclass(frozen=True, kw_only=True)
class SessionRow:
    """A session as people read it. ``place``: the network's name, empty when it has none."""

    session: LoginSession
    device: str
    place: str
    provider: str
    level: str
    is_this_one: bool


@require_safe
def session_list(request: PersonRequest) -> HttpResponse:
    """The person's own sessions, this one first, and those that ended lately."""
    sessions = own_sessions(request.user)
    living = _rows(sessions.filter(ended_at=None), request.session.session_key)
    ended = sessions.filter(ended_at__isnull=False).order_by("-ended_at", "-pk")
    context = {
        "living": living,
        "ended": _rows(ended[:ENDED_SHOWN], None),
        "idle_limit": duration(timedelta(seconds=settings.SESSION_IDLE_SECONDS)),
        "absolute_limit": duration(_longest(living)),
    }
    return render(request, "identity/sessions.html", context)


@require_POST
def session_end(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """End one of one's own. Of this one the next page is a stranger's: the login page."""
    session = get_object_or_404(own_sessions(request.user), public_id=public_id)
    is_this_one = session.session_key == request.session.session_key
    end_session(public_id, actor=request.user)
    if is_this_one:
        request.session.flush()
        return _see("identity:login")
    messages.success(request, _("That session has ended."))
    return _see("identity:sessions")


@require_POST
def session_end_others(request: PersonRequest) -> HttpResponse:
    """Log out everywhere else."""
    count = end_other_sessions(request.user, session_key=str(request.session.session_key))
    text = ngettext("%d other session has ended.", "%d other sessions have ended.", count) % count
    messages.success(request, text if count else _("You were logged in nowhere else."))
    return _see("identity:sessions")


@require_safe
def person_sessions(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Where somebody is logged in, for an operator who reaches them."""
    person = _reached(request, public_id)
    sessions = endable_sessions(request.user).filter(identity__person=person)
    context = {"person": person, "living": _rows(sessions, request.session.session_key)}
    return render(request, "identity/person_sessions.html", context)


@require_POST
def person_session_end(request: PersonRequest, public_id: UUID, session_id: UUID) -> HttpResponse:
    """End a session of somebody else. Asks for a strong and fresh login."""
    person = _reached(request, public_id)
    sessions = sessions_in_reach(request.user).filter(identity__person=person)
    session = get_object_or_404(sessions, public_id=session_id)
    end_session(session.public_id, actor=request.user)
    messages.success(request, _("That session has ended."))
    return redirect("identity:person-sessions", public_id=public_id)


def _reached(request: PersonRequest, public_id: UUID) -> Person:
    return get_object_or_404(people_to_log_out(request.user), public_id=public_id)


def _rows(sessions: Iterable[LoginSession], current_key: str | None) -> list[SessionRow]:
    """In the order given, but the session with ``current_key`` first."""
    rows = [_row(session, current_key) for session in sessions]
    return [row for row in rows if row.is_this_one] + [row for row in rows if not row.is_this_one]


def _row(session: LoginSession, current_key: str | None) -> SessionRow:
    return SessionRow(
        session=session,
        device=device_in_words(session.agent),
        place=network_name(session.address),
        provider=provider_name(session.provider),
        level=str(LEVEL_NAMES[Assurance(session.level)]) if session.level else "",
        is_this_one=session.session_key is not None and session.session_key == current_key,
    )


def _longest(living: Sequence[SessionRow]) -> timedelta:
    """How long this session may last: less than others when it began with emergency access."""
    for row in living:
        if row.is_this_one:
            return row.session.expires_at - row.session.created_at
    return timedelta(seconds=settings.SESSION_COOKIE_AGE)


def _see(route: str) -> HttpResponse:
    return HttpResponseRedirect(reverse(route), status=HTTPStatus.SEE_OTHER)
