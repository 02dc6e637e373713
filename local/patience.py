"""Letting all others go first, also where Linux shares processors by session.

There (``kernel.sched_autogroup_enabled``) the niceness of a process counts only inside its own
session, and a session has one too. A process that we start gets a session of its own.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def be_patient(niceness: int) -> None:
    """Let all others go first: this process, its session, and what it starts from now on."""
    os.nice(niceness)
    wait_as_long(os.getpid())


def patience() -> int:
    """Our own niceness, which children inherit; 0 for nearly everything."""
    return os.nice(0)


def wait_as_long(pid: int) -> None:
    """Let the session of that process be as patient as we are."""
    # Not everywhere there is such a file, and an ordinary user may write only some in a second.
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(patience()))
