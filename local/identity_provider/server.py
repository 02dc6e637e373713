"""The endpoints behind ``http.server``: reading requests that may be hostile, writing answers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from typing import Any, Final
from urllib.parse import urlsplit

from local.identity_provider.configuration import ConfigurationError
from local.identity_provider.messages import (
    JsonRefusal,
    PageRefusal,
    Request,
    Response,
    read_fields,
)
from local.identity_provider.provider import Provider
from local.identity_provider.routes import find_endpoint, refusal_response

LARGEST_BODY: Final = 16 * 1024  # bytes; an ID token hint is the largest thing we are sent
LARGEST_DISCARD: Final = 1024 * 1024  # bytes read and thrown away before we hang up
READ_TIMEOUT_SECONDS: Final = 10
FORM: Final = "application/x-www-form-urlencoded"

SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Server(ThreadingHTTPServer):
    """Serves providers on one port of the loopback address, each below the path of its issuer.

    Raises:
        ConfigurationError: they do not share the port, or two have the same path.
    """

    daemon_threads = True

    def __init__(self, providers: Sequence[Provider]) -> None:
        ports = {provider.configuration.port for provider in providers}
        self.providers = sorted(providers, key=lambda provider: len(provider.path), reverse=True)
        if len(ports) != 1 or len({provider.path for provider in providers}) != len(providers):
            raise ConfigurationError("issuers in one process share a port and differ in their path")
        super().__init__(("127.0.0.1", ports.pop()), Handler)

    def provider_at(self, path: str) -> Provider:
        """The provider whose issuer the path is below; the one nearest to the root for others."""
        for provider in self.providers:
            if path.startswith(f"{provider.path}/"):
                return provider
        return self.providers[-1]

    def handle_error(
        self, request: socket | tuple[bytes, socket], client_address: tuple[str, int]
    ) -> None:
        """A browser that goes away halfway is no error of ours; anything else is a bug to show."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    server_version = "identity-provider"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = READ_TIMEOUT_SECONDS

    def _serve(self) -> None:
        path = urlsplit(self.path)
        provider = self.server.provider_at(path.path)
        try:
            fields = self._read_fields(path.query)
            endpoint = find_endpoint(path.path.removeprefix(provider.path), self.command)
            request = Request(
                method=self.command,
                parameters=fields,
                cookies=self._read_cookies(),
                authorization=self.headers.get("Authorization", ""),
            )
            response = endpoint(provider, request)
        except (PageRefusal, JsonRefusal) as refusal:
            response = refusal_response(provider, refusal)
        self._write(response)

    # http.server looks for do_METHOD; all of them come here, so that a wrong one gets our page.
    do_GET = do_HEAD = do_POST = do_PUT = _serve  # noqa: N815
    do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = _serve  # noqa: N815

    def _read_fields(self, query: str) -> dict[str, str]:
        """The form of a POST, else the query: a form never mixes with the address it is sent to."""
        body = self._read_body()
        if self.command != "POST":
            return read_fields(query)
        content_type = self.headers.get("Content-Type", FORM).partition(";")[0].strip().lower()
        if body and content_type != FORM:
            raise PageRefusal("Dit formulier is niet te lezen.", status=415)
        try:
            return read_fields(body.decode("ascii"))
        except UnicodeDecodeError as error:
            raise PageRefusal("Dit formulier is niet te lezen.") from error

    def _read_body(self) -> bytes:
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise PageRefusal("Stuur de lengte van het verzoek mee.", status=411)
        announced = self.headers.get("Content-Length", "0")
        if not (announced.isascii() and announced.isdigit()):
            self.close_connection = True
            raise PageRefusal("De lengte van het verzoek klopt niet.")
        length = int(announced[:12])
        if length > LARGEST_BODY:
            self._discard(length)
            raise PageRefusal("Het verzoek is te groot.", status=413)
        return self.rfile.read(length)

    def _discard(self, length: int) -> None:
        """Read on for a while: a sender cut off in the middle would not see our answer."""
        self.close_connection = True
        left = min(length, LARGEST_DISCARD)
        while left and (piece := self.rfile.read(min(left, LARGEST_BODY))):
            left -= len(piece)

    def _read_cookies(self) -> dict[str, str]:
        try:
            cookies = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:
            return {}
        return {name: morsel.value for name, morsel in cookies.items()}

    def _write(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in {**SECURITY_HEADERS, **response.headers}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What ``http.server`` refuses itself (a bad request line, a long address), on our page."""
        self.close_connection = True
        self.request_version = self.protocol_version  # it takes what it cannot read for HTTP/0.9
        refusal = PageRefusal("Het verzoek is niet te lezen.", status=code)
        self._write(refusal_response(self.server.provider_at(""), refusal))

    def log_message(self, format: str, *args: Any) -> None:
        """One line a request, without its query: that holds codes and tokens."""
        path = urlsplit(getattr(self, "path", "?")).path
        line = f"{getattr(self, 'command', '-')} {path} {args[1] if len(args) > 1 else ''}"
        print("".join(c if c.isprintable() else "?" for c in line), file=sys.stderr, flush=True)
