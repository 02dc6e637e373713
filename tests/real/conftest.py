"""Real workers on a real broker, against a real OpenStack.

./test gives OS_CLIENT_CONFIG_FILE, CLOUDLOKET_CLOUDS, PostgreSQL and a broker of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

import openstack
import pytest
from django.conf import settings as django_settings
from django.db import connection
from openstack.connection import Connection

from catalog.models import (
    Difference,
    OfferingVersion,
    Operation,
    OperationKind,
    OperationState,
    Order,
    Resource,
)
from catalog.reconciliation.looking import look_at
from catalog.services.approvals import approve_order
from catalog.services.changes import place_change
from portal.celery import app
from portal.cloud import forget_clouds, get_cloud
from portal.cloud.models import Cloud, CloudProject, Flavor, Image, VolumeType
from portal.cloud.ports import MARKER_PREFIX, CloudUnavailable
from portal.cloud.services import sync_inventory
from tests.factories import CloudFactory, OfferingVersionFactory, place, priced
from tests.faults.processes import Program

T = TypeVar("T")
KEY = os.environ.get("CLOUDLOKET_CLOUDS", "sovereign").split(",")[0].strip()
DOMAIN = os.environ.get("CLOUDLOKET_TEST_DOMAIN", "cloudloket")
PATIENCE = 120  # seconds; a machine that does much else is slow
EVERY_SECONDS = 0.1


def until(look: Callable[[], T | None], what: str) -> T:
    """Look until there is something to see.

    Raises:
        AssertionError: there is not, for ``PATIENCE`` seconds.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(EVERY_SECONDS)
    raise AssertionError(f"it never came to this: {what}")


class Worker(Program):
    """A Celery worker, with its own beat unless without."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        super().__init__(folder, environment, ())

    def start(self, *, with_beat: bool = True) -> None:
        """Start it; without beat nothing sweeps, and messages alone must do."""
        command = ["celery", "--app", "portal.celery", "worker"]
        beat = ["--beat", "--schedule", str(self._folder / "schedule")] if with_beat else []
        queues = ",".join(queue.name for queue in django_settings.CELERY_TASK_QUEUES)
        options = [*beat, "--queues", queues, "--concurrency", "2"]
        quiet = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
        self._command = (*command, *options, *quiet)
        super().start()


@pytest.fixture(scope="session")
def operator() -> Iterator[Connection]:
    """The service user over all projects, for looking and for tidying up."""
    with openstack.connect(cloud=KEY) as cloud:
        yield cloud


@pytest.fixture
def version(transactional_db: None) -> OfferingVersion:
    return smallest_version()


def smallest_version() -> OfferingVersion:
    """An offering of the smallest server that the cloud has, with a disk of 1 GiB."""
    forget_clouds()
    cloud = CloudFactory(key=KEY, domain_name=DOMAIN)
    sync_inventory(cloud)
    flavor = Flavor.objects.filter(gone_at=None).order_by("memory_mib", "pk")[0].name
    image = Image.objects.filter(gone_at=None).order_by("min_disk_gib", "pk")[0].name
    volume_type = VolumeType.objects.filter(gone_at=None).order_by("pk")[0].name
    priced(**{f"server.{flavor}": "38.40", f"volume.{volume_type}": "0.085"})
    choices = {
        "flavors": [flavor],
        "images": [image],
        "networks": [
            {"name": "intern", "label_nl": "Intern", "label_en": "Internal", "cidr": "10.20.4.0/24"}
        ],
        "volume_types": [volume_type],
        "volume_gib": {"minimum": 1, "maximum": 10, "default": 1},
        "extras": ["security_groups"],
    }
    return OfferingVersionFactory(cloud=cloud, choices=choices)


def order_spec(version: OfferingVersion) -> dict[str, Any]:
    """The first of every choice."""
    choices = version.choices
    return {
        "flavor": choices["flavors"][0],
        "image": choices["images"][0],
        "network": choices["networks"][0]["name"],
        "volume_gib": choices["volume_gib"]["default"],
    }


@pytest.fixture
def worker_environment() -> dict[str, str]:
    return worker_variables()


def worker_variables() -> dict[str, str]:
    """What a worker needs to find the database that is open here."""
    facts = connection.settings_dict
    login = f"{quote(facts['USER'])}:{quote(facts['PASSWORD'])}"
    database = f"postgresql://{login}@{facts['HOST']}:{facts['PORT']}/{facts['NAME']}"
    # It is no worker of pytest itself: its settings need not choose a broker again.
    own = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}
    return {
        **own,
        "CLOUDLOKET_DATABASE_URL": database,
        "DJANGO_SETTINGS_MODULE": "tests.real.worker_settings",
    }


@pytest.fixture
def worker(
    transactional_db: None, tmp_path: Path, worker_environment: dict[str, str]
) -> Iterator[Worker]:
    """A worker that is not started yet; no message of an earlier test is left for it."""
    app.control.purge()
    worker = Worker(tmp_path, worker_environment)
    yield worker
    worker.kill()


@pytest.fixture
def submit(
    version: OfferingVersion, project: Any, requester: Any, operator: Connection
) -> Iterator[Callable[[], Order]]:
    """Orders a server; afterwards whatever the cloud has of it is removed."""
    yield lambda: place(requester, project, version, spec=order_spec(version))
    for cloud_project in CloudProject.objects.exclude(openstack_project_id=""):
        remove_project(operator, cloud_project.openstack_project_id)


@pytest.fixture
def approve(submit: Callable[[], Order], approver: Any) -> Callable[[], Operation]:
    """Orders a server and approves it."""
    return lambda: delivery_of(approve_order(submit().public_id, approver=approver))


@pytest.fixture
def become(requester: Any, approver: Any) -> Callable[..., Operation]:
    """Orders a change of what runs, and approves it."""

    def ask(resource: Resource, **answers: Any) -> Operation:
        order, _is_new = place_change(
            requested_by=requester,
            resource=resource,
            purpose="Meer zaken",
            answers=answers,
            end_date=None,
            idempotency_key=str(uuid4()),
        )
        approve_order(order.public_id, approver=approver)
        return Operation.objects.get(order_line__order=order)

    return ask


def delivery_of(order: Order) -> Operation:
    """The operation that an approved order began."""
    return Operation.objects.get(resource__order_line__order=order, kind=OperationKind.PROVISION)


def finished(operation: Operation) -> Resource:
    """Wait for the operation's end, and return the resource as it is then."""
    until(
        lambda: Operation.objects.get(pk=operation.pk).state != OperationState.RUNNING,
        f"{operation.plan} ends",
    )
    operation.refresh_from_db()
    errors = list(operation.steps.exclude(last_error="").values_list("name", "last_error"))
    assert operation.state == OperationState.SUCCEEDED, errors
    return Resource.objects.select_related("cloud_project").get(pk=operation.resource_id)


