"""Refused acts of people who are logged in: written down once, here, whatever view refused them.

A service that writes its own refusal, with what it was about, is not repeated.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from portal.audit.refusals import record_counted_refusal
from portal.audit.services import Subject, noting_refusals
from portal.core.errors import DomainError, InvalidInput, StrongerLoginNeeded
from portal.core.problem import MEDIA_TYPE
from portal.identity.access import workplace_id
from portal.identity.models import Person

_REFUSED_BY_ROLE: Final = "permission_denied"


@dataclass
class _Refusal:
    """What is known of why a request is refused."""

    act: str = ""  # the sensitive act that was asked for
    code: str = ""


@dataclass(frozen=True)
class Page:
    """What was asked for, where only its address tells."""

    public_id: UUID


_current: ContextVar[_Refusal | None] = ContextVar("refusal of this request", default=None)


def note_refusal(act: str, error: DomainError | StrongerLoginNeeded) -> None:
    """Remember that a sensitive act was refused, until the request is over.

    Also when a stronger login is all that it takes: whoever has a stolen session stops there.
    """
    refusal = _current.get()
    if refusal is None:
        return
    is_about_input = isinstance(error, DomainError) and (
        isinstance(error, InvalidInput) or error.field is not None
    )
    if not is_about_input:
        refusal.act, refusal.code = act, error.code


class RefusalTrailMiddleware:
    """Writes an audit entry for a 403, and for a sensitive act that was refused."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        refusal = _Refusal()
        token = _current.set(refusal)
        try:
            with noting_refusals() as written:
                response = self._get_response(request)
                if not written:
                    _write(request, response, refusal)
        finally:
            _current.reset(token)
        return response


def _write(request: HttpRequest, response: HttpResponse, refusal: _Refusal) -> None:
    code = refusal.code or _code_of(response)
    if not code:
        return
    person = getattr(request, "user", None)
    if not isinstance(person, Person):
        return
    match = request.resolver_match
    data = {"method": request.method, "route": match.view_name if match else ""}
    if refusal.act:
        data["act"] = refusal.act
    record_counted_refusal(
        "access.refused",
        _subject(request, person),
        actor=person,
        node_id=workplace_id(person),
        code=code,
        data=data,
    )


def _code_of(response: HttpResponse) -> str:
    """Why it is a 403, as far as the answer tells; empty when it is none."""
    if response.status_code != HTTPStatus.FORBIDDEN:
        return ""
    if response.headers.get("Content-Type") == MEDIA_TYPE:
        return str(json.loads(response.content)["code"])
    return _REFUSED_BY_ROLE


def _subject(request: HttpRequest, person: Person) -> Subject:
    """The thing that the address names; else the person."""
    values = request.resolver_match.kwargs.values() if request.resolver_match else ()
    found = next((value for value in values if isinstance(value, UUID)), None)
    return person if found is None else Page(found)
