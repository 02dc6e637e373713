"""A real OpenStack keeps the contract that the fake cloud is held to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import quote

import openstack
import pytest

from portal.cloud.openstack import connect, connections
from portal.cloud.ports import Cloud, ContainerSpec
from tests.portal.cloud.contract import CloudContract
from tests.portal.cloud.workspace import DESCRIPTION, Workspace, new_marker, until

pytestmark = pytest.mark.real
KEY = os.environ.get("CLOUDLOKET_CLOUDS", "sovereign").split(",")[0].strip()


DOMAIN = os.environ.get("CLOUDLOKET_TEST_DOMAIN", "cloudloket")


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    yield connect(KEY)
    remove_projects(DOMAIN)


class TestOpenStackCloud(CloudContract):
    domain_name = DOMAIN

    def test_answers_are_waited_for_as_long_as_in_production(self) -> None:
        # A busy machine holds Cinder up for ten seconds; tests under faults are more hasty.
        assert connections.CONNECT_AND_READ_SECONDS == (5, 30)

    def test_server_that_cannot_start_tells_why(self, work: Workspace) -> None:
        # local/openstack/drivers/trouble.py
        made = work.server(metadata={"pretend_fail_at": "spawn"})

        server = until(lambda: work.seen_server(made.id), lambda seen: seen.status != "BUILD")

        assert server.status == "ERROR"
        assert server.fault

    def test_bytes_of_a_container_are_those_of_what_was_put_in_it(self, work: Workspace) -> None:
        spec = ContainerSpec(name="Oud archief #1", quota_gib=1)
        work.cloud.create_container(work.project, spec, new_marker())
        with openstack.connect(cloud=KEY) as everywhere:
            inside = everywhere.connect_as_project({"id": work.project})
            inside.object_store.upload_object(quote(spec.name), "brief", data=b"12345")

        counted = until(
            lambda: work.cloud.container_bytes(work.project),
            lambda told: told != {spec.name: 0},  # Swift counts when it has the time
        )

        assert counted == {spec.name: 5}
        assert work.cloud.empty_container(work.project, spec.name, at_most=10)
        work.cloud.delete_container(work.project, spec.name)


def remove_projects(domain_name: str) -> None:
    """Remove this run's projects, and the default security group that Neutron gave each."""
    with openstack.connect(cloud=KEY) as cloud:
        (domain,) = cloud.identity.domains(name=domain_name)
        for project in list(cloud.identity.projects(domain_id=domain.id)):
            if project.description == DESCRIPTION:
                for group in list(cloud.network.security_groups(project_id=project.id)):
                    cloud.network.delete_security_group(group)
                cloud.identity.delete_project(project)
