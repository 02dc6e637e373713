"""Quick checks that a service answers."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from typing import Final

from local.layout import LOOPBACK

TIMEOUT_SECONDS: Final = 1.0


def answers(port: int, path: str = "/") -> Callable[[], bool]:
    """Return a check that is True once the port answers HTTP with anything below 500."""

    def check() -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("GET", path)
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return check
