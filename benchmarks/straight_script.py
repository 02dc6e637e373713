"""What somebody would write with openstacksdk instead: straight on, one request after the other.

It is logged in already, and looks every 0.2 s at what it waits for. Untyped, as scripts are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

from catalog.models import OfferingVersion
from portal.cloud.models import Flavor, Image
from tests.real.conftest import DOMAIN, remove_project

SCRIPT_POLL: Final = 0.2  # seconds
CIDR: Final = "10.20.4.0/24"
DATABASE_GIB: Final = 2


def time_servers(operator: Any, version: OfferingVersion, *, count: int) -> float:
    """Seconds that so many servers take, each with a disk."""

    def make(cloud: Any) -> None:
        network, group = make_network(cloud)
        for _ in range(count):
            make_server(cloud, version, network, group)

    return time_in_project(operator, version, make, servers=count, disks_gib=[1] * count)


def time_web_application(operator: Any, version: OfferingVersion) -> float:
    """Seconds that the parts of the blueprint take: as many, of the same size."""

    def make(cloud: Any) -> None:
        network, group = make_network(cloud)
        make_volume(cloud, version, size=DATABASE_GIB)
        web = make_group(cloud, port=8080)
        addresses = [make_server(cloud, version, network, group, web) for _ in range(2)]
        entrance = make_balancer(cloud, network, addresses)
        make_zone(cloud, entrance)

    return time_in_project(operator, version, make, servers=2, disks_gib=[1, 1, DATABASE_GIB])


def time_in_project(
    operator: Any,
    version: OfferingVersion,
    make: Callable[[Any], None],
    *,
    servers: int,
    disks_gib: list[int],
) -> float:
    """Seconds that ``make`` takes in a new project, and the project with its quota."""
    flavor = Flavor.objects.get(name=version.choices["flavors"][0])
    (domain,) = operator.identity.domains(name=DOMAIN)
    (member,) = operator.identity.roles(name="member")
    begin = time.perf_counter()
    project = operator.identity.create_project(name=f"script-{uuid4()}", domain_id=domain.id)
    operator.identity.assign_project_role_to_user(project, operator.current_user_id, member)
    operator.compute.update_quota_set(
        project.id,
        user=None,
        instances=servers,
        cores=servers * flavor.vcpus,
        ram=servers * flavor.memory_mib,
    )
    operator.block_storage.update_quota_set(
        project.id, volumes=len(disks_gib), gigabytes=sum(disks_gib), snapshots=0
    )
    with operator.connect_as_project({"id": project.id}) as cloud:
        make(cloud)
    seconds = time.perf_counter() - begin
    remove_project(operator, project.id)
    return seconds


def make_network(cloud: Any) -> tuple[Any, Any]:
    """The project's network with its router, and a group that lets log in from it."""
    network = cloud.network.create_network(name="script")
    subnet = cloud.network.create_subnet(network_id=network.id, ip_version=4, cidr=CIDR)
    outside = list(cloud.network.networks(is_router_external=True))
    gateway = {"external_gateway_info": {"network_id": outside[0].id}} if outside else {}
    router = cloud.network.create_router(name="script", **gateway)
    cloud.network.add_interface_to_router(router, subnet=subnet.id)
    return network, make_group(cloud, port=22)


def make_group(cloud: Any, *, port: int) -> Any:
    """A security group that lets the project's network in at this port."""
    group = cloud.network.create_security_group(name="script")
    cloud.network.create_security_group_rule(
        security_group_id=group.id,
        direction="ingress",
        ether_type="IPv4",
        protocol="tcp",
        port_range_min=port,
        port_range_max=port,
        remote_ip_prefix=CIDR,
    )
    return group


def make_volume(cloud: Any, version: OfferingVersion, *, size: int) -> Any:
    volume_type = version.choices["volume_types"][0]
    volume = cloud.block_storage.create_volume(name="script", size=size, volume_type=volume_type)
    poll(lambda: cloud.block_storage.get_volume(volume.id), "available")
    return volume


def make_server(cloud: Any, version: OfferingVersion, network: Any, *groups: Any) -> str:
    """A server with a volume; returns its address."""
    volume = make_volume(cloud, version, size=1)
    port = cloud.network.create_port(
        name="script", network_id=network.id, security_group_ids=[group.id for group in groups]
    )
    server = cloud.compute.create_server(
        name="script",
        flavor_id=Flavor.objects.get(name=version.choices["flavors"][0]).openstack_id,
        image_id=Image.objects.get(name=version.choices["images"][0]).openstack_id,
        networks=[{"port": port.id}],
    )
    poll(lambda: cloud.compute.get_server(server.id), "ACTIVE")
    cloud.compute.create_volume_attachment(server.id, volume.id)
    poll(lambda: cloud.block_storage.get_volume(volume.id), "in-use")
    return str(port.fixed_ips[0]["ip_address"])


def make_balancer(cloud: Any, network: Any, addresses: list[str]) -> str:
    """A load balancer before these addresses, whole in one call; returns its own address."""
    pool = {
        "name": "script",
        "protocol": "HTTP",
        "lb_algorithm": "ROUND_ROBIN",
        "members": [{"address": address, "protocol_port": 8080} for address in addresses],
        "healthmonitor": {"type": "HTTP", "delay": 10, "timeout": 5, "max_retries": 3},
    }
    listener = {"name": "script", "protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
    balancer = cloud.load_balancer.create_load_balancer(
        name="script", vip_network_id=network.id, listeners=[listener]
    )
    find = cloud.load_balancer.get_load_balancer
    poll(lambda: find(balancer.id), "ACTIVE", column="provisioning_status")
    return str(balancer.vip_address)


def make_zone(cloud: Any, address: str) -> None:
    """A zone of its own with a record for this address."""
    zone = cloud.dns.create_zone(
        name=f"{uuid4().hex}.example.nl.", email="beheer@example.nl", ttl=3600
    )
    poll(lambda: cloud.dns.get_zone(zone.id), "ACTIVE")
    cloud.dns.create_recordset(zone.id, name=f"www.{zone.name}", type="A", records=[address])


def poll(look: Callable[[], Any], status: str, *, column: str = "status") -> None:
    """Look every 0.2 s until the thing has this status."""
    while getattr(look(), column) != status:
        time.sleep(SCRIPT_POLL)
