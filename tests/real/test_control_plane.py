"""The local OpenStack does what the portal needs of a cloud, for the portal's own account."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import openstack
import pytest
from openstack import exceptions, resource
from openstack.connection import Connection
from openstack.identity.v3.project import Project

pytestmark = pytest.mark.real

EVERY_SECONDS = 0.2
AT_MOST_SECONDS = 60


@pytest.fixture(scope="module")
def portal() -> Iterator[Connection]:
    """The portal's service user, as OS_CLIENT_CONFIG_FILE describes it."""
    with openstack.connect(cloud="sovereign") as connection:
        yield connection


@pytest.fixture(scope="module")
def operator() -> Iterator[Connection]:
    with openstack.connect(cloud="sovereign-admin") as connection:
        yield connection


@pytest.fixture(scope="module")
def project(portal: Connection) -> Iterator[Project]:
    """A project of the portal's domain, in which the portal gave itself the role of a member."""
    domain = portal.identity.find_domain("cloudloket", ignore_missing=False)
    made = portal.identity.create_project(name=f"test-{uuid.uuid4()}", domain_id=domain.id)
    member = portal.identity.find_role("member", ignore_missing=False)
    portal.identity.assign_project_role_to_user(made, portal.current_user_id, member)
    yield made
    portal.identity.delete_project(made)


@pytest.fixture(scope="module")
def member(portal: Connection, project: Project) -> Iterator[Connection]:
    with portal.connect_as_project(project) as connection:
        yield connection


@pytest.fixture(scope="module")
def network_id(member: Connection) -> Iterator[str]:
    network = member.network.create_network(name="test")
    member.network.create_subnet(network_id=network.id, ip_version=4, cidr="10.20.0.0/24")
    yield network.id
    member.network.delete_network(network)


def order_server(member: Connection, network_id: str, **facts: object):
    return member.compute.create_server(
        name="test",
        flavor_id=member.compute.find_flavor("gp.small", ignore_missing=False).id,
        image_id=member.image.find_image("Debian 12", ignore_missing=False).id,
        networks=[{"uuid": network_id}],
        **facts,
    )


def retire(member: Connection, server) -> None:
    member.compute.delete_server(server)
    member.compute.wait_for_delete(server, interval=EVERY_SECONDS, wait=AT_MOST_SECONDS)


def retire_volume(member: Connection, volume) -> None:
    member.block_storage.delete_volume(volume)
    member.block_storage.wait_for_delete(volume, interval=EVERY_SECONDS, wait=AT_MOST_SECONDS)


def volume_becomes(member: Connection, volume, status: str):
    return member.block_storage.wait_for_status(
        volume, status, failures=[], interval=EVERY_SECONDS, wait=AT_MOST_SECONDS
    )


def test_there_is_something_to_choose_from(member):
    flavors = {flavor.name: (flavor.vcpus, flavor.ram) for flavor in member.compute.flavors()}
    images = {image.name: (image.status, image.os_distro) for image in member.image.images()}

    assert flavors == {
        "gp.small": (2, 4096),
        "gp.medium": (4, 8192),
        "gp.large": (8, 16384),
        "gp.xlarge": (16, 32768),
        "mem.large": (4, 32768),
    }
    assert images == {
        "Debian 12": ("active", "debian"),
        "Ubuntu 24.04 LTS": ("active", "ubuntu"),
        "Windows Server 2025": ("active", "windows"),
    }
    assert {each.name for each in member.block_storage.types()} == {"standard", "fast"}
    assert [each.name for each in member.network.networks(is_router_external=True)] == ["internet"]


def test_server_runs_with_an_address_and_a_volume_and_leaves_nothing(member, network_id):
    server = order_server(member, network_id)
    volume = member.block_storage.create_volume(name="test", size=2)
    server = member.compute.wait_for_server(server, interval=EVERY_SECONDS, wait=AT_MOST_SECONDS)
    volume_becomes(member, volume, "available")

    member.compute.create_volume_attachment(server, volume_id=volume.id)
    volume_becomes(member, volume, "in-use")

    ports = list(member.network.ports(device_id=server.id))
    assert [port.status for port in ports] == ["ACTIVE"]
    assert server.addresses["test"][0]["addr"] == ports[0].fixed_ips[0]["ip_address"]

    member.compute.delete_volume_attachment(server, volume)
    volume_becomes(member, volume, "available")
    retire(member, server)
    retire_volume(member, volume)
    assert list(member.network.ports(device_id=server.id)) == []


