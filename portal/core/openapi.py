"""The API's description at /api/v1/openapi.json, for everybody, without a login."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.utils.translation import override
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from portal.core.problem import MEDIA_TYPE

_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string", "description": "The words of the HTTP status."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened and what to do, for people."},
        "code": {"type": "string", "description": "What happened, for programs; never changes."},
        "instance": {
            "type": "string",
            "format": "uri-reference",
            "description": "Of a 500: the reference to give to the service desk.",
        },
        "metric": {"type": "string", "description": "Of which quota too little is left."},
        "level": {
            "type": "object",
            "description": "The part of the organization that has too little of it.",
            "required": ["id", "name"],
            "properties": {
                "id": {"type": "string", "format": "uuid"},
                "name": {"type": "string"},
            },
        },
        "limit": {"type": "string", "format": "decimal"},
        "claimed": {"type": "string", "format": "decimal"},
        "asked": {"type": "string", "format": "decimal"},
        "ask": {"type": "string", "description": "Who can give more, for people."},
        "verdict": {"type": "string", "description": "Of a place where data may not stand."},
        "clauses": {
            "type": "array",
            "description": "Which rules say that it may not, and what they lack.",
            "items": {
                "type": "object",
                "required": ["id", "verdict", "missing", "needs"],
                "properties": {
                    "id": {"type": "string"},
                    "verdict": {"type": "string"},
                    "missing": {"type": "array", "items": {"type": "string"}},
                    "needs": {"type": "array", "items": {"type": "object"}},
                },
            },
        },
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["in", "name", "code", "detail"],
                "properties": {
                    "in": {"type": "string", "enum": ["body", "query", "header"]},
                    "name": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "example": {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "Something in the request is not right.",
        "code": "invalid_input",
        "errors": [
            {"in": "body", "name": "purpose", "code": "required", "detail": "Fill this in."}
        ],
    },
}
_VERSION_HEADER: Final[dict[str, Any]] = {
    "description": "The full version of this API.",
    "schema": {"type": "string"},
}
_PROBLEMS: Final = {
    "400": "Something in the request is not right; see errors.",
    "401": "Nobody is logged in.",
    "403": "This person may not do this, or must log in again first; see code.",
    "404": "It does not exist, or this person cannot see it.",
    "406": "Only JSON can be given.",
    "409": "The state of things does not allow it (any more); see code.",
    "413": "The body is too large.",
    "415": "Only JSON can be read.",
    "422": "The Idempotency-Key was used before for something else.",
    "500": "Something broke on our side.",
    "503": "Others use the same things; nothing was changed. Try again after Retry-After seconds.",
}
_WITH_BODY: Final = {"409", "413", "415", "422"}


class SessionLoginScheme(SessionScheme):  # type: ignore[no-untyped-call]  # registers itself
    target_class = "portal.core.api.SessionLogin"
    name = "session"


class OpenApiView(SpectacularJSONAPIView):
    """The description itself. Any origin may read it; it holds nothing of anybody."""

    authentication_classes = ()

    def _get_schema_response(self, request: Request) -> Response:
        with override("en"):
            response: Response = super()._get_schema_response(request)  # type: ignore[no-untyped-call]
        response["Access-Control-Allow-Origin"] = "*"
        return response


def describe_problems(
    result: dict[str, Any], generator: Any, request: Request | None, public: bool
) -> dict[str, Any]:
    """Add what no view says of itself: the problems it may answer with, and our header."""
    components = result["components"]
    components["schemas"]["Problem"] = _PROBLEM
    components["headers"] = {
        "API-Version": _VERSION_HEADER | {"example": settings.SPECTACULAR_SETTINGS["VERSION"]}
    }
    for path, item in result["paths"].items():
        for method, operation in item.items():
            for status in _statuses(path, method):
                operation["responses"].setdefault(status, _problem(status))
            for response in operation["responses"].values():
                headers = response.setdefault("headers", {})
                headers["API-Version"] = {"$ref": "#/components/headers/API-Version"}
    return result


def _statuses(path: str, method: str) -> list[str]:
    return [
        status
        for status in _PROBLEMS
        if (method == "post" or status not in _WITH_BODY) and ("{" in path or status != "404")
    ]


def _problem(status: str) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": _PROBLEMS[status], "content": content}
