"""Recognising our own processes, also those that an earlier, killed supervisor left behind.

A pid alone proves nothing: the kernel gives it out again. So a pid file holds the process's start
time and the machine's boot as well, and every child carries the stack's home in its environment,
which finds those whose pid file was never written and children that outlived their parent.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HOME_VARIABLE: Final = "CLOUDLOKET_STACK_HOME"
_PROC: Final = Path("/proc")
_BOOT: Final = _PROC / "sys/kernel/random/boot_id"
_STATE, _START_TIME = 0, 19  # fields 3 and 22 of /proc/PID/stat, counted after the program's name
_GONE: Final = (FileNotFoundError, ProcessLookupError)
_KILL_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken for another one with the same pid.

    Attributes:
        started: clock ticks since the machine booted.
    """

    pid: int
    started: int

    @classmethod
    def find(cls, pid: int) -> Process | None:
        """Return the living process with this pid; None when there is none, or only a zombie."""
        try:
            stat = (_PROC / str(pid) / "stat").read_text()
        except _GONE:
            return None
        fields = stat.rpartition(")")[2].split()
        return None if fields[_STATE] in "ZX" else cls(pid, int(fields[_START_TIME]))

    @property
    def is_alive(self) -> bool:
        return Process.find(self.pid) == self

    def signal(self, number: int) -> None:
        """Send the signal, if it is still there."""
        if self.is_alive:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return  # it ended between the two lines: what was wanted

    def has_ended_within(self, seconds: float) -> bool:
        """Wait until it is gone, at most so long; the process need not be a child of ours."""
        until = time.monotonic() + seconds
        while self.is_alive:
            if time.monotonic() > until:
                return False
            time.sleep(_LOOK_SECONDS)
        return True


@dataclass(frozen=True)
class PidFile:
    """What the supervisor wrote about one process: enough to stop it without its unit."""

    path: Path
    process: Process
    boot: str
    stop_signal: str
    stop_within_seconds: float

    @classmethod
    def write(cls, path: Path, process: Process, *, stop_signal: str, within: float) -> None:
        """Write it, replacing an older one in one step.

        Raises:
            OSError: the disk is full or cannot be written.
        """
        unfinished = path.with_suffix(".new")
        unfinished.write_text(
            f"{process.pid}\n{process.started}\n{_BOOT.read_text().strip()}\n"
            f"{stop_signal}\n{within}\n"
        )
        unfinished.replace(path)

    @classmethod
    def read(cls, path: Path) -> PidFile | None:
        """Return what the file says; None when it is damaged, as after a power cut."""
        lines = path.read_text(errors="replace").split()
        try:
            pid, started, boot, stop_signal, within = lines
            return cls(path, Process(int(pid), int(started)), boot, stop_signal, float(within))
        except ValueError:
            return None

    @property
    def is_current(self) -> bool:
        """True while exactly this process lives; a pid that somebody else got is not ours."""
        return self.boot == _BOOT.read_text().strip() and self.process.is_alive


def stop_orphans(run_folder: Path, home: Path) -> list[str]:
    """Stop what a killed supervisor of this home left behind; return the names, in order.

    The newest goes first, since what starts later leans on what was there. The pid files are
    removed, also the stale ones.
    """
    files = [file for file in map(PidFile.read, run_folder.glob("*.pid")) if file]
    alive = [file for file in files if file.is_current]
    alive.sort(key=lambda file: file.process.started, reverse=True)
    for file in alive:
        file.process.signal(getattr(signal.Signals, file.stop_signal))
        if not file.process.has_ended_within(file.stop_within_seconds):
            file.process.signal(signal.SIGKILL)
            file.process.has_ended_within(_KILL_SECONDS)
    rest = list(_marked(home))
    for process in rest:
        process.signal(signal.SIGKILL)
    for process in rest:
        process.has_ended_within(_KILL_SECONDS)
    for path in run_folder.glob("*.pid"):
        path.unlink()
    return [file.path.stem for file in alive]


def _marked(home: Path) -> Iterator[Process]:
    """Yield the processes that carry this home in their environment, but not our own ancestors."""
    marker = f"{HOME_VARIABLE}={home}".encode()
    spared = set(_ancestors(os.getpid()))
    for folder in _PROC.iterdir():
        if not folder.name.isdigit() or int(folder.name) in spared:
            continue
        try:
            environment = (folder / "environ").read_bytes()
        except (PermissionError, *_GONE):
            continue  # somebody else's, or gone
        process = Process.find(int(folder.name))
        if process and marker in environment.split(b"\0"):
            yield process


def _ancestors(pid: int) -> Iterator[int]:
    while pid > 0:
        yield pid
        stat = (_PROC / str(pid) / "stat").read_text()
        pid = int(stat.rpartition(")")[2].split()[1])
