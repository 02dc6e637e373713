"""Something between the worker and one OpenStack service that can make one answer disappear."""

from __future__ import annotations

import re
import threading
from urllib.parse import urlsplit

from tests.faults.passing import PATIENCE, Answer, PassOn, Proxy, Request


class SwallowingProxy(Proxy):
    """``swallow`` names one request: it is passed on, ``has_arrived`` is set when the service has
    carried it out, and then its answer never reaches who asked.
    """

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.has_arrived = threading.Event()
        self._lock = threading.Lock()
        self._swallowed: tuple[str, re.Pattern[str]] | None = None
        self._may_close = threading.Event()

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

    def treat(self, request: Request, pass_on: PassOn) -> Answer | None:
        answer = pass_on()
        if not self._takes(request):
            return answer
        self.has_arrived.set()
        self._may_close.wait(PATIENCE)
        return None

    def _takes(self, request: Request) -> bool:
        """True once for the request that was named."""
        path = urlsplit(request.path).path
        with self._lock:
            if self._swallowed is None:
                return False
            wanted_method, wanted_path = self._swallowed
            is_wanted = request.method == wanted_method and wanted_path.fullmatch(path) is not None
            if is_wanted:
                self._swallowed = None
            return is_wanted
