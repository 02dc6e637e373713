"""A child process in a session of its own, that is not reaped before its group is gone."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.patience import patience, wait_as_long


@dataclass(frozen=True)
class Child:
    """A process that we started. Until ``bury`` its number stays ours, also after its end."""

    _process: subprocess.Popen[bytes]

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        working_folder: Path,
        log: Path,
        niceness: int,
    ) -> Child:
        """Start it, its output appended to ``log``.

        Raises:
            OSError: the log cannot be opened or the program is not there.
        """
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=working_folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        if niceness:
            os.setpriority(os.PRIO_PROCESS, process.pid, patience() + niceness)
        if patience():
            wait_as_long(process.pid)
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def signal(self, name: str) -> None:
        """Send the signal called ``name``."""
        os.kill(self.pid, getattr(signal.Signals, name))

    def bury(self) -> int:
        """Kill what is left of it and its group, and return its exit code (negative: signal)."""
        os.killpg(self.pid, signal.SIGKILL)
        return self._process.wait()
