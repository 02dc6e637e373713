"""Doing one thing until it is done, though database and web server come and go."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

import requests
from django.db import InterfaceError, OperationalError, connection

T = TypeVar("T")
PATIENCE_SECONDS: Final = 120
PAUSE_SECONDS: Final = 0.5
GONE: Final = (InterfaceError, OperationalError, requests.ConnectionError, requests.Timeout)


def insist(action: Callable[[], T]) -> T:
    """Do it, and again while what it needs is down. It must bear being done twice."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return action()
        except GONE:
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_SECONDS)
