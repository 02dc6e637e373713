"""Which faults there are, and which request gets one: by chance, and by a seed."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from urllib.parse import urlsplit

from tests.faults.passing import Answer, PassOn, Proxy, Request


class Fault(StrEnum):
    """What becomes of a request. Only the first four say for sure that nothing was done."""

    DROPPED = "connection dropped before the call"
    UNAVAILABLE = "503 with Retry-After"
    TOO_MANY = "429"
    EXPIRED = "401, as if the token had expired"
    UNANSWERED = "reply dropped after the effect"
    FAILED_BEFORE = "500 before the effect"
    FAILED_AFTER = "500 after the effect"
    STALLED = "held back, carried out after who asked went away"
    SLOW = "carried out, answered after who asked went away"
    TRUNCATED = "body breaks off"
    CUT_SHORT = "body half, and its length agrees"


REFUSALS: Mapping[Fault, Answer] = {
    Fault.UNAVAILABLE: Answer(503, {"Retry-After": "2"}, b"<h1>Service Unavailable</h1>"),
    Fault.TOO_MANY: Answer(429, {"Retry-After": "2"}, b'{"overLimit": {"code": 429}}'),
    Fault.EXPIRED: Answer(401, {"WWW-Authenticate": "Keystone"}, b'{"error": {"code": 401}}'),
    Fault.FAILED_BEFORE: Answer(500, {}, b'{"computeFault": {"code": 500}}'),
    Fault.FAILED_AFTER: Answer(500, {}, b'{"computeFault": {"code": 500}}'),
}


class Dealer:
    """Deals a fault to one request in so many, and counts what it dealt.

    Args:
        share: from 0 (no faults) to 1.
        stall_seconds: longer than who asks waits for an answer.
    """

    def __init__(self, seed: int, *, share: float, stall_seconds: float) -> None:
        self.stall_seconds = stall_seconds
        self.share = share
        self.requests = 0
        self.dealt: Counter[Fault] = Counter()
        self.ended = threading.Event()
        self._chance = random.Random(seed)  # noqa: S311  (no secret)
        self._lock = threading.Lock()

    def deal(self) -> Fault | None:
        with self._lock:
            self.requests += 1
            if self._chance.random() >= self.share:
                return None
            fault = self._chance.choice(list(Fault))
            self.dealt[fault] += 1
            return fault

    def stop(self) -> None:
        """Deal no more, and hold nothing back."""
        self.share = 0
        self.ended.set()


class FaultProxy(Proxy):
    """Treats requests as the dealer says; ``rename`` maps origins in answers to those of proxies.

    So that who is answered finds the next page, or another service, by way of a proxy again.
    """

    def __init__(self, target: str, dealer: Dealer, rename: Mapping[str, str]) -> None:
        super().__init__(target)
        self._dealer = dealer
        self._rename = rename

    def let_go(self) -> None:
        self._dealer.stop()

    def treat(self, request: Request, pass_on: PassOn) -> Answer | None:
        fault = self._dealer.deal()
        if fault == Fault.DROPPED:
            return None
        if fault == Fault.STALLED:
            self._dealer.ended.wait(self._dealer.stall_seconds)
        if fault in REFUSALS and fault != Fault.FAILED_AFTER:
            return REFUSALS[fault]
        answer = self._renamed(pass_on())
        if fault == Fault.SLOW:
            self._dealer.ended.wait(self._dealer.stall_seconds)
        if fault == Fault.UNANSWERED:
            return None
        return _damaged(answer, fault)

    def _renamed(self, answer: Answer) -> Answer:
        """Origins in text and headers; what objects hold has other types, and stays."""
        content, headers = answer.content, dict(answer.headers)
        is_json = "json" in headers.get("Content-Type", "")
        for origin, ours in self._rename.items():
            if is_json:
                content = content.replace(f"{origin}/".encode(), f"{ours}/".encode())
                content = content.replace(f'{origin}"'.encode(), f'{ours}"'.encode())
            for name in ("Location", "Link"):
                if name in headers:
                    headers[name] = headers[name].replace(origin, ours)
        return replace(answer, headers=headers, content=content)


def _damaged(answer: Answer, fault: Fault | None) -> Answer | None:
    half = answer.content[: len(answer.content) // 2]
    if fault == Fault.FAILED_AFTER:
        return REFUSALS[fault]
    if fault == Fault.TRUNCATED:
        return replace(answer, content=half, length=len(answer.content)) if half else None
    if fault == Fault.CUT_SHORT and answer.status != 204:
        return replace(answer, content=half)
    return answer


def origin(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
