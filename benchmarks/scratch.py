"""What several benchmarks need: a database of their own, and a team of processes that use it."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Final

from django.db import connection

processes: Final = multiprocessing.get_context("fork")

Act = Callable[[], object]


@contextmanager
def a_database() -> Iterator[None]:
    """A database of our own, gone afterwards."""
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


@contextmanager
def a_copy(suffix: str) -> Iterator[str]:
    """The name of a copy of the database that ``a_database`` made, gone afterwards."""
    connection.close()  # nobody may be in what is copied
    connection.creation.clone_test_db(suffix, verbosity=0, autoclobber=True)
    try:
        yield connection.creation.get_test_db_clone_settings(suffix)["NAME"]
    finally:
        connection.creation.destroy_test_db(suffix=suffix, verbosity=0)


@contextmanager
def connected_to(name: str) -> Iterator[None]:
    """Everything inside happens in that database; so do processes that are forked here."""
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before


class Team:
    """Processes that do acts again and again, each over a connection of its own."""

    def __init__(self, members: Sequence[Connection]) -> None:
        self._members = members

    def rate(self, acts: Sequence[Act], seconds: float) -> float:
        """How many acts a second so many members do together, each one of ``acts``."""
        busy = self._members[: len(acts)]
        begin = time.monotonic() + 0.1
        for member, act in zip(busy, acts, strict=True):
            member.send((act, begin, begin + seconds))
        return float(sum(member.recv() for member in busy)) / seconds


@contextmanager
def a_team(size: int) -> Iterator[Team]:
    """Processes that wait for work; they end when they are told that there is none."""
    connection.close()  # a process that is forked must not share it
    members, running = [], []
    for _ in range(size):
        ours, theirs = processes.Pipe()
        process = processes.Process(target=_work, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        members.append(ours)
        running.append(process)
    try:
        yield Team(members)
    finally:
        for ours in members:
            ours.send(None)
        for process in running:
            process.join()


def _work(orders: Connection) -> None:
    while (order := orders.recv()) is not None:
        act, begin, end = order
        time.sleep(max(0.0, begin - time.monotonic()))
        done = 0
        while time.monotonic() < end:
            act()
            done += 1
        orders.send(done)
    connection.close()
