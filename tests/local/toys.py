"""Units that do nothing useful, and a supervisor of them of which the lines are read."""

import json
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

from local.processes import PidFile

SECONDS = 20
ROOT = Path(__file__).resolve().parents[2]


# Not a shell script: a signal just before a shell's ``wait`` is not seen until its child ends.
STAY = """\
import os, pathlib, signal, sys
name, first = sys.argv[1:]
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.system(first)
pathlib.Path("ready", name).touch()
signal.sigwait([signal.SIGTERM])
with open("stopped", "a") as stopped:
    print(name, file=stopped)
"""


def service(name, *, first="true", **options):
    """A service that runs ``first``, says it is ready, and notes in ``stopped`` when it must go."""
    command = [sys.executable, "-S", "-c", STAY, name, first]
    return {"kind": "service", "name": name, "command": command, **options}


def job(name, script, **options):
    return {"kind": "job", "name": name, "command": ["/bin/sh", "-c", script], **options}


class ToyRun:
    """A supervisor of toys in a process of its own."""

    def __init__(self, home, units):
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.local.toy_supervisor", home, json.dumps(units)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines = []
        self._queue = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for(self, text):
        """Read until a line contains ``text``."""
        while True:
            line = self._queue.get(timeout=SECONDS)
            assert line is not None, f"no line with {text!r} in {self.lines}"
            self.lines.append(line)
            if text in line:
                return

    def pid(self, name):
        return PidFile.read(self.home / "run" / f"{name}.pid").process.pid

    def wait(self):
        """Return the exit code, once it has ended and all is read."""
        code = self.process.wait(SECONDS)
        if not self.process.stdout.closed:
            self._reader.join()
            self.process.stdout.close()
            while (line := self._queue.get(timeout=SECONDS)) is not None:
                self.lines.append(line)
        return code

    def stop(self):
        """Ask it to stop, unless it has ended; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def _read(self):
        for line in self.process.stdout:
            self._queue.put(line.strip())
        self._queue.put(None)
