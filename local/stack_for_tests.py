"""The stack that ``./test`` runs beside the tests: ``python -m local.stack_for_tests HOME PART…``.

Parts are ``portal``, ``cloud``, ``rabbitmq`` and ``waits_for_disk``; the databases and the login
are always there.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local.environments import CHECKOUT
from local.errors import StartRefused
from local.home import only_one, prepare_home
from local.layout import LOOPBACK, Layout
from local.main import run_stack
from local.patience import patience, wait_as_long
from local.ports import choose_port
from local.postgres import PORTAL_DATABASE_PREPARED, SUPERUSER, VERSION_VARIABLE
from local.progress import Progress
from local.rabbitmq import RabbitMqServer
from local.stack import LOCAL_CLOUD, Parts
from local.supervisor import stop_leftovers

_LOOK_SECONDS: Final = 0.1
_DATABASE_SECONDS: Final = 120.0
_READY_SECONDS: Final = 600.0
_GROUPS: Final = ("portal", "cloud", "extras")
_LAST_LINES: Final = 15


@dataclass(frozen=True)
class StackForTests:
    """A running stack of which tests get the addresses."""

    home: Path
    process: subprocess.Popen[bytes]

    @property
    def status(self) -> dict[str, Any]:
        """What its supervisor last wrote; empty at first."""
        return _status(self.home)

    @property
    def log(self) -> Path:
        return self.home / "log" / "run.log"

    def wait_for_databases(self) -> None:
        """Wait until the database and the broker can be used.

        Raises:
            StartRefused: the stack has ended, or takes too long.
        """
        until = time.monotonic() + _DATABASE_SECONDS
        while not self._has_databases():
            if self.process.poll() is not None or time.monotonic() > until:
                last = "\n".join(self.log.read_text().splitlines()[-_LAST_LINES:])
                raise StartRefused(f"the stack for the tests does not start:\n{last}")
            time.sleep(_LOOK_SECONDS)

    def _has_databases(self) -> bool:
        units = {**self.status.get("services", {}), **self.status.get("jobs", {})}
        return all(units.get(name) == "ready" for name in ("valkey", PORTAL_DATABASE_PREPARED))

    def settings(self) -> dict[str, str]:
        """Return the variables by which tests find it."""
        ports = json.loads((self.home / "ports.json").read_text())
        layout = Layout(
            checkout=CHECKOUT, home=self.home, ports=ports, python=Path(), openstack_python=Path()
        )
        postgres = layout.postgres
        broker = f"redis://:{layout.secret('valkey')}@{LOOPBACK}:{ports['valkey']}"
        return {
            # The tests' own database stands beside the stack's; they tamper with it as only a
            # superuser can, to see that it is found out.
            "CLOUDLOKET_DATABASE_URL": postgres.url(SUPERUSER, "cloudloket"),
            "CLOUDLOKET_DATABASE_OWNER_URL": postgres.url(SUPERUSER, "cloudloket"),
            "CLOUDLOKET_BROKER_URL": f"{broker}/1",  # the stack's own workers listen on 0
            "CLOUDLOKET_CLOUDS": LOCAL_CLOUD,
            "CLOUDLOKET_TEST_PORTAL_URL": layout.url("portal"),
            "CLOUDLOKET_TEST_PORTAL_DATABASE_URL": postgres.url("cloudloket_owner", "cloudloket"),
            "CLOUDLOKET_TEST_RABBITMQ_URL": RabbitMqServer(layout).url,
            "CLOUDLOKET_TEST_HOME": str(self.home),
        }


def comes_up(home: Path) -> bool:
    """Wait until all parts of the stack in ``home`` can be used; False when that fails."""
    until = time.monotonic() + _READY_SECONDS
    while True:
        status = _status(home)
        groups = [status[name] for name in _GROUPS if name in status]
        if groups and all(group["ready"] for group in groups):
            return True
        if any(group["failed"] for group in groups) or time.monotonic() > until:
            return False
        time.sleep(_LOOK_SECONDS)


def _status(home: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((home / "run" / "status.json").read_text())
    except FileNotFoundError:
        return {}
    return content


@contextmanager
def stack_for_tests(home: Path, parts: Parts) -> Iterator[StackForTests]:
    """Start a stack from nothing in a process beside us, and stop it afterwards.

    Raises:
        StartRefused: another ``./test`` uses the home, or it cannot be written.
    """
    _empty(home)
    command = [sys.executable, "-m", "local.stack_for_tests", str(home)]
    chosen = [name for name, is_chosen in dataclasses.asdict(parts).items() if is_chosen]
    with (home / "log" / "run.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *chosen],
            cwd=CHECKOUT,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    if patience():
        wait_as_long(process.pid)
    try:
        yield StackForTests(home, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def clean_environment() -> dict[str, str]:
    """Return ours without what would point the tests at somebody's own servers."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CLOUDLOKET_", "OS_")) or name == VERSION_VARIABLE
    }


def _empty(home: Path) -> None:
    """Forget an earlier run, of which the processes may still be there."""
    prepare_home(home)
    with only_one(home):
        stop_leftovers(home, Progress(home / "run" / "status.json", {}))
        for path in home.iterdir():
            if path.name != "run":  # which holds the lock
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        (home / "run" / "status.json").unlink(missing_ok=True)
    prepare_home(home)


if __name__ == "__main__":
    try:
        wanted = dict.fromkeys(("portal", "cloud"), False) | dict.fromkeys(sys.argv[2:], True)
        parts = Parts(**wanted, is_for_tests=True)
        run_stack(Path(sys.argv[1]), choose_port(taken=()), parts)
    except StartRefused as refusal:
        sys.exit(f"cloudloket: {refusal}")
