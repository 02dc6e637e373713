"""Operations of all kinds come to their end, though the cloud fails and the workers are killed."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from openstack.connection import Connection

from catalog.models import Operation, OperationState
from portal.celery import app
from portal.cloud.models import CloudProject
from tests.faults import worker_settings
from tests.faults.catalogue import faulty_cloud
from tests.faults.dealing import Dealer
from tests.faults.processes import Killer
from tests.faults.proofs import find_faults
from tests.faults.run import KINDS, Run, offer_all
from tests.real.conftest import KEY, Worker, remove_project, smallest_version

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]

SEED = int(os.environ.get("FAULTS_SEED", 1))
SHARE = float(os.environ.get("FAULTS_SHARE", 0.2))
ORDERS = int(os.environ.get("FAULTS_ORDERS", len(KINDS)))


@pytest.fixture
def dealer() -> Dealer:
    return Dealer(SEED, share=SHARE, stall_seconds=worker_settings.STALL_SECONDS)


@pytest.fixture
def workers(
    transactional_db: None,
    tmp_path: Path,
    worker_environment: dict[str, str],
    operator: Connection,
    dealer: Dealer,
) -> Iterator[list[Worker]]:
    """Two workers that see the cloud through faults only."""
    app.control.purge()
    clouds = yaml.safe_load(Path(os.environ["OS_CLIENT_CONFIG_FILE"]).read_text())
    with faulty_cloud(clouds, KEY, operator, dealer) as faulty:
        file = tmp_path / "clouds.yaml"
        file.write_text(yaml.safe_dump(faulty))
        file.chmod(0o600)
        worker_environment["OS_CLIENT_CONFIG_FILE"] = str(file)
        worker_environment["DJANGO_SETTINGS_MODULE"] = "tests.faults.worker_settings"
        workers = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            workers.append(Worker(folder, worker_environment))
        yield workers
        for worker in workers:
            worker.kill()


@pytest.fixture
def run(project: Any, requester: Any, approver: Any, operator: Connection) -> Iterator[Run]:
    versions = offer_all(smallest_version())
    yield Run(requester, approver, [project], versions, random.Random(SEED), 300)
    for cloud_project in CloudProject.objects.exclude(openstack_project_id=""):
        remove_project(operator, cloud_project.openstack_project_id)


def restarting(worker: Worker) -> Callable[[], None]:
    def restart() -> None:
        worker.kill()
        worker.start()

    return restart


def test_everything_ends_well_without_a_person(run, workers, dealer, operator):
    victims = {f"worker {n}": restarting(worker) for n, worker in enumerate(workers, start=1)}
    for worker in workers:
        worker.start()
    with Killer(victims, seed=SEED, pause=(10, 20)) as killer:
        run.order(ORDERS)
        run.wait()
        assert find_faults(operator) == []
        run.act("stop")
        run.wait()
        run.act("start")
        run.wait()
        run.retire_all()
        run.wait()

    dealer.stop()
    print(dealer.requests, dict(dealer.dealt), dict(killer.killed))
    print(Counter(Operation.objects.values_list("kind", "state")))
    assert find_faults(operator) == []
    assert dealer.dealt
    assert killer.killed
    assert not Operation.objects.filter(state=OperationState.FAILED).exists()