def test_router_reaches_the_outside(member, network_id):
    outside = member.network.find_network("internet", ignore_missing=False)
    inside = next(member.network.subnets(network_id=network_id))
    router = member.network.create_router(
        name="test", external_gateway_info={"network_id": outside.id}
    )
    member.network.add_interface_to_router(router, subnet=inside)

    ports = list(member.network.ports(device_id=router.id))
    assert [port.status for port in ports] == ["ACTIVE"] * len(ports) != []

    member.network.remove_interface_from_router(router, subnet=inside)
    member.network.delete_router(router)


def test_server_beyond_the_quota_is_refused(portal, project, member, network_id):
    portal.compute.update_quota_set(project, instances=0)

    with pytest.raises(exceptions.ForbiddenException, match="Quota exceeded"):
        order_server(member, network_id)

    portal.compute.revert_quota_set(project)


def test_server_asked_to_fail_ends_in_error(member, network_id):
    server = order_server(member, network_id, metadata={"pretend_fail_at": "spawn"})

    server = member.compute.wait_for_server(
        server, "ERROR", failures=[], interval=EVERY_SECONDS, wait=AT_MOST_SECONDS
    )

    assert server.status == "ERROR"
    retire(member, server)


def test_volume_asked_to_fail_ends_in_error(member):
    volume = member.block_storage.create_volume(name="please fail", size=1)

    volume_becomes(member, volume, "error")

    retire_volume(member, volume)


def test_portal_lists_over_all_projects(portal, member, network_id):
    server = order_server(member, network_id)
    volume = member.block_storage.create_volume(name="test", size=1)
    volume_becomes(member, volume, "available")
    member.compute.wait_for_server(server, interval=EVERY_SECONDS, wait=AT_MOST_SECONDS)

    assert server.id in {each.id for each in portal.compute.servers(all_projects=True)}
    assert volume.id in {each.id for each in portal.block_storage.volumes(all_projects=True)}
    assert network_id in {each.id for each in portal.network.networks()}

    retire(member, server)
    retire_volume(member, volume)


def test_objects_are_kept(member):
    member.object_store.create_container("test")
    member.object_store.create_object("test", "greeting", data=b"hello")

    assert member.object_store.download_object("greeting", "test") == b"hello"

    member.object_store.delete_object("greeting", container="test")
    member.object_store.delete_container("test")


def test_zone_becomes_active(member):
    zone = member.dns.create_zone(name=f"{uuid.uuid4()}.example.", email="dns@cloudloket.example")

    zone = resource.wait_for_status(
        member.dns, zone, "ACTIVE", [], interval=EVERY_SECONDS, wait=AT_MOST_SECONDS
    )

    assert zone.status == "ACTIVE"
    member.dns.delete_zone(zone)


def test_load_balancer_becomes_active(member, network_id):
    subnet = next(member.network.subnets(network_id=network_id))
    balancer = member.load_balancer.create_load_balancer(name="test", vip_subnet_id=subnet.id)

    balancer = member.load_balancer.wait_for_load_balancer(
        balancer.id, interval=EVERY_SECONDS, wait=AT_MOST_SECONDS
    )

    assert balancer.provisioning_status == "ACTIVE"
    member.load_balancer.delete_load_balancer(balancer)
    resource.wait_for_delete(
        member.load_balancer, balancer, interval=EVERY_SECONDS, wait=AT_MOST_SECONDS
    )


def test_operator_sees_the_hypervisor_and_the_volume_service(operator):
    assert [each.state for each in operator.compute.hypervisors()] == ["up"]
    states = {each.binary: each.state for each in operator.block_storage.services()}
    assert states["cinder-volume"] == "up"
