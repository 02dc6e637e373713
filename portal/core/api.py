"""What every endpoint of the API shares: login, reading a request, pages, headers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC
from http import HTTPStatus
from typing import IO, Any, Final

from django.conf import settings
from django.core import signing
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import ErrorDetail, ParseError, PermissionDenied
from rest_framework.filters import BaseFilterBackend
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from portal.core.problem import (
    API_PREFIX,
    MEDIA_TYPE,
    BodyTooLarge,
    CsrfFailed,
    InvalidRequest,
    problem_of_status,
)

PAGE_SIZE: Final = 50
LARGEST_PAGE: Final = 100
DEEPEST_NESTING: Final = 8
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DAY: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


class ApiMiddleware:
    """Puts the API's headers on its answers, and gives every error the one shape.

    Here come by, as pages, the errors that no view of the API saw: an unknown address, a host
    that is not ours, a defect.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not request.path_info.startswith(API_PREFIX):
            return response
        is_problem = response.headers.get("Content-Type") == MEDIA_TYPE
        if response.status_code >= HTTPStatus.BAD_REQUEST and not is_problem:
            response = problem_of_status(response.status_code)
        for name, value in HEADERS.items():
            response.headers[name] = value
        response.headers["API-Version"] = settings.SPECTACULAR_SETTINGS["VERSION"]
        return response


class SessionLogin(SessionAuthentication):
    """The login of the pages, for programs on the same origin. A stranger gets a 401."""

    def authenticate_header(self, request: Request) -> str:
        return 'Session realm="Cloudloket"'

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            raise CsrfFailed() from error


# --- reading a request -------------------------------------------------------------------------


class JsonParser(BaseParser):
    """JSON as RFC 8259 advises it: UTF-8, no name twice, no NaN, no broken characters."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise BodyTooLarge()
        try:
            value = json.loads(
                body.decode(), object_pairs_hook=_names_once, parse_constant=_no_constant
            )
            _check(value, "", DEEPEST_NESTING)
        except (ValueError, RecursionError) as error:
            raise ParseError(_("The body is not JSON that can be read.")) from error
        return value


def _names_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check(value: Any, name: str, levels: int) -> None:
    """Refuse what is nested too deeply, and halves of characters, which no database stores.

    Args:
        name: where the value stands, such as ``spec.image``.
    """
    if levels < 0:
        raise ValueError("nested too deeply")
    if isinstance(value, str) and _SURROGATE.search(value):
        text = _("This text holds characters that cannot be shown. Type it again.")
        raise InvalidRequest({name: [ErrorDetail(text, code="invalid")]}, location="body")
    if isinstance(value, list):
        for item in value:
            _check(item, name, levels - 1)
    if isinstance(value, dict):
        for key, item in value.items():
            if _SURROGATE.search(key):
                raise ValueError("half a character")
            _check(item, f"{name}.{key}" if name else key, levels - 1)


class Input(serializers.Serializer[Any]):
    """Named values from outside. A name that is not asked for is a mistake, not a detail."""

    default_error_messages = {"invalid": gettext_lazy("Give an object with names and values.")}

    def to_internal_value(self, data: Any) -> Any:
        values = super().to_internal_value(data)
        unknown = sorted(data.keys() - self.fields.keys())
        if unknown:
            message = ErrorDetail(_("This name is not known here."), code="unknown")
            raise serializers.ValidationError({name: [message] for name in unknown})
        return values


class TextField(serializers.CharField):
    """Text, and not a number that looks like it."""

    default_error_messages = {"invalid": gettext_lazy("Give text.")}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class TruthField(serializers.BooleanField):
    """true or false, and nothing that looks like it."""

    default_error_messages = {"invalid": gettext_lazy("Give true or false, without quotes.")}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class PublicIdField(serializers.UUIDField):
    """A public id, written the one way in which we write them."""

    default_error_messages = {
        "invalid": gettext_lazy("Give an id as 5f0f7c9e-3c1b-4d3a-9a55-0a8f5a1f9a01.")
    }

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or not _UUID.fullmatch(data):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class DayField(serializers.DateField):
    """A day, written the one way in which we write them; ISO 8601 knows many more."""

    default_error_messages = {
        "invalid": gettext_lazy("Give a day that exists, as 2027-06-30."),
    }

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or not _DAY.fullmatch(data):
            self.fail("invalid", format="")
        return super().to_internal_value(data)


class ObjectField(serializers.DictField):
    """Values by name."""

    default_error_messages = {"not_a_dict": gettext_lazy("Give an object with names and values.")}


def read_header(request: Request, name: str, pattern: str) -> str:
    """Return the value of a required header.

    Raises:
        InvalidRequest: it is missing, or does not match ``pattern`` in full.
    """
    value = request.headers.get(name)
    if value is None:
        message = ErrorDetail(_("This header is required."), code="required")
        raise InvalidRequest({name: [message]}, location="header")
    if not re.fullmatch(pattern, value):
        message = ErrorDetail(_("This header has a value that cannot be used."), code="invalid")
        raise InvalidRequest({name: [message]}, location="header")
    return value


# --- giving answers ----------------------------------------------------------------------------


class MomentField(serializers.DateTimeField):
    """A moment in UTC, as the Dutch API rules want it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(default_timezone=UTC, **options)