def assert_one_of_everything(operator: Connection, resource: Resource) -> None:
    """One server with its tag, port, disk and address; nothing twice."""
    project = resource.cloud_project.openstack_project_id
    with operator.connect_as_project({"id": project}) as cloud:
        (server,) = cloud.compute.servers(details=True)
        (volume,) = cloud.block_storage.volumes(details=True)
        ports = list(operator.network.ports(project_id=project, device_id=server.id))
        networks = list(operator.network.networks(project_id=project))
    assert (server.status, server.name) == ("ACTIVE", resource.name)
    assert server.id == resource.cloud_ids["server"]
    assert any(resource.public_id.hex in tag for tag in server.tags)
    assert [found["server_id"] for found in volume.attachments] == [server.id]
    (port,) = ports
    assert port.description.startswith(f"{MARKER_PREFIX}-{resource.public_id.hex}")
    assert [found["address"] for found in resource.facts["addresses"]] == [
        found["ip_address"] for found in port.fixed_ips
    ]
    assert len(networks) == 1


def listing(operator: Connection, project: str) -> dict[str, set[str]]:
    """Ids of everything that a Keystone project has, by type."""
    with operator.connect_as_project({"id": project}) as cloud:
        return {
            "servers": {found.id for found in cloud.compute.servers()},
            "volumes": {found.id for found in cloud.block_storage.volumes()},
            "ports": {found.id for found in operator.network.ports(project_id=project)},
            "networks": {found.id for found in operator.network.networks(project_id=project)},
            "security_groups": {
                found.id for found in operator.network.security_groups(project_id=project)
            },
        }


@pytest.fixture
def looking_at_once(settings: Any) -> None:
    """What changed a moment ago is compared already."""
    settings.DRIFT_SECOND_LOOK_AFTER = timedelta(microseconds=1)
    settings.DRIFT_GRACE = timedelta(microseconds=1)


def differences_after_two_looks() -> dict[tuple[str, str, str], Difference]:
    """Of this test's own projects; others may work in the same cloud."""
    cloud = Cloud.objects.get(key=KEY)
    look_at(cloud)
    look_at(cloud)
    return {(row.kind, row.part, row.field): row for row in Difference.objects.filter(state="open")}


def remove_project(operator: Connection, project: str) -> None:
    """Remove the Keystone project and everything in it, whatever a test that failed left there."""
    until(lambda: _is_emptied(project), f"project {project} is empty")
    for group in list(operator.network.security_groups(project_id=project)):
        operator.network.delete_security_group(group)
    operator.identity.delete_project(project)


def _is_emptied(project: str) -> bool:
    """A cloud that has too much to do to answer in time is asked again."""
    try:
        return not get_cloud(KEY).clear_project(project)
    except CloudUnavailable:
        return False
