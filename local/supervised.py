"""One unit while the supervisor looks after it: its process, its state, when to try again."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Final

from local.child import Child
from local.processes import HOME_VARIABLE, PidFile, Process
from local.progress import State
from local.service import ALWAYS, Job, Service, Unit

_FIRST_BACKOFF_SECONDS: Final = 0.5
_LONGEST_BACKOFF_SECONDS: Final = 30.0
_CALM_SECONDS: Final = 60.0  # ready for so long: an earlier death no longer counts
_YOUNG_SECONDS: Final = 20.0
_CHECK_SECONDS: Final = 0.1  # between two checks of a service that starts
_LOG_BYTES: Final = 5 * 1024 * 1024
_JOB_STOP_SECONDS: Final = 10.0


class Supervised:
    """A unit and its process. Every method returns at once."""

    def __init__(self, unit: Unit, home: Path, working_folder: Path) -> None:
        self.unit = unit
        self.state = State.STOPPED
        self.failures = 0
        self.log = home / "log" / f"{unit.name}.log"
        self._home = home
        self._working_folder = working_folder
        self._pid_file = home / "run" / f"{unit.name}.pid"
        self._child: Child | None = None
        self._check: Future[bool] | None = None
        self._started = self._changed = 0.0  # these five are readings of time.monotonic()
        self._due = self._next_check = self._killed_at = 0.0

    @property
    def is_running(self) -> bool:
        return self._child is not None

    @property
    def is_due(self) -> bool:
        """True when it waits for its first start, or its back-off is over."""
        waits = self.state in {State.STOPPED, State.RESTARTING} and not self.is_running
        return waits and time.monotonic() >= self._due

    @property
    def may_be_tried_again(self) -> bool:
        return not isinstance(self.unit, Job) or self.failures < self.unit.attempts

    @property
    def is_young(self) -> bool:
        """True when it came up a moment ago, or never did: then its log says why it fails."""
        return time.monotonic() - self._started < _YOUNG_SECONDS or self.state != State.READY

    @property
    def seconds(self) -> float:
        """How long the present start takes, or took until it was ready."""
        until = self._changed if self._changed else time.monotonic()
        return until - self._started

    def start(self, environment: Mapping[str, str]) -> None:
        """Start the process; a job that was done before is ready at once.

        Raises:
            OSError: no room for the log or the pid file, or the program is not there.
        """
        if self._marker and self._marker.exists():
            self._become(State.READY)
            return
        self._started, self._changed = time.monotonic(), 0.0
        child = Child.start(
            self.unit.command,
            environment={**environment, **self.unit.environment, HOME_VARIABLE: str(self._home)},
            working_folder=self._working_folder,
            log=self.log,
            niceness=self.unit.niceness,
        )
        try:
            self._write_pid_file(child.pid)
        except OSError:
            child.bury()
            raise
        self._child = child
        self.state = State.STARTING

    def rotate_log(self) -> None:
        """Keep one older log when it has become long; only while nothing writes to it."""
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))

    def look(self, checks: Executor) -> str:
        """See what has changed since the last look.

        Returns:
            Why it must be started again, or has failed; empty when all is well.

        Raises:
            OSError: no room to write down that a job is done.
        """
        child = self._child
        if child is None:
            return ""
        if child.has_ended:
            return self._bury(child)
        if self.state == State.STARTING:
            if self.seconds > self._allowed_seconds:
                self._bury(child)
                return f"not ready within {self._allowed_seconds:g} s"
            if isinstance(self.unit, Service):
                self._check_readiness(self.unit, checks)
        return ""

    def retry_later(self) -> float:
        """Count a failure and plan the next start; return the seconds until then."""
        if self.state == State.READY and time.monotonic() - self._changed > _CALM_SECONDS:
            self.failures = 0
        self.failures += 1
        wait = min(_FIRST_BACKOFF_SECONDS * 2.0 ** (self.failures - 1), _LONGEST_BACKOFF_SECONDS)
        self._due = time.monotonic() + wait
        self.state = State.RESTARTING
        return wait

    def ask_to_stop(self) -> None:
        """Send the stop signal; ``look_at_stop`` follows up."""
        if self._child is not None:
            self._killed_at = time.monotonic() + self._stop_within_seconds
            self._child.signal(self._stop_signal)

    def look_at_stop(self) -> None:
        """Bury it once it has ended; kill it when it takes too long."""
        child = self._child
        if child is not None and (child.has_ended or time.monotonic() > self._killed_at):
            child.bury()
            self._forget_child()

    def last_lines(self, count: int = 8) -> list[str]:
        """Return the end of the log, for the person who must know why."""
        if not self.log.exists():
            return []
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 16 * 1024))
            return log.read().decode(errors="replace").splitlines()[-count:]

    @property
    def _marker(self) -> Path | None:
        if isinstance(self.unit, Job) and self.unit.done_marker != ALWAYS:
            return self._home / "done" / self.unit.done_marker
        return None

    @property
    def _stop_signal(self) -> str:
        return self.unit.stop_signal if isinstance(self.unit, Service) else "SIGTERM"

    @property
    def _stop_within_seconds(self) -> float:
        unit = self.unit
        return unit.stop_within_seconds if isinstance(unit, Service) else _JOB_STOP_SECONDS

    @property
    def _allowed_seconds(self) -> float:
        if isinstance(self.unit, Service):
            return self.unit.ready_within_seconds
        return self.unit.within_seconds if isinstance(self.unit, Job) else 0.0

    def _write_pid_file(self, pid: int) -> None:
        process = Process.find(pid)
        if process is not None:  # else it has ended already, and the next look finds that
            PidFile.write(
                self._pid_file,
                process,
                stop_signal=self._stop_signal,
                within=self._stop_within_seconds,
            )

    def _become(self, state: State) -> None:
        self.state = state
        self._changed = time.monotonic()

    def _check_readiness(self, unit: Service, checks: Executor) -> None:
        if self._check is None:
            if time.monotonic() >= self._next_check:
                self._next_check = time.monotonic() + _CHECK_SECONDS
                self._check = checks.submit(unit.is_ready)
        elif self._check.done():
            is_ready, self._check = self._check.result(), None
            if is_ready:
                self._become(State.READY)

    def _bury(self, child: Child) -> str:
        """Reap the ended process; return why that is a failure, or nothing when a job is done."""
        code = child.bury()
        self._forget_child()
        if isinstance(self.unit, Job) and code == 0:
            if self._marker:
                self._marker.touch()
            self._become(State.READY)
            return ""
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    def _forget_child(self) -> None:
        self._child = self._check = None
        self._pid_file.unlink(missing_ok=True)
