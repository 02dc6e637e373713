"""What ``./test`` leaves behind when somebody stops it."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Final

from local.environments import CHECKOUT

# A run that waits for a signal, where the real one would have a stack beside it.
_WAITING_RUN: Final = """
import contextlib, signal, sys
from local import testing

def run(arguments, *, with_rabbitmq):
    with contextlib.ExitStack() as stack:
        stack.callback(print, "stack stopped")
        print("running", flush=True)
        signal.pause()

testing._run = run
sys.exit(testing.main([]))
"""


def test_a_terminated_run_stops_its_stack() -> None:
    command = [sys.executable, "-c", _WAITING_RUN]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "running\n"

        process.send_signal(signal.SIGTERM)

        assert process.stdout.read() == "stack stopped\n"
    assert process.returncode == 1
