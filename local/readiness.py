"""Quick checks that a service of ours answers on the loopback."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Mapping
from typing import Final

from local.layout import LOOPBACK

TIMEOUT_SECONDS: Final = 1.0


def answers(port: int, path: str, headers: Mapping[str, str] | None = None) -> Callable[[], bool]:
    """Return a check that is True once a GET of ``path`` gets the answer 200."""

    def check() -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return check


def replies(port: int, request: bytes, beginning: bytes) -> Callable[[], bool]:
    """Return a check that is True once ``request`` gets a reply that begins so."""

    def check() -> bool:
        try:
            with socket.create_connection((LOOPBACK, port), TIMEOUT_SECONDS) as connection:
                connection.sendall(request)
                return connection.recv(len(beginning)) == beginning
        except OSError:
            return False

    return check
