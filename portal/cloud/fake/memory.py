"""What a fake cloud remembers, and what was planned to go wrong in it."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import wraps
from itertools import count
from typing import Any, Concatenate, ParamSpec, TypeVar

from portal.cloud.ports import CloudError, CloudMissing, CloudObject, CloudUnavailable, ServerLoad

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound="Memory")


@dataclass
class Thing:
    """Something in the cloud. ``on_settled`` runs when it was polled ``polls_left`` times more."""

    kind: str
    id: str
    project: str
    name: str
    marker: str
    created_at: datetime
    status: str = "ACTIVE"
    fault: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    polls_left: int = 0
    on_settled: Callable[[], None] | None = None

    def facts(self) -> CloudObject:
        """As the port tells it; a copy, so that a later change does not show in it."""
        return CloudObject(
            id=self.id,
            name=self.name,
            status=self.status,
            created_at=self.created_at,
            marker=self.marker,
            fault=self.fault,
            details={
                key: list(value) if isinstance(value, list) else value
                for key, value in self.details.items()
            },
        )


def asked(method: Callable[Concatenate[M, P], R]) -> Callable[Concatenate[M, P], R]:
    """Decorator of the port's methods: counts the call and lets a planned fault happen."""
    name = method.__name__

    @wraps(method)
    def ask(self: M, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock:
            self.calls[name] += 1
            if self.failures[name]:
                raise self.failures[name].popleft()
            answer = method(self, *args, **kwargs)
            if self.lost_replies[name]:
                raise self.lost_replies[name].popleft()
            return answer

    return ask


class Memory:
    """The things, the clock and the planned faults; one lock for all, as tests use threads."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.calls: Counter[str] = Counter()
        self.polls_until_settled = 1
        self.failures: defaultdict[str, deque[CloudError]] = defaultdict(deque)
        self.lost_replies: defaultdict[str, deque[CloudError]] = defaultdict(deque)
        self.things: dict[str, Thing] = {}
        self.limits: dict[str, dict[str, int]] = {}
        self.loads: dict[str, ServerLoad] = {}
        self.server_outcome = ("ACTIVE", "")
        self._numbers = count(1)
        self._clock = datetime(2026, 1, 1, tzinfo=UTC)

    # --- what a test plans -----------------------------------------------------------------

    def fail_next(self, operation: str, error: CloudError) -> None:
        """Let the next call of the port's method ``operation`` raise, without any effect."""
        self._check_known(operation)
        self.failures[operation].append(error)

    def lose_next_reply(self, operation: str, error: CloudError | None = None) -> None:
        """Let the next call do its work, and then raise (by default: the connection broke)."""
        self._check_known(operation)
        lost = CloudUnavailable(
            f"{operation}: connection reset", outcome_unknown=True, operation=operation
        )
        self.lost_replies[operation].append(error or lost)

    def servers_become(self, status: str, fault: str = "") -> None:
        """Let every server that settles from now on end in this status."""
        self.server_outcome = (status, fault)

    def tick(self) -> None:
        """Let the cloud finish one round of work, as one poll of everything would see."""
        with self.lock:
            self.settle(list(self.things.values()))

    def count(self, kind: str) -> int:
        """How many things of a kind exist: server, volume, port, network, subnet, router …"""
        return sum(1 for thing in self.things.values() if thing.kind == kind)

    # --- for the parts ---------------------------------------------------------------------

    def now(self) -> datetime:
        """The cloud's clock: each look at it is a second later."""
        self._clock += timedelta(seconds=1)
        return self._clock

    def add(self, kind: str, project: str, name: str, marker: str, **details: Any) -> Thing:
        thing = Thing(
            kind=kind,
            id=f"{kind}-{next(self._numbers)}",
            project=project,
            name=name,
            marker=marker,
            created_at=self.now(),
            details=details,
        )
        self.things[thing.id] = thing
        return thing

    def of(self, kind: str, project: str) -> list[Thing]:
        """The project's things of one kind, oldest first."""
        return [t for t in self.things.values() if t.kind == kind and t.project == project]

    def found(self, kind: str, project: str, marker: str) -> list[CloudObject]:
        return [thing.facts() for thing in self.of(kind, project) if thing.marker == marker]

    def get(self, kind: str, project: str, thing_id: str) -> Thing:
        """The thing, where it is of this kind and project.

        Raises:
            CloudMissing: it is not.
        """
        thing = self.things.get(thing_id)
        if thing is None or (thing.kind, thing.project) != (kind, project):
            raise self.refusal(CloudMissing, 404, f"{kind} {thing_id} could not be found")
        return thing

    def settle_later(self, thing: Thing, then: Callable[[], None]) -> None:
        thing.polls_left, thing.on_settled = self.polls_until_settled, then

    def settle(self, things: Iterable[Thing]) -> None:
        """One poll of these things passes."""
        for thing in things:
            if thing.on_settled is None:
                continue
            thing.polls_left -= 1
            if thing.polls_left <= 0:
                finish, thing.on_settled = thing.on_settled, None
                finish()

    def polled(self, things: list[Thing]) -> list[CloudObject]:
        """What a listing answers; afterwards the cloud has worked on."""
        answer = [thing.facts() for thing in things]
        self.settle(things)
        return answer

    def busy(self, message: str) -> CloudError:
        return self.refusal(CloudUnavailable, 409, message)

    def refusal(self, error: type[CloudError], status: int, message: str) -> CloudError:
        """An error as the real cloud gives it, with a request id."""
        return error(message, request_id=f"req-fake-{next(self._numbers)}", status=status)

    def _check_known(self, operation: str) -> None:
        if not callable(getattr(self, operation, None)):
            raise ValueError(f"the port has no {operation!r}")
