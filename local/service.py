"""What the supervisor runs: services that stay up, and jobs that run once to their end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

ALWAYS: Final = ""  # a job's ``done_marker`` when it must run at every start


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One process of the local stack.

    Args:
        name: short and unique; names the log file and the pid file.
        command: argument vector; the first item is an absolute path.
        environment: added to the (small, fixed) environment that the supervisor passes on.
        after: names of units that must be ready (services) or finished (jobs) before this starts.
        group: ``portal``, ``cloud`` or ``extras``; progress is reported per group.
        niceness: added to the supervisor's own; ``extras`` start at 10 so that people come first.
        title: what people read while they wait for it; without one, its name.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    after: Sequence[str] = ()
    group: str = "portal"
    niceness: int = 0
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Service(Unit):
    """A process that must stay up; restarted with back-off when it dies.

    Args:
        is_ready: quick check (at most a second), called again and again until it is True.
        ready_within_seconds: after that the start is called failed, with the log's last lines.
        stop_signal: name of the signal that asks it to stop.
        stop_within_seconds: after that it is killed.
    """

    is_ready: Callable[[], bool]
    ready_within_seconds: float = 60
    stop_signal: str = "SIGTERM"
    stop_within_seconds: float = 10


@dataclass(frozen=True, kw_only=True)
class Job(Unit):
    """A process that runs to its end.

    Args:
        done_marker: file name below ``HOME/done/`` written after success; a job whose marker
            exists is skipped. ``ALWAYS`` means: run at every start.
        within_seconds: after that it is killed and has failed.
        attempts: how often it is tried; a job that cannot be repeated keeps the one.
    """

    done_marker: str = ALWAYS
    within_seconds: float = 300
    attempts: int = 1
