"""What the engine itself costs per step, beside bare Celery tasks on the same broker.

    python -m benchmarks.engine [--pairs N] [--orders N]

Needs CLOUDLOKET_DATABASE_URL, whose user may make a database beside it, CLOUDLOKET_BROKER_URL, and
the other variables of the portal. One Celery worker with two processes, as the local stack has it.

Interleaved pairs. First bare tasks that do nothing, one for each step; then orders of a kind whose
ten steps ask no cloud: taking each step, its lease, its outcome, the locks, the audit trail, and
metering at the end. In both, all messages are sent at once, and the time runs from the first until
the last is done. Target: at least 0.25 as many steps as bare tasks each second (median).
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.conf import settings
from django.db import connection

from benchmarks.engine_kind import STEPS, TALLY, Nothing, nothing
from benchmarks.scratch import a_database
from catalog.models import Offering, OfferingVersion, Operation, OperationState, Step
from catalog.services.approvals import approve_order
from portal.celery import app
from portal.identity.models import Person, Project, Role
from tests.factories import (
    OfferingVersionFactory,
    PersonFactory,
    generous_limits,
    grant,
    make_project,
    place,
)
from tests.faults.processes import Program
from tests.real.conftest import worker_variables

TARGET: Final = 0.25
LOOK_SECONDS: Final = 0.02
PATIENCE_SECONDS: Final = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--orders", type=int, default=50)
    options = parser.parse_args()
    ratios, pauses = [], []
    with a_database(), a_worker() as tally:
        desk = Desk()
        time_tasks(tally, STEPS)  # warm
        time_steps(desk.approved(1))
        for pair in range(1, options.pairs + 1):
            count = options.orders * STEPS
            tasks = count / time_tasks(tally, count)
            operations = desk.approved(options.orders)
            steps = count / time_steps(operations)
            ratios.append(steps / tasks)
            pauses += seconds_between_steps(operations)
            print(
                f"pair {pair}: {steps:6.0f} steps/s   {tasks:6.0f} bare tasks/s   "
                f"ratio {ratios[-1]:.2f}",
                flush=True,
            )
    p95 = statistics.quantiles(pauses, n=20)[-1]
    print(f"a step: median {statistics.median(pauses) * 1000:.1f} ms, p95 {p95 * 1000:.1f} ms")
    print(
        f"ratio: median {statistics.median(ratios):.2f}, from {min(ratios):.2f} "
        f"to {max(ratios):.2f} (target: at least {TARGET})"
    )


class Desk:
    """Where orders are placed and approved without a message being sent."""

    def __init__(self) -> None:
        self.project: Project = make_project()
        generous_limits(self.project)
        self.requester: Person = PersonFactory()
        self.approver: Person = PersonFactory()
        grant(self.requester, Role.REQUESTER, self.project)
        grant(self.approver, Role.APPROVER, self.project)
        self.version: OfferingVersion = OfferingVersionFactory(
            offering=Offering.objects.create(code=Nothing.key, kind=Nothing.key), choices={}
        )

    def approved(self, count: int) -> list[int]:
        """Primary keys of new operations that nobody has been told of."""
        before = set(Operation.objects.values_list("pk", flat=True))
        with patch("portal.core.dispatch.current_app.send_task"):
            for _ in range(count):
                order = place(self.requester, self.project, self.version, spec={})
                approve_order(order.public_id, approver=self.approver)
        return sorted(set(Operation.objects.values_list("pk", flat=True)) - before)


def time_tasks(tally: Path, count: int) -> float:
    """Seconds in which so many bare tasks are done."""
    done_before = tally.stat().st_size
    begin = time.perf_counter()
    for _ in range(count):
        nothing.apply_async(queue="interactive")
    wait_for(lambda: tally.stat().st_size - done_before >= count)
    return time.perf_counter() - begin


def time_steps(operations: list[int]) -> float:
    """Seconds in which all steps of these operations are done."""
    begin = time.perf_counter()
    for operation_id in operations:
        app.send_task(
            "catalog.run_operation", kwargs={"operation_id": operation_id}, queue="interactive"
        )
    running = Operation.objects.filter(pk__in=operations).exclude(state=OperationState.SUCCEEDED)
    wait_for(lambda: not running.exists())
    return time.perf_counter() - begin


def seconds_between_steps(operations: list[int]) -> list[float]:
    """How long after the one before it each step was done."""
    ends: dict[int, list[Any]] = {}
    steps = Step.objects.filter(operation__in=operations).order_by("position")
    for operation_id, end in steps.values_list("operation", "finished_at"):
        ends.setdefault(operation_id, []).append(end)
    return [
        (after - before).total_seconds()
        for each in ends.values()
        for before, after in pairwise(each)
    ]


def wait_for(is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_done():
        if time.monotonic() > deadline:
            raise SystemExit("it is never done; see the worker's log")
        time.sleep(LOOK_SECONDS)


@contextmanager
def a_worker() -> Iterator[Path]:
    """One Celery worker with two processes; gives the file in which it tallies bare tasks."""
    app.control.purge()
    with tempfile.TemporaryDirectory() as folder:
        tally = Path(folder, "tally")
        tally.touch()
        queues = ",".join(queue.name for queue in settings.CELERY_TASK_QUEUES)
        command = ["celery", "--app", "portal.celery", "worker", "--queues", queues]
        options = ["--concurrency", "2", "--include", "benchmarks.engine_kind"]
        quiet = ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
        environment = {
            **worker_variables(),
            TALLY: str(tally),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        }
        worker = Program(Path(folder), environment, [*command, *options, *quiet])
        worker.start()
        try:
            yield tally
        finally:
            connection.close()
            worker.kill()


if __name__ == "__main__":
    main()
