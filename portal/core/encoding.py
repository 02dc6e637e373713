"""Text that comes in is UTF-8: other encodings hold half characters, or are none of text at all."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable
from typing import Any, Final

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponseBase

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

_UNREADABLE: Final = "application/octet-stream; charset=unreadable"


def with_readable_headers(application: Application) -> Application:
    """Wrap a WSGI application. Django reads this header before a middleware could answer."""

    def wrapped(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if ";" in environ.get("CONTENT_TYPE", "") and not _is_readable(environ):
            environ["CONTENT_TYPE"] = _UNREADABLE
        return application(environ, start_response)

    return wrapped


def _is_readable(environ: dict[str, Any]) -> bool:
    """Can a request be made of it? With an encoding in the header, Django reads the query too."""
    try:
        WSGIRequest(dict(environ))
    except (ValueError, LookupError, SuspiciousOperation):
        return False
    return True


class Utf8Middleware:
    """Answers 400 to a request that says to be written in anything else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not _is_utf8((request.content_params or {}).get("charset", "utf-8")):
            raise BadRequest("the request is not in UTF-8")
        return self.get_response(request)


def _is_utf8(name: str) -> bool:
    try:
        return codecs.lookup(name).name == "utf-8"
    except LookupError:
        return False
