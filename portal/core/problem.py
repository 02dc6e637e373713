"""Refusals and mistakes as problem details (RFC 9457): the one shape of every error of the API.

Beside the standard's members an answer has ``code``, which programs match on and which never
changes, and for invalid input ``errors``: one for each field that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, Final, Literal

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404, HttpResponse, JsonResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import (
    APIException,
    NotFound,
    PermissionDenied,
    ValidationError,
)

from portal.core.errors import DomainError, InvalidInput, StrongerLoginNeeded
from portal.core.locks import RETRY_AFTER_SECONDS, is_about_busy_rows

API_PREFIX: Final = "/api/"
MEDIA_TYPE: Final = "application/problem+json"
Location = Literal["body", "query", "header"]

_TOO_LARGE: Final = _("The request is too large.")
# What is said where no code of ours had a chance to say anything.
_WORDS: Final[dict[int, tuple[str, str | Promise]]] = {
    400: ("bad_request", _("This request cannot be read.")),
    403: ("permission_denied", _("This is not allowed.")),
    404: ("not_found", _("This does not exist, or you cannot see it.")),
    405: ("method_not_allowed", _("This address does not know that method.")),
    413: ("body_too_large", _TOO_LARGE),
    500: (
        "server_error",
        _("Something broke on our side. Look whether your change was made before you try again."),
    ),
    503: ("busy", _("It is busy at this moment. Nothing was changed. Try again in a moment.")),
}


class InvalidRequest(ValidationError):
    """Invalid input outside the body: messages by the name of the query key or header."""

    def __init__(self, errors: Mapping[str, Any], *, location: Location) -> None:
        super().__init__(dict(errors))
        self.location: Location = location


class BodyTooLarge(APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"
    default_detail = _TOO_LARGE


class CsrfFailed(PermissionDenied):
    default_code = "csrf_failed"
    default_detail = _("The header X-CSRFToken is missing, or belongs to another login.")


@dataclass(frozen=True, kw_only=True)
class FieldError:
    """One thing that is wrong in one field; ``name`` is a path such as ``spec.volume_gib`` or
    ``lines.2.name``, counted from 1."""

    location: Location
    name: str
    code: str
    detail: str

    def as_json(self) -> dict[str, str]:
        members = asdict(self)
        return {"in": members.pop("location"), **members}


def problem_response(
    status: int,
    *,
    code: str,
    detail: str,
    errors: Iterable[FieldError] = (),
    instance: str = "",
    facts: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """Return the problem as an HTTP response.

    Args:
        instance: URI of this one occurrence, which a helpdesk can look up; "" for none.
        facts: what is known of it beside that, by name of the member.
    """
    members: dict[str, Any] = {
        **(facts or {}),
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    listed = [error.as_json() for error in errors]
    if listed:
        members["errors"] = listed
    if instance:
        members["instance"] = instance
    return JsonResponse(members, status=status, content_type=MEDIA_TYPE)


def problem_of_status(status: int, *, instance: str = "") -> HttpResponse:
    """Return the problem for an error that has no more to say than its status."""
    code, detail = _WORDS.get(status) or _WORDS[500 if status >= 500 else 400]
    return problem_response(status, code=code, detail=str(detail), instance=instance)


def exception_handler(exception: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """Answer what went wrong in a view; None for a defect, which then becomes a 500 elsewhere."""
    if isinstance(exception, DomainError):
        return _refusal(exception)
    if isinstance(exception, StrongerLoginNeeded):
        return _stronger_login(exception)
    if is_about_busy_rows(exception):
        response = problem_of_status(HTTPStatus.SERVICE_UNAVAILABLE)
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
    if isinstance(exception, Http404):
        exception = NotFound(str(_WORDS[404][1]))
    elif isinstance(exception, DjangoPermissionDenied):
        exception = PermissionDenied(str(_WORDS[403][1]))
    if not isinstance(exception, APIException):
        return None
    response = _mistake(exception)
    if challenge := getattr(exception, "auth_header", None):
        response["WWW-Authenticate"] = challenge
    if wait := getattr(exception, "wait", None):
        response["Retry-After"] = str(round(wait))
    return response


def _stronger_login(exception: StrongerLoginNeeded) -> HttpResponse:
    """403, for who somebody is was not the question; the challenge says what to ask them for."""
    response = problem_response(HTTPStatus.FORBIDDEN, code=exception.code, detail=str(exception))
    if exception.challenge:
        response["WWW-Authenticate"] = exception.challenge
    return response


def _refusal(error: DomainError) -> HttpResponse:
    """A rule said no. What is wrong in a field is a 400, as the Dutch API rules want it."""
    fields: Mapping[str, list[str]] = {}
    if isinstance(error, InvalidInput):
        fields = error.errors
    elif error.field:
        fields = {error.field: [str(error)]}
    return problem_response(
        HTTPStatus.BAD_REQUEST if fields else error.http_status,
        code=error.code,
        detail=str(error),
        errors=[
            FieldError(location="body", name=name, code=error.code, detail=message)
            for name, messages in fields.items()
            for message in messages
        ],
        facts=error.facts,
    )


def _mistake(exception: APIException) -> HttpResponse:
    if isinstance(exception, ValidationError):
        location: Location = getattr(exception, "location", "body")
        return problem_response(
            exception.status_code,
            code=InvalidInput.code,
            detail=str(_("Something in the request is not right.")),
            errors=_field_errors(exception.detail, "", location),
        )
    return problem_response(
        exception.status_code,
        code=str(getattr(exception.detail, "code", exception.default_code)),
        detail=str(exception.detail),
    )


def _field_errors(detail: Any, name: str, location: Location) -> Iterator[FieldError]:
    """Flatten the nested messages of REST framework; its name for "no field" becomes ""."""
    if isinstance(detail, Mapping):
        for key, below in detail.items():
            part = "" if key == "non_field_errors" else str(key)
            if isinstance(key, int):  # of a list REST framework counts from 0
                part = str(key + 1)
            yield from _field_errors(below, ".".join(filter(None, [name, part])), location)
    elif isinstance(detail, list):
        for number, below in enumerate(detail, start=1):
            is_one_of_many = isinstance(below, Mapping)
            path = f"{name}.{number}" if is_one_of_many else name
            yield from _field_errors(below, path, location)
    else:
        yield FieldError(location=location, name=name, code=detail.code, detail=str(detail))
