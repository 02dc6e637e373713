"""Requests to a provider, against a real socket that behaves badly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from portal.identity.oidc import transport
from portal.identity.oidc.errors import ProviderUnavailable


class Handler(BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self) -> None:
        if self.path == "/silent":
            self.server.may_answer.wait(5)  # type: ignore[attr-defined]
            return
        if self.path == "/drips":
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            for _ in range(100):  # for two seconds, were anybody to wait
                if self.server.may_answer.wait(0.02):  # type: ignore[attr-defined]
                    return
                with suppress(OSError):
                    self.wfile.write(b"{")
            return
        if self.path == "/hangs-up":
            return
        if self.path == "/cut-off":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"{")
            return
        status = int(self.path[1:4])
        body = b"x" * (transport.LARGEST_ANSWER + 1) if "large" in self.path else b'{"a": 1}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("cache-control", "max-age=5")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.may_answer = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.may_answer.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("status", [200, 400, 401, 404])
def test_answers_below_500_are_returned(server: str, status: int) -> None:
    answer = transport.fetch("GET", f"{server}/{status}")

    assert (answer.status, answer.json_object()) == (status, {"a": 1})
    assert answer.headers.get("Cache-Control") == "max-age=5"


@pytest.mark.parametrize(
    "path", ["/302", "/307", "/500", "/503", "/200-large", "/hangs-up", "/cut-off"]
)
def test_anything_else_is_no_answer(server: str, path: str) -> None:
    with pytest.raises(ProviderUnavailable):
        transport.fetch("GET", f"{server}{path}").json_object()


def test_silence_is_not_waited_for(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "TIMEOUT_SECONDS", (0.2, 0.2))

    with pytest.raises(ProviderUnavailable):
        transport.fetch("GET", f"{server}/silent")


def test_answer_that_comes_drop_by_drop_is_not_waited_for(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "LONGEST_SECONDS", 0.2)

    with pytest.raises(ProviderUnavailable) as caught:
        transport.fetch("GET", f"{server}/drips")

    assert caught.value.reason == "GET: TimeoutError"


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/", "nonsense", "file:///etc/passwd"])
def test_address_that_nobody_answers(address: str) -> None:
    with pytest.raises(ProviderUnavailable):
        transport.fetch("GET", address)


@pytest.mark.parametrize("body", [b"", b"oops", b"[]", b'"text"', b"\xff", b"[" * 100_000])
def test_body_that_is_no_object(body: bytes) -> None:
    answer = transport.Answer(status=200, headers={}, body=body)

    with pytest.raises(ProviderUnavailable):
        answer.json_object()
