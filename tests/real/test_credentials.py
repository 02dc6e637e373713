"""Credentials on the real OpenStack: what they open, up to which quota, and until when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from keystoneauth1.exceptions import NotFound, Unauthorized
from openstack.config import OpenStackConfig
from openstack.connection import Connection
from openstack.exceptions import ForbiddenException, HttpException

from catalog.kinds.environment import QUOTA_OF
from catalog.models import Offering, Resource, ResourceState
from catalog.services.approvals import approve_order
from catalog.services.resources import act_on_resource, retire_resource
from catalog.services.secrets import read_secret
from portal.cloud.models import CloudProject, Secret
from tests.factories import OfferingVersionFactory, place, priced
from tests.real.conftest import delivery_of, finished, remove_project, smallest_version

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]

NAME = "proeftuin"
SPEC = {metric.value: 0 for metric in QUOTA_OF} | {
    "servers": 1,
    "vcpus": 16,
    "memory_gib": 32,
    "volumes": 1,
    "volume_gib": 2,
    "networks": 1,
    "routers": 1,
    "floating_ips": 1,
    "object_gib": 1,
}


@pytest.fixture
def deliver(
    worker: Any, project: Any, requester: Any, approver: Any
) -> Callable[[str, Mapping[str, int]], Resource]:
    server = smallest_version()
    priced(object="1.00", **{f"environment.{name}": "1.00" for name in SPEC if SPEC[name]})
    worker.start()

    def order(kind: str, spec: Mapping[str, int]) -> Resource:
        offering = Offering.objects.create(code=kind, kind=kind)
        bounds = {"minimum": 0, "maximum": 100, "default": 0}
        version = OfferingVersionFactory(
            offering=offering, cloud=server.cloud, choices=dict.fromkeys(SPEC, bounds)
        )
        asked = place(requester, project, version, name=NAME, spec=spec)
        return finished(delivery_of(approve_order(asked.public_id, approver=approver)))

    return order


@pytest.fixture
def log_in(requester: Any, tmp_path: Path) -> Callable[[Resource, str], Connection]:
    """As a person does with the file that they downloaded."""

    def connect(resource: Resource, slot: str) -> Connection:
        shown = read_secret(resource, slot, reader=requester)
        path = tmp_path / f"{shown.values['id']}.yaml"
        path.write_text(shown.file("clouds.yaml") or "", encoding="utf-8")
        config = OpenStackConfig(config_files=[str(path)], load_envvars=False)
        return Connection(config=config.get_one(cloud=NAME))

    return connect


def make_server(inside: Connection, name: str) -> Any:
    (network,) = inside.network.networks(project_id=inside.current_project_id)
    flavor = min(inside.compute.flavors(), key=lambda item: item.ram)
    image = min(inside.image.images(visibility="public"), key=lambda item: item.min_disk)
    return inside.compute.create_server(
        name=name, flavor_id=flavor.id, image_id=image.id, networks=[{"uuid": network.id}]
    )


def test_it_is_worked_in_up_to_its_quota_and_goes_with_everything_in_it(
    deliver: Any, log_in: Any, requester: Any, operator: Connection
) -> None:
    environment = deliver("environment", SPEC)
    inside = log_in(environment, "environment")
    project = environment.cloud_project.openstack_project_id
    assert inside.current_project_id == project

    fill(inside)
    for refused in (
        lambda: make_server(inside, "te-veel"),
        lambda: inside.block_storage.create_volume(size=1),
        lambda: inside.network.create_network(name="te-veel"),
        lambda: inside.load_balancer.create_load_balancer(name="x", vip_network_id="x"),
        lambda: inside.dns.create_zone(name="te-veel.example.", email="a@example.nl"),
    ):
        with pytest.raises(HttpException):
            refused()
    (volume,) = inside.block_storage.volumes()
    with pytest.raises(HttpException, match="Backup") as no_room:
        inside.block_storage.create_backup(volume_id=volume.id, force=True)
    assert no_room.value.status_code == 413
    with pytest.raises(ForbiddenException):
        inside.identity.create_application_credential(inside.current_user_id, name="nog-een")

    token = inside.session.get_token()
    finished(act_on_resource(environment.public_id, action="rotate", actor=requester))

    assert_locked_out(inside, token)
    again = log_in(environment, "environment")
    assert [server.name for server in again.compute.servers()] == ["past"]

    gone = finished(
        retire_resource(environment.public_id, actor=requester, confirmation=environment.name)
    )

    assert gone.state == ResourceState.RETIRED
    assert not Secret.objects.exists()
    assert_locked_out(again, again.session.get_token())
    assert left_of(operator, project, environment) == []


def test_credential_of_a_container_opens_nothing_else(
    deliver: Any, log_in: Any, requester: Any, operator: Connection
) -> None:
    container = deliver("container", {"object_gib": 1})
    place_of_it = {"id": container.cloud_project.openstack_project_id}
    with operator.connect_as_project(place_of_it) as own:
        own.object_store.create_container("ander")
        finished(act_on_resource(container.public_id, action="rotate", actor=requester))
        outside = log_in(container, "container")

        outside.object_store.create_object(NAME, "stuk", data=b"tekst")

        assert [item.name for item in outside.object_store.objects(NAME)] == ["stuk"]
        assert outside.object_store.download_object("stuk", container=NAME) == b"tekst"
        for refused in (
            lambda: list(outside.object_store.containers()),
            lambda: list(outside.object_store.objects("ander")),
            lambda: outside.object_store.create_container("nieuw"),
            lambda: outside.network.create_network(name="te-veel"),
            lambda: outside.block_storage.create_volume(size=1),
            # What no quota limits:
            lambda: outside.image.create_image(name="te-veel", disk_format="raw"),
            lambda: outside.network.create_security_group(name="te-veel"),
            lambda: list(outside.network.networks()),
        ):
            with pytest.raises((HttpException, Unauthorized)):
                refused()
        own.object_store.delete_container("ander")
        finished(retire_resource(container.public_id, actor=requester, confirmation=container.name))
        assert list(own.object_store.containers()) == []
        with pytest.raises((Unauthorized, NotFound)):
            outside.connect_as().session.get_token()
    remove_project(operator, place_of_it["id"])


def fill(inside: Connection) -> None:
    """A little of everything, one thing holding another."""
    network = inside.network.create_network(name="binnen")
    subnet = inside.network.create_subnet(network_id=network.id, ip_version=4, cidr="10.9.0.0/24")
    router = inside.network.create_router(name="uit")
    inside.network.add_interface_to_router(router, subnet=subnet)
    server = inside.compute.wait_for_server(make_server(inside, "past"), wait=120)
    volume = inside.block_storage.create_volume(size=2, name="data")
    inside.block_storage.wait_for_status(volume, "available")
    inside.compute.create_volume_attachment(server, volume_id=volume.id)
    inside.compute.create_keypair(name="sleutel")
    inside.object_store.create_container("archief")
    inside.object_store.create_object("archief", "stuk", data=b"tekst")


def assert_locked_out(used: Connection, token: str | None) -> None:
    """The credential logs in no more, and the token that it gave is good for nothing.

    Keystone says 404 of the credential rather than 401 of who uses it; Nova and the rest say 401.
    """
    with pytest.raises((Unauthorized, NotFound)):
        used.connect_as().session.get_token()
    address = f"{used.config.get_auth_args()['auth_url'].rstrip('/')}/auth/catalog"
    answer = requests.get(address, headers={"X-Auth-Token": str(token)}, timeout=30)
    assert answer.status_code in {401, 404}


def left_of(operator: Connection, project: str, environment: Resource) -> list[str]:
    place_id = CloudProject.objects.get(pk=environment.cloud_project_id).public_id.hex
    users = [user.name for user in operator.identity.users()]
    projects = [found.name for found in operator.identity.projects()]
    names = [name for name in users + projects if environment.public_id.hex in name]
    names += [name for name in projects if place_id in name]
    query = {"all_projects": True, "project_id": project}
    return [
        *names,
        *(item.id for item in operator.compute.servers(**query)),
        *(item.id for item in operator.network.networks(project_id=project)),
        *(item.id for item in operator.network.routers(project_id=project)),
        *(item.id for item in operator.network.ports(project_id=project)),
        # Asked for those of one project, Neutron makes its default group anew.
        *(item.id for item in operator.network.security_groups() if item.project_id == project),
    ]
