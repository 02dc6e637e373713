"""Starts units in the order they need each other, keeps services up, stops them in reverse."""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from local.errors import StartRefused
from local.processes import stop_orphans
from local.progress import Progress, State
from local.service import Job, Service, Unit
from local.supervised import Supervised

FIRST_GROUP: Final = "portal"  # people wait for it: other groups start when it is ready
_TRIES_OF_THE_FIRST_GROUP: Final = 3
_LOOK_SECONDS: Final = 0.1
_CHECKS_AT_ONCE: Final = 4
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH")


class Supervisor:
    """Runs the units of one home until it is asked to stop.

    Args:
        home: has the folders ``run``, ``log`` and ``done``.
        working_folder: the current folder of every child.
        units: names are unique, and whatever ``after`` names is among them.

    Raises:
        ValueError: a name is used twice, or ``after`` names nothing or goes round.
    """

    def __init__(
        self, home: Path, working_folder: Path, units: Sequence[Unit], progress: Progress
    ) -> None:
        self._home = home
        self._progress = progress
        self._all = {unit.name: Supervised(unit, home, working_folder) for unit in units}
        if len(self._all) != len(units):
            raise ValueError("two units have the same name")
        self._refuse_impossible_order()
        self._is_stopping = False
        self._disk_is_full = False
        self._refusal = ""

    def stop(self) -> None:
        """Ask ``run`` to stop everything and return."""
        self._is_stopping = True

    def run(self) -> None:
        """Start everything and look after it until a signal asks to stop.

        Raises:
            StartRefused: the portal's own units cannot start; everything is stopped by then.
        """
        with _woken_by_signals(self.stop) as wake, ThreadPoolExecutor(_CHECKS_AT_ONCE) as checks:
            for one in self._all.values():
                one.rotate_log()
            try:
                while not self._is_stopping:
                    self._look_after_all(checks)
                    self._start_what_is_due()
                    self._tell()
                    _wait(wake)
            finally:
                self._stop_all(wake)
        if self._refusal:
            raise StartRefused(self._refusal)

    def _look_after_all(self, checks: ThreadPoolExecutor) -> None:
        for one in self._all.values():
            before = one.state
            try:
                reason = one.look(checks)
            except OSError as error:
                reason = f"cannot be written down as done: {error}"
            if reason:
                self._handle_failure(one, reason)
            elif one.state != before:
                word = "done" if isinstance(one.unit, Job) else "ready"
                self._progress.say(f"  {word:7} {one.unit.name} ({one.seconds:.1f} s)")

    def _start_what_is_due(self) -> None:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment["PYTHONUNBUFFERED"] = "1"
        for one in self._all.values():
            if not (one.is_due and self._may_start(one)):
                continue
            try:
                one.start(environment)
            except OSError as error:
                self._handle_failure(one, f"cannot start: {error}")

    def _may_start(self, one: Supervised) -> bool:
        if any(self._all[name].state != State.READY for name in one.unit.after):
            return False
        return one.unit.group == FIRST_GROUP or self._is_first_ready()

    def _is_first_ready(self) -> bool:
        first = [one for one in self._all.values() if one.unit.group == FIRST_GROUP]
        return all(one.state in {State.READY, State.RESTARTING} for one in first)

    def _handle_failure(self, one: Supervised, reason: str) -> None:
        was_ready, was_young = one.state == State.READY, one.is_young
        wait = one.retry_later()
        self._progress.say(f"  {one.unit.name}: {reason}")
        if was_young:
            for line in one.last_lines():
                self._progress.say(f"    | {line}")
        if not one.may_be_tried_again or self._gives_up(one, was_ready=was_ready):
            one.state = State.FAILED
            if one.unit.group == FIRST_GROUP:
                self._refusal = f"{one.unit.name} {reason}; its log: {one.log}"
                self.stop()
            return
        self._progress.say(f"  {one.unit.name} is started again in {wait:g} s")

    def _gives_up(self, one: Supervised, *, was_ready: bool) -> bool:
        """A service of the first group that never came up stops the start; others go on trying."""
        is_first = one.unit.group == FIRST_GROUP and isinstance(one.unit, Service)
        return is_first and not was_ready and one.failures >= _TRIES_OF_THE_FIRST_GROUP

    def _tell(self) -> None:
        try:
            self._progress.update([(one.unit, one.state) for one in self._all.values()])
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            if not self._disk_is_full:
                self._progress.say(f"  the disk of {self._home} is full; make room on it")
            self._disk_is_full = True
        else:
            self._disk_is_full = False

    def _stop_all(self, wake: socket.socket) -> None:
        """Stop every unit once nothing that is still up leans on it."""
        self._progress.say("stopping")
        asked: set[str] = set()
        while running := {name: one for name, one in self._all.items() if one.is_running}:
            leaned_on = {name for one in running.values() for name in self._needs(one.unit.after)}
            for name, one in running.items():
                if name in asked:
                    one.look_at_stop()
                elif name not in leaned_on:
                    one.ask_to_stop()
                    asked.add(name)
            _wait(wake)
        for one in self._all.values():
            one.state = State.STOPPED
        self._tell()
        self._progress.say("stopped")

    def _needs(self, names: Iterable[str]) -> set[str]:
        """These units and all that they need, also through jobs that have long ended."""
        needed: set[str] = set()
        to_visit = list(names)
        while to_visit:
            name = to_visit.pop()
            if name not in needed:
                needed.add(name)
                to_visit += self._all[name].unit.after
        return needed

    def _refuse_impossible_order(self) -> None:
        placed: set[str] = set()
        left = dict(self._all)
        while left:
            free = [name for name, one in left.items() if placed.issuperset(one.unit.after)]
            if not free:
                raise ValueError(f"these wait for each other or for nothing: {sorted(left)}")
            placed.update(free)
            for name in free:
                del left[name]


def stop_leftovers(home: Path, progress: Progress) -> None:
    """Stop what an earlier supervisor of this home left running, and say so."""
    names = stop_orphans(home / "run", home)
    if names:
        progress.say(f"stopped what an earlier start left running: {', '.join(names)}")


@contextmanager
def _woken_by_signals(stop: Callable[[], None]) -> Iterator[socket.socket]:
    """Yield a socket that becomes readable at every signal; those that ask to stop call ``stop``.

    Main thread only. The signals keep these handlers afterwards, so that an impatient second
    Ctrl-C does not break off the stopping.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    with reader, writer:
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: stop())
        try:
            yield reader
        finally:
            signal.set_wakeup_fd(-1)


def _wait(wake: socket.socket) -> None:
    """Wait for a signal, as from a child that ended, but not for long."""
    if select.select([wake], [], [], _LOOK_SECONDS)[0]:
        wake.recv(4096)
