"""An HTTP server that looks like OpenStack from afar, and misbehaves as told."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

REQUEST_ID = "req-11111111-2222-3333-4444-555555555555"
PROJECT = "f00d"
JSON = "application/json"

Misbehaviour = Callable[["Handler"], None]


def answer(
    status: int,
    body: Any = None,
    *,
    request_id: str = REQUEST_ID,
    content_type: str = JSON,
    retry_after: str = "",
) -> Misbehaviour:
    """Answer with this status; text that is no JSON is sent as it is."""
    text = body if isinstance(body, str) else json.dumps(body or {})
    headers = {"x-openstack-request-id": request_id, "Retry-After": retry_after}
    return lambda handler: handler.reply(status, text, content_type, headers)


def break_off(handler: Handler) -> None:
    """Read the request, then close without a word."""
    handler.close_connection = True


def reset(handler: Handler) -> None:
    """Read the request, then tear the connection down (RST)."""
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.close_connection = True


def say_half(handler: Handler) -> None:
    """Promise more than is sent."""
    handler.wfile.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 999\r\n\r\n{")
    handler.close_connection = True


def say_nothing(handler: Handler) -> None:
    """Keep the client waiting until it gives up."""
    handler.openstack.released.wait(30)
    handler.close_connection = True


class Handler(BaseHTTPRequestHandler):
    """Answers log-in and discovery by itself; the rest as planned, else 404."""

    protocol_version = "HTTP/1.1"
    openstack: ClassVar[OpenStackServer]

    def handle_one(self) -> None:
        path = self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.openstack.last_body[f"{self.command} {path}"] = json.loads(body or b"{}")
        self.openstack.asked[f"{self.command} {path}"] += 1
        planned = self.openstack.planned[f"{self.command} {path}"]
        if planned:
            planned.popleft()(self)
        else:
            self.openstack.by_default(self.command, path)(self)

    do_GET = do_POST = do_PUT = do_DELETE = handle_one  # noqa: N815  (http.server's names)

    def reply(self, status: int, text: str, content_type: str, headers: Mapping[str, str]) -> None:
        body = text.encode() if status != 204 else b""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        if self.path.endswith("/auth/tokens"):
            self.send_header("X-Subject-Token", "token")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""


class OpenStackServer:
    """Keystone, Nova, Neutron and Cinder at one address on loopback.

    ``plan`` says how the next request of a kind is treated, ``asked`` how often each came.
    ``elsewhere`` moves a service in the catalogue to another address.
    """

    def __init__(self) -> None:
        self.planned: defaultdict[str, deque[Misbehaviour]] = defaultdict(deque)
        self.asked: Counter[str] = Counter()
        self.last_body: dict[str, Any] = {}
        self.elsewhere: dict[str, str | None] = {}
        self.released = threading.Event()
        handler = type("BoundHandler", (Handler,), {"openstack": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def plan(self, request: str, *behaviours: Misbehaviour) -> None:
        """``request`` is like "POST /compute/v2.1/servers"."""
        self.planned[request].extend(behaviours)

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def by_default(self, method: str, path: str) -> Misbehaviour:
        versions = {
            "/identity/v3": {"version": self._version("v3.14", "/identity/v3")},
            "/compute/v2.1": {"version": self._version("v2.1", "/compute/v2.1", "2.1", "2.103")},
            "/volume/v3": {"versions": [self._version("v3.0", "/volume/v3", "3.0", "3.71")]},
            "/network": {"versions": [self._version("v2.0", "/network/v2.0")]},
        }
        if method == "GET" and path.rstrip("/") in versions:
            return answer(200, versions[path.rstrip("/")])
        if (method, path) == ("POST", "/identity/v3/auth/tokens"):
            return answer(201, {"token": self._token()})
        return answer(404, {"itemNotFound": {"message": f"no {path}", "code": 404}})

    def _version(self, name: str, path: str, lowest: str = "", highest: str = "") -> Any:
        links = [{"rel": "self", "href": f"{self.url}{path}/"}]
        micro = {"min_version": lowest, "version": highest}
        return {"id": name, "status": "CURRENT", "links": links, **micro}

    def _token(self) -> dict[str, Any]:
        places = {
            "identity": "/identity/v3",
            "compute": "/compute/v2.1",
            "block-storage": "/volume/v3",
            "network": "/network",
        }
        catalogue = [
            {
                "type": service,
                "name": service,
                "id": service,
                "endpoints": [
                    {
                        "id": service,
                        "interface": "public",
                        "region_id": "here",
                        "region": "here",
                        "url": self.elsewhere.get(service, f"{self.url}{path}"),
                    }
                ],
            }
            for service, path in places.items()
            if self.elsewhere.get(service, "") is not None
        ]
        return {
            "methods": ["password"],
            "user": {"id": "u", "name": "portal", "domain": {"id": "default", "name": "Default"}},
            "project": {"id": PROJECT, "name": "p", "domain": {"id": "default", "name": "Default"}},
            "roles": [{"id": "r", "name": "member"}],
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "catalog": catalogue,
        }
