"""A proxy between the portal and one service. Subclasses decide what becomes of a request."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar
from urllib.parse import urlsplit

PATIENCE = 120  # seconds that a service may take
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


@dataclass(frozen=True)
class Request:
    method: str
    path: str  # with its query
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True)
class Answer:
    """``length`` is what its header says of the content, where that is not true."""

    status: int
    headers: Mapping[str, str]
    content: bytes = b""
    length: int | None = None


PassOn = Callable[[], Answer]


class Proxy(ThreadingHTTPServer):
    """Passes requests on to ``target`` (scheme, host and port), each over a connection of its own.

    ``treat`` answers in place of the service; None breaks the connection off without an answer.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def treat(self, request: Request, pass_on: PassOn) -> Answer | None:
        return pass_on()

    def let_go(self) -> None:
        """Hold nothing back any longer; called before the proxy stops."""

    def send(self, request: Request) -> Answer:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP}
        target = self.target
        upstream = http.client.HTTPConnection(str(target.hostname), target.port, timeout=PATIENCE)
        try:
            upstream.request(request.method, request.path, request.body, headers)
            answer = upstream.getresponse()
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in _HOP_BY_HOP}
            return Answer(answer.status, kept, answer.read())
        finally:
            upstream.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A worker that was killed leaves its connections behind; that is what we are here for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def _pass_on(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        answer = self.server.treat(request, lambda: self.server.send(request))
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        declared = len(answer.content) if answer.length is None else answer.length
        if answer.status != 204:  # which has no content, and Swift says so with a header
            self.send_header("Content-Length", str(declared))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)
            self.close_connection = declared != len(answer.content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test tells what matters."""


AnyProxy = TypeVar("AnyProxy", bound=Proxy)


@contextmanager
def serving(proxy: AnyProxy) -> Iterator[AnyProxy]:
    """The proxy, serving while the block runs."""
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.let_go()
        proxy.shutdown()
        thread.join()
        proxy.server_close()
