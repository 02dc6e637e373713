"""Something between the worker and one OpenStack service that can make answers disappear."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PATIENCE = 120  # seconds
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class Proxy(ThreadingHTTPServer):
    """Passes requests on to ``target`` (scheme, host and port).

    ``swallow`` names one request: it is passed on, ``has_arrived`` is set when the service has
    carried it out, and then its answer never reaches who asked.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(target)
        self.has_arrived = threading.Event()
        self._lock = threading.Lock()
        self._swallowed: tuple[str, re.Pattern[str]] | None = None
        self._may_close = threading.Event()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def swallow(self, method: str, path: str, *, and_hold: bool = False) -> None:
        """Let the answer to the next such request get lost; ``path`` must match to its end.

        Args:
            and_hold: leave the connection open until ``let_go``, as if the answer took long.
        """
        self.has_arrived.clear()
        self._may_close.clear()
        if not and_hold:
            self._may_close.set()
        with self._lock:
            self._swallowed = (method, re.compile(path))

    def let_go(self) -> None:
        self._may_close.set()

    def takes(self, method: str, path: str) -> bool:
        """True once for the request that was named."""
        with self._lock:
            if self._swallowed is None:
                return False
            wanted_method, wanted_path = self._swallowed
            is_wanted = method == wanted_method and wanted_path.fullmatch(path) is not None
            if is_wanted:
                self._swallowed = None
            return is_wanted

    def carry_out(self) -> None:
        self.has_arrived.set()
        self._may_close.wait(PATIENCE)

    def handle_error(self, request: object, client_address: object) -> None:
        """A worker that was killed leaves its connections behind; that is what we are here for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def _pass_on(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}
        target = self.server.target
        upstream = http.client.HTTPConnection(str(target.hostname), target.port, timeout=PATIENCE)
        try:
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            content = answer.read()
        finally:
            upstream.close()
        if self.server.takes(self.command, urlsplit(self.path).path):
            self.server.carry_out()
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815  (http.server's names)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test tells what matters."""


@contextmanager
def proxied(target: str) -> Iterator[Proxy]:
    """A proxy that serves while the block runs."""
    proxy = Proxy(target)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.let_go()
        proxy.shutdown()
        thread.join()
        proxy.server_close()
