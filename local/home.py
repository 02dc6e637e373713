"""The folder that holds a local stack: made, checked and locked before anything starts."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from local.errors import StartRefused

_LONGEST_SOCKET_PATH: Final = 107  # bytes; sun_path in unix(7) is 108 with its closing zero
_LONGEST_SOCKET_NAME: Final = ".s.PGSQL.65535"
_NEEDED_BYTES: Final = 700 * 1024 * 1024  # databases, write-ahead log and logs of a first start


def prepare_home(home: Path) -> None:
    """Make the folders of a stack.

    Raises:
        StartRefused: the path is too long, not writable, or its disk is full.
    """
    socket_path = os.fsencode(home / "run" / _LONGEST_SOCKET_NAME)
    if len(socket_path) > _LONGEST_SOCKET_PATH:
        too_many = len(socket_path) - _LONGEST_SOCKET_PATH
        raise StartRefused(
            f"{home} is {too_many} characters too long for PostgreSQL's socket; "
            "choose a shorter one with --home DIR"
        )
    try:
        for folder in ("run", "log", "done", "secrets"):
            (home / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / "run" / "writable").touch()
    except OSError as error:
        raise StartRefused(f"cannot write in {home}: {error.strerror}") from error


def refuse_full_disk(home: Path, needed_bytes: int = _NEEDED_BYTES) -> None:
    """Check that a start has room.

    Raises:
        StartRefused: the disk below ``home`` has less than ``needed_bytes`` free.
    """
    free = shutil.disk_usage(home).free
    if free < needed_bytes:
        raise StartRefused(
            f"the disk of {home} has {free // 2**20} MiB free; a start needs "
            f"{needed_bytes // 2**20} MiB"
        )


@contextmanager
def only_one(home: Path) -> Iterator[Callable[[str], None]]:
    """Hold the lock of this home; the kernel releases it however this process ends.

    Yields:
        A function that leaves our address for whoever comes second.

    Raises:
        StartRefused: another ``./run`` holds it.
    """
    path = home / "run" / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def announce(address: str) -> None:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {address}\n".encode(), 0)

    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid, _, address = path.read_text().partition(" ")
            raise StartRefused(
                f"already running in {home}: {address.strip()} (stop it with: kill {pid})"
            ) from error
        announce("")
        yield announce
    finally:
        os.close(descriptor)
