"""Operations of all kinds come to their end, though the cloud fails and the workers are killed.

This is the short run; ``python -m tests.faults`` makes it longer, and kills more.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import connection
from openstack.connection import Connection

from catalog.models import Operation, ResourceState
from local.ports import choose_port
from portal.celery import app
from portal.cloud.models import CloudProject, CloudProjectPurpose
from portal.identity.models import Role
from tests.factories import generous_limits, grant, make_project
from tests.faults.catalogue import faulty_cloud
from tests.faults.dealing import Dealer
from tests.faults.desk import WebDesk
from tests.faults.offers import ALL_KINDS, ENVIRONMENT, KINDS, offer_all
from tests.faults.patience import STALL_SECONDS
from tests.faults.persistence import insist
from tests.faults.processes import Kill, Killer, Program, killed_in_stack
from tests.faults.proofs import find_faults
from tests.faults.run import Run
from tests.faults.scale import Scale
from tests.real.conftest import KEY, Worker, remove_project, smallest_version

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]

SCALE = Scale.from_environment(os.environ)
WEB_PORT = choose_port(taken=())
SHORT_ACTIONS = ({"server": "stop"}, {"server": "start"})
ACTIONS = (
    {"server": "stop", "container": "rotate", ENVIRONMENT: "rotate"},
    {"server": "start", "container": "withdraw", ENVIRONMENT: "credential"},
    {"server": "rebuild", "container": "rotate", ENVIRONMENT: "withdraw"},
    {"server": "rescue", ENVIRONMENT: "credential"},
    {"server": "unrescue", ENVIRONMENT: "count"},
)
PAUSE = (30, 80)  # requests to the cloud between two kills
PROOF_SECONDS = 120  # in which a late arrival is found and removed


@pytest.fixture
def dealer() -> Dealer:
    return Dealer(SCALE.seed, share=SCALE.share, stall_seconds=STALL_SECONDS)


@pytest.fixture
def faulty_environment(
    worker_environment: dict[str, str], operator: Connection, dealer: Dealer, tmp_path: Path
) -> Iterator[dict[str, str]]:
    """What makes a worker see the cloud through faults only."""
    clouds = yaml.safe_load(Path(os.environ["OS_CLIENT_CONFIG_FILE"]).read_text())
    with faulty_cloud(clouds, KEY, operator, dealer) as faulty:
        file = tmp_path / "clouds.yaml"
        file.write_text(yaml.safe_dump(faulty))
        file.chmod(0o600)
        yield {
            **worker_environment,
            "OS_CLIENT_CONFIG_FILE": str(file),
            "DJANGO_SETTINGS_MODULE": "tests.faults.worker_settings",
        }


@pytest.fixture
def programs(
    transactional_db: None, faulty_environment: dict[str, str], tmp_path: Path
) -> Iterator[dict[str, Program]]:
    """Two workers with their own beat, and a web server in a long run; all started."""
    app.control.purge()
    programs: dict[str, Program] = {}
    for name in ("worker 1", "worker 2"):
        folder = tmp_path / name
        folder.mkdir()
        programs[name] = Worker(folder, faulty_environment)
    if SCALE.home:
        web = ["gunicorn", "portal.wsgi:application", "--bind", f"127.0.0.1:{WEB_PORT}"]
        programs["web"] = Program(
            tmp_path, faulty_environment, [*web, "--workers", "2", "--no-control-socket"]
        )
    for program in programs.values():
        program.start()
    yield programs
    for program in programs.values():
        program.kill()


@pytest.fixture
def run(project: Any, requester: Any, approver: Any, operator: Connection) -> Iterator[Run]:
    projects = [project]
    for _ in range(1, SCALE.projects):
        another = make_project(parent=project.parent)
        generous_limits(another)
        grant(requester, Role.REQUESTER, another)
        projects.append(another)
    versions = offer_all(smallest_version())
    chance = random.Random(SCALE.seed)  # noqa: S311  (no secret)
    yield Run(requester, approver, projects, versions, chance, SCALE.patience_seconds)
    for cloud_project in CloudProject.objects.exclude(openstack_project_id=""):
        if operator.identity.find_project(cloud_project.openstack_project_id):
            remove_project(operator, cloud_project.openstack_project_id)


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Writes a line on the terminal, also of a test that passes."""

    def write(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return write


def victims_among(programs: dict[str, Program]) -> dict[str, Kill]:
    """All of the portal that may be killed."""
    victims: dict[str, Kill] = {name: program.restart for name, program in programs.items()}
    if SCALE.home:
        for name in ("postgres", SCALE.broker):
            victims[name] = partial(killed_in_stack, SCALE.home, name)
    return victims


def furnish(operator: Connection) -> None:
    """Put something in every environment, as its users do: it has to go with it."""
    for place in CloudProject.objects.filter(
        purpose=CloudProjectPurpose.ENVIRONMENT, resources__state=ResourceState.ACTIVE
    ):
        with operator.connect_as_project({"id": place.openstack_project_id}) as inside:
            inside.block_storage.create_volume(size=1, name="van-henzelf")
            network = inside.network.create_network(name="van-henzelf")
            inside.network.create_subnet(network_id=network.id, ip_version=4, cidr="10.9.0.0/24")


def prove(operator: Connection) -> list[str]:
    """What is wrong, and stays so: what arrives late is removed within moments."""
    deadline = time.monotonic() + PROOF_SECONDS
    while (faults := insist(partial(find_faults, operator))) and time.monotonic() < deadline:
        time.sleep(1)
    return faults


def deliver(run: Run) -> None:
    place = WebDesk(WEB_PORT, run.requester).place if SCALE.home else run.place
    run.order(SCALE.orders, ALL_KINDS if SCALE.with_all else KINDS, place)
    run.wait()
    run.copy(place)
    run.wait()


def work_with(run: Run) -> None:
    for actions in ACTIONS if SCALE.with_all else SHORT_ACTIONS:
        run.act(actions)
        run.wait()
    if not SCALE.with_all:
        clean_up(run)
        return
    run.change()
    run.judge()
    run.wait()


def clean_up(run: Run) -> None:
    run.retire_copies()
    run.wait()
    run.retire_all()
    run.wait()


def test_everything_ends_well_without_a_person(run, programs, dealer, operator, tell):
    started = time.monotonic()
    killed: Counter[str] = Counter()
    stages = (deliver, work_with, clean_up) if SCALE.with_all else (deliver, work_with)
    for number, stage in enumerate(stages):
        if stage == clean_up:
            insist(partial(furnish, operator))
        victims, seed = victims_among(programs), SCALE.seed + number
        with Killer(victims, seed=seed, work=lambda: dealer.requests, pause=PAUSE) as killer:
            stage(run)
        connection.close()
        if stage == stages[-1]:
            dealer.stop()
        assert prove(operator) == [], stage.__name__
        assert killer.killed, stage.__name__
        killed += killer.killed
    tell(told(dealer, killed, time.monotonic() - started))
    assert dealer.dealt.total() > SCALE.share / 2 * dealer.requests


def told(dealer: Dealer, killed: Counter[str], seconds: float) -> str:
    """The figures of a run."""
    ended = Counter(Operation.objects.values_list("kind", "state"))
    operations = {f"{kind} {state}": number for (kind, state), number in sorted(ended.items())}
    by_sort = {fault.value: number for fault, number in dealer.dealt.items()}
    return (
        f"{ended.total()} operations {operations}, {dealer.requests} requests,"
        f" {dealer.dealt.total()} faults {by_sort},"
        f" {killed.total()} kills {dict(killed)}, {seconds:.0f} s"
    )
