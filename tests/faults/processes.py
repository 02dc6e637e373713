"""Killing what runs, without a chance to tidy up, and starting it again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from django.conf import settings

Kill = Callable[[], None]
RESTART_SECONDS: Final = 120
LOOK_SECONDS: Final = 0.1


class Program:
    """A Python module that runs in a process group, which can be killed as a whole.

    Args:
        folder: for its log.
        command: the module and its arguments.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str], command: Sequence[str]
    ) -> None:
        self._folder = folder
        self._environment = environment
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / f"{self._command[0]}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._command],
                cwd=settings.BASE_DIR,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Without a chance to tidy up: the process and its children, at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        self.kill()
        self.start()


def killed_in_stack(home: Path, name: str) -> None:
    """Kill a service of a local stack and wait until its supervisor has started it again."""
    file = home / "run" / f"{name}.pid"
    before = file.read_text()
    os.kill(int(before.split()[0]), signal.SIGKILL)
    deadline = time.monotonic() + RESTART_SECONDS
    while not file.exists() or file.read_text() == before:
        if time.monotonic() > deadline:
            raise AssertionError(f"{name} is not restarted")
        time.sleep(LOOK_SECONDS)


class Killer:
    """Kills one of the ``victims`` now and then while the block runs; each starts again itself.

    Now and then is counted in work, not in time: on a slow machine too something gets done.

    Args:
        victims: by name; a function that kills it and sees to it that it starts again.
        work: how much was done until now.
        pause: work between two, at least and at most.
    """

    def __init__(
        self,
        victims: Mapping[str, Kill],
        *,
        seed: int,
        work: Callable[[], int],
        pause: tuple[int, int],
    ) -> None:
        self.killed: Counter[str] = Counter()
        self._victims = dict(victims)
        self._chance = random.Random(seed)  # noqa: S311  (no secret)
        self._work_done = work
        self._pause = pause
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def _work(self) -> None:
        names = sorted(self._victims)
        due = self._work_done() + self._chance.randint(*self._pause)
        while not self._is_over.wait(LOOK_SECONDS):
            if self._work_done() < due:
                continue
            name = self._chance.choice(names)
            self._victims[name]()
            self.killed[name] += 1
            due = self._work_done() + self._chance.randint(*self._pause)
