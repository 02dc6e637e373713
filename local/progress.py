"""How far the stack is: short lines for the terminal, ``status.json`` for the portal."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

from local.service import Job, Unit


class State(StrEnum):
    """Where one unit stands."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"  # a service answers, or a job is done
    RESTARTING = "restarting"
    FAILED = "failed"


@dataclass
class Progress:
    """Tells people what happens.

    Args:
        status_file: written anew at every change, by rename, so that a reader never sees half.
        announcements: what is said when everything in a group is ready, by group.
        terminal: where lines go; a terminal that was closed is forgotten.
    """

    status_file: Path
    announcements: Mapping[str, str]
    terminal: TextIO | None = field(default_factory=lambda: sys.stdout)
    _announced: set[str] = field(default_factory=set)
    _written: str = ""

    def say(self, text: str) -> None:
        """Print one line."""
        if self.terminal is None:
            return
        try:
            print(text, file=self.terminal, flush=True)
        except OSError:  # the window was closed; the stack outlives it until it is told to stop
            self.terminal = None

    def update(self, states: Sequence[tuple[Unit, State]]) -> None:
        """Write the status and announce groups that have become ready.

        Raises:
            OSError: the status cannot be written, as on a full disk.
        """
        names = dict.fromkeys(unit.group for unit, _ in states)
        groups = {group: _group_status(group, states) for group in names}
        for group, status in groups.items():
            if status["ready"] and group not in self._announced:
                self._announced.add(group)
                if group in self.announcements:
                    self.say(self.announcements[group])
        services = {unit.name: state for unit, state in states if not isinstance(unit, Job)}
        jobs = {unit.name: state for unit, state in states if isinstance(unit, Job)}
        text = json.dumps({**groups, "services": services, "jobs": jobs}, indent=1)
        if text != self._written:
            unfinished = self.status_file.with_suffix(".new")
            unfinished.write_text(text + "\n")
            unfinished.replace(self.status_file)
            self._written = text


def _group_status(group: str, states: Sequence[tuple[Unit, State]]) -> dict[str, Any]:
    mine = [(unit, state) for unit, state in states if unit.group == group]
    done = sum(state == State.READY for _, state in mine)
    busy = [unit for unit, state in mine if state in {State.STARTING, State.RESTARTING}]
    return {
        "ready": done == len(mine),
        "failed": any(state == State.FAILED for _, state in mine),
        "done": done,
        "total": len(mine),
        "now": (busy[0].title or busy[0].name) if busy else "",
    }