class AmountField(serializers.DecimalField):
    """Euros without VAT, or a quantity: six decimals, as text, so that no program rounds it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=20, decimal_places=6, **options)


class CursorPages(CursorPagination):
    """Pages by a signed cursor: nobody can make one up, or use that of another list.

    A view names its fixed order in ``ordering``; the first name need not be unique, the whole
    must be.
    """

    page_size = PAGE_SIZE
    max_page_size = LARGEST_PAGE
    page_size_query_param = "pageSize"

    request: Request
    base_url: str

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        return tuple(view.ordering)

    def get_page_size(self, request: Request) -> int:
        asked = request.query_params.get("pageSize", str(self.page_size))
        if not re.fullmatch("[0-9]{1,3}", asked) or not 1 <= int(asked) <= LARGEST_PAGE:
            message = _("Ask for 1 to {largest} at a time.").format(largest=LARGEST_PAGE)
            error = ErrorDetail(message, code="invalid")
            raise InvalidRequest({"pageSize": [error]}, location="query")
        return int(asked)

    def encode_cursor(self, cursor: Cursor) -> str:
        value = signing.dumps(list(cursor), salt=self._salt(self.request))
        return replace_query_param(self.base_url, self.cursor_query_param, value)

    def decode_cursor(self, request: Request) -> Cursor | None:
        value = request.query_params.get(self.cursor_query_param)
        if value is None:
            return None
        try:
            return Cursor(*signing.loads(value, salt=self._salt(request)))
        except signing.BadSignature as error:
            message = ErrorDetail(
                _("Take this value from “next” or “previous” of a page."), code="invalid"
            )
            raise InvalidRequest({"cursor": [message]}, location="query") from error

    def _salt(self, request: Request) -> str:
        return f"cursor of {request.path}"


class QueryFilter(BaseFilterBackend):
    """Keeps what the query asks for.

    The list's view names its keys in ``filters``, an ``Input``; the ``source`` of each field is
    what it compares. A key that is not there is a mistake: without it the list would be another.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        """Return the rows that match.

        Raises:
            InvalidRequest: a key is unknown, or a value is not possible.
        """
        if getattr(view, "detail", False):
            return queryset
        pages = {"cursor", "pageSize"}
        asked = {key: value for key, value in request.query_params.items() if key not in pages}
        query = view.filters(data=asked)
        if not query.is_valid():
            raise InvalidRequest(query.errors, location="query")
        return queryset.filter(**query.validated_data)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "in": "query",
                "required": field.required,
                "description": field.help_text or "",
                "schema": _schema_of(field),
            }
            for name, field in view.filters().fields.items()
        ]


def _schema_of(field: serializers.Field[Any, Any, Any, Any]) -> dict[str, Any]:
    if isinstance(field, serializers.ChoiceField):
        return {"type": "string", "enum": list(field.choices)}
    if isinstance(field, serializers.UUIDField):
        return {"type": "string", "format": "uuid"}
    if isinstance(field, serializers.DateTimeField):
        return {"type": "string", "format": "date-time"}
    return {"type": "string"}
