"""An order becomes a server in a real OpenStack, whatever happens to the workers on the way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from openstack.connection import Connection

from catalog.models import ResourceState, StepState
from catalog.services.resources import retire_resource
from portal.cloud.models import CloudProject
from tests.faults.passing import serving
from tests.real.conftest import KEY, assert_one_of_everything, finished, listing, until
from tests.real.proxy import SwallowingProxy

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]

# The request that each step is about, by service type and path, in the order of the steps.
REQUESTS = {
    "project": ("identity", r"/v3/projects"),
    "volume": ("block-storage", r"/v3(/[^/]+)?/volumes"),
    "network": ("network", r"/v2\.0/networks"),
    "security_group": ("network", r"/v2\.0/security-groups"),
    "port": ("network", r"/v2\.0/ports"),
    "server": ("compute", r"/v2\.1/servers"),
    "attachment": ("compute", r"/v2\.1/servers/[^/]+/os-volume_attachments"),
}


def test_order_becomes_a_server_and_leaves_nothing_behind(approve, worker, operator, requester):
    worker.start()

    resource = finished(approve())

    assert resource.state == ResourceState.ACTIVE
    assert_one_of_everything(operator, resource)
    first = listing(operator, resource.cloud_project.openstack_project_id)

    second = finished(approve())
    finished(retire_resource(second.public_id, actor=requester, confirmation=second.name))

    assert listing(operator, resource.cloud_project.openstack_project_id) == first


@pytest.fixture
def proxies(
    operator: Connection, tmp_path: Path, worker_environment: dict[str, str]
) -> Iterator[dict[str, SwallowingProxy]]:
    """A proxy before each service; the worker's clouds.yaml names those instead."""
    config = yaml.safe_load(Path(os.environ["OS_CLIENT_CONFIG_FILE"]).read_text())
    with ExitStack() as stack:
        found = {}
        for service in sorted({service for service, _ in REQUESTS.values()}):
            endpoint = str(operator.endpoint_for(service))
            found[service] = stack.enter_context(serving(SwallowingProxy(endpoint)))
            path = (
                found[service]
                .target.path.rstrip("/")
                .replace(str(operator.current_project_id), "%(project_id)s")
            )
            path += {"identity": "", "network": ""}.get(service, "")
            name = f"{service.replace('-', '_')}_endpoint_override"
            config["clouds"][KEY][name] = f"{found[service].origin}{path}"
        file = tmp_path / "clouds.yaml"
        file.write_text(yaml.safe_dump(config))
        file.chmod(0o600)
        worker_environment["OS_CLIENT_CONFIG_FILE"] = str(file)
        yield found


def test_lost_answer_of_nova_ends_with_one_server(proxies, approve, worker, operator):
    proxies["compute"].swallow("POST", REQUESTS["server"][1])
    worker.start()

    resource = finished(approve())

    assert proxies["compute"].has_arrived.is_set()
    assert_one_of_everything(operator, resource)


def test_worker_killed_in_the_middle_of_every_step(proxies, approve, worker, operator):
    """Each step's request is carried out, and then the worker is gone before the answer comes."""
    operation = approve()
    for step, (service, path) in REQUESTS.items():
        proxy = proxies[service]
        proxy.swallow("POST", path, and_hold=True)
        worker.start()
        until(proxy.has_arrived.is_set, f"the request of step {step} reaches {service}")
        assert operation.steps.get(name=step).state == StepState.RUNNING
        worker.kill()
        proxy.let_go()

    worker.start()
    resource = finished(operation)

    assert_one_of_everything(operator, resource)
    assert CloudProject.objects.count() == 1
