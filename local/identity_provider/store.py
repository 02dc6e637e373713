"""Short-lived things, kept in memory under unguessable names."""

from __future__ import annotations

import secrets
import threading
import time
from typing import Final, Generic, TypeVar

Value = TypeVar("Value")

MOST_VALUES: Final = 10_000


class Store(Generic[Value]):
    """Values that expire; when it is full the oldest makes room. Safe between threads."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._values: dict[str, tuple[float, Value]] = {}
        self._lock = threading.Lock()

    def add(self, value: Value) -> str:
        """Keep ``value`` and return the name it can be found under."""
        name = secrets.token_urlsafe(32)
        now = time.monotonic()
        with self._lock:
            self._drop_oldest(now)
            self._values[name] = (now + self._seconds, value)
        return name

    def find(self, name: str) -> Value | None:
        """Return the value, or None when it is unknown or has expired."""
        with self._lock:
            return self._alive(self._values.get(name))

    def take(self, name: str) -> Value | None:
        """As ``find``, and forget it: a second call finds nothing."""
        with self._lock:
            return self._alive(self._values.pop(name, None))

    def _alive(self, entry: tuple[float, Value] | None) -> Value | None:
        return entry[1] if entry and entry[0] > time.monotonic() else None

    def _drop_oldest(self, now: float) -> None:
        # Every value lives equally long, so the order of insertion is the order of expiry.
        while self._values:
            oldest = next(iter(self._values))
            if self._values[oldest][0] > now and len(self._values) < MOST_VALUES:
                return
            del self._values[oldest]
