"""How long from an approval to delivery, beside a script that sends the same requests.

    python -m benchmarks.approval_to_active [--pairs N] [--servers N | --blueprint]

Interleaved pairs, each in a fresh Keystone project: the portal (approval, Celery worker, engine,
audit, metering), then a straight openstacksdk script. Servers, each with a disk that is attached,
stand in one order; the script makes one after another. The blueprint is the demonstration's web
application in one order: a network, a load balancer before two servers, a volume for a database,
and a domain with a record.

Needs what tests/real needs: OS_CLIENT_CONFIG_FILE, CLOUDLOKET_CLOUDS, CLOUDLOKET_DATABASE_URL (a
database is made beside it) and CLOUDLOKET_BROKER_URL. Targets for the median ratio: at most 1.15
for one server, 0.6 for 20, 0.8 for the blueprint.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import django
import openstack

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from openstack.connection import Connection

from benchmarks.scratch import a_database
from benchmarks.straight_script import time_servers, time_web_application
from catalog.models import OfferingVersion, OrderState, Step, StepState
from catalog.services.approvals import approve_order
from catalog.services.order_lines import LineRequest
from portal.celery import app
from portal.cloud.models import CloudProject
from portal.identity.models import Person, Role
from tests.factories import generous_limits, grant, make_project, place_lines
from tests.real.conftest import (
    KEY,
    Worker,
    order_spec,
    remove_project,
    smallest_version,
    worker_variables,
)
from tests.real.web_application import answers, make_blueprint

PAIRS: Final = 7
PORTAL_LOOK: Final = 0.05  # seconds; looking more often takes the processor from the cloud
TARGETS: Final = {1: 1.15, 20: 0.6}  # by number of servers
BLUEPRINT_TARGET: Final = 0.8


@dataclass(frozen=True)
class Case:
    """What is made on either side: what to order, by which answers, and the script for it."""

    version: OfferingVersion
    answers: Callable[[], dict[str, Any]]
    script: Callable[[], float]
    lines: int = 1
    target: float | None = None


def main() -> None:
    """Print each pair, the medians with their spread, and the ratio with its target."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=PAIRS)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--servers", type=int, default=1, help="at once")
    what.add_argument("--blueprint", action="store_true", help="a web application instead")
    options = parser.parse_args()
    with openstack.connect(cloud=KEY) as operator, a_database(), a_worker():
        server = smallest_version()
        people = [Person.objects.create(name=name) for name in ("requester", "approver")]
        warm_up = servers(operator, server, count=1)  # all have logged in
        time_portal(operator, warm_up, *people)
        warm_up.script()
        case = (
            web_application(operator, server)
            if options.blueprint
            else servers(operator, server, count=options.servers)
        )
        compare(operator, case, people, pairs=options.pairs)


def servers(operator: Connection, version: OfferingVersion, *, count: int) -> Case:
    return Case(
        version=version,
        answers=lambda: order_spec(version),
        script=lambda: time_servers(operator, version, count=count),
        lines=count,
        target=TARGETS.get(count),
    )


def web_application(operator: Connection, server: OfferingVersion) -> Case:
    return Case(
        version=make_blueprint(server),
        answers=lambda: answers(server),
        script=lambda: time_web_application(operator, server),
        target=BLUEPRINT_TARGET,
    )


def compare(operator: Connection, case: Case, people: list[Person], *, pairs: int) -> None:
    portal_times, script_times, ratios = [], [], []
    for pair in range(1, pairs + 1):
        portal_times.append(time_portal(operator, case, *people))
        script_times.append(case.script())
        ratios.append(portal_times[-1] / script_times[-1])
        print(
            f"pair {pair}: portal {portal_times[-1]:6.2f} s   "
            f"script {script_times[-1]:6.2f} s   ratio {ratios[-1]:.2f}",
            flush=True,
        )
    target = f" (target: at most {case.target})" if case.target else ""
    for name, values in [("portal", portal_times), ("script", script_times), ("ratio", ratios)]:
        print(
            f"{name}: median {statistics.median(values):.2f}, "
            f"from {min(values):.2f} to {max(values):.2f}{target if name == 'ratio' else ''}"
        )


def time_portal(operator: Connection, case: Case, requester: Person, approver: Person) -> float:
    """Seconds from the approval until the portal says that all of it is delivered."""
    project = make_project()
    generous_limits(project)
    grant(requester, Role.REQUESTER, project)
    grant(approver, Role.APPROVER, project)
    asked = [
        LineRequest(version=case.version, name=f"nr-{number}", spec=case.answers(), end_date=None)
        for number in range(case.lines)
    ]
    order = place_lines(requester, project, *asked)
    begin = time.perf_counter()
    approve_order(order.public_id, approver=approver)
    while order.state != OrderState.COMPLETED:
        if order.state == OrderState.FAILED:
            raise SystemExit(f"the order failed: {what_failed()}")
        time.sleep(PORTAL_LOOK)
        order.refresh_from_db(fields=["state"])
    seconds = time.perf_counter() - begin
    made = CloudProject.objects.get(project=project)
    remove_project(operator, made.openstack_project_id)
    return seconds


def what_failed() -> list[tuple[str, str, str]]:
    """Of every step that stopped: resource, step, and why."""
    stopped = Step.objects.filter(state=StepState.FAILED)
    return list(stopped.values_list("operation__resource__name", "name", "last_error"))


@contextmanager
def a_worker() -> Iterator[None]:
    """One Celery worker with two processes, as the local stack starts it: no lease is shortened."""
    app.control.purge()
    variables = {**worker_variables(), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(Path(folder), variables)
        worker.start()
        try:
            yield
        finally:
            worker.kill()


if __name__ == "__main__":
    main()
