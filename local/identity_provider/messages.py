"""HTTP messages as the endpoints see them, and how refusals leave an endpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

MOST_FIELDS: Final = 50
NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What an endpoint may look at; ``parameters`` are those of the query or of the form."""

    method: str
    parameters: Mapping[str, str]
    cookies: Mapping[str, str] = field(default_factory=dict)
    authorization: str = ""


@dataclass(frozen=True, kw_only=True)
class Response:
    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=lambda: dict(NO_STORE))


class PageRefusal(Exception):
    """A request that ends on a page of ours, because nobody can be trusted to redirect to."""

    def __init__(self, text: str, *, status: int = 400, headers: Mapping[str, str] | None = None):
        super().__init__(text)
        self.status = status
        self.headers = headers or {}


class JsonRefusal(Exception):
    """An error answer to a program (RFC 6749, 5.2 and RFC 6750, 3)."""

    def __init__(
        self,
        code: str,
        description: str,
        *,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
    ):
        super().__init__(description)
        self.code = code
        self.status = status
        self.headers = headers or {}


def json_response(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        status=status,
        body=json.dumps(value).encode(),
        content_type="application/json",
        headers=NO_STORE if headers is None else headers,
    )


def redirect(address: str, parameters: Mapping[str, str], *, cookie: str = "") -> Response:
    """Send the browser to ``address`` with ``parameters`` added to the query it may have.

    303, so that the browser follows the POST of our own page with a GET.
    """
    parts = urlsplit(address)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *parameters.items()])
    headers = {**NO_STORE, "Location": urlunsplit(parts._replace(query=query))}
    if cookie:
        headers["Set-Cookie"] = cookie
    return Response(status=303, headers=headers)


def read_fields(text: str) -> dict[str, str]:
    """Parse a query or form; nothing may stand in it twice (RFC 6749, 3.1).

    Raises:
        PageRefusal: too many fields, a repeated one, or bytes that are not UTF-8.
    """
    try:
        pairs = parse_qsl(text, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise PageRefusal("Het verzoek is niet te lezen.") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise PageRefusal("Een gegeven staat dubbel in het verzoek.")
    return fields
