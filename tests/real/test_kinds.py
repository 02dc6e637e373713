"""Every kind beside the server on the real OpenStack: it comes, with its marker, and goes again."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from openstack.connection import Connection

from catalog.errors import ResourceNeeded
from catalog.kinds.server_extras import Extra
from catalog.models import (
    Offering,
    Operation,
    OperationKind,
    OperationState,
    Order,
    OrderState,
    Resource,
    ResourceState,
)
from catalog.services.approvals import approve_order
from catalog.services.operations import abandon_operation
from catalog.services.resources import act_on_resource, retire_resource
from portal.cloud import get_cloud
from portal.cloud.markers import write_marker
from portal.cloud.models import CloudProject
from tests.factories import OfferingVersionFactory, place, priced
from tests.real.conftest import (
    delivery_of,
    finished,
    listing,
    order_spec,
    remove_project,
    smallest_version,
    until,
)

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGr8Yx0pL1z5nVtqJ8o3cM0s2rR9hQf7uW4bKe6dTgHa beheer"

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def deliver(
    worker: Any, project: Any, requester: Any, approver: Any, operator: Connection
) -> Iterator[Callable[..., Resource]]:
    """Orders a thing of some kind, approves it and waits; afterwards nothing of it is left."""
    server = smallest_version()
    priced(
        network="1.00",
        router="4.00",
        security_group="0.00",
        floating_ip="2.50",
        load_balancer="18.00",
        dns_zone="0.50",
        object="0.02",
    )
    worker.start()

    def order(kind: str, **spec: Any) -> Resource:
        spec = {**(order_spec(server) if kind == "server" else {}), **spec}
        offering, _new = Offering.objects.get_or_create(code=kind.replace("_", "-"), kind=kind)
        version = offering.versions.first() or OfferingVersionFactory(
            offering=offering,
            cloud=server.cloud,
            choices={
                **server.choices,
                "ways_out": ["outside", "none"],
                "object_gib": {"minimum": 1, "maximum": 5000, "default": 100},
                "extras": [extra.value for extra in Extra],
            },
        )
        name = f"{offering.code}-1"
        asked = place(requester, project, version, name=name, spec=spec)
        return finished(delivery_of(approve_order(asked.public_id, approver=approver)))

    yield order
    for cloud_project in CloudProject.objects.exclude(openstack_project_id=""):
        remove_project(operator, cloud_project.openstack_project_id)


@pytest.fixture
def leave(requester: Any, operator: Connection) -> Callable[..., None]:
    """Retires the thing and checks that nothing is left but what its project shares."""

    def retire(resource: Resource, **shared: int) -> None:
        operation = retire_resource(resource.public_id, actor=requester, confirmation=resource.name)
        gone = finished(operation)
        project = gone.cloud_project.openstack_project_id
        left = {what: len(ids) for what, ids in listing(operator, project).items() if ids}
        assert gone.state == ResourceState.RETIRED
        assert left == {"security_groups": 1, **shared}  # Neutron's own "default"

    return retire


def test_each_comes_and_leaves_nothing_behind(deliver, leave, operator, subtests):
    lives = {
        "volume": volume_comes_and_goes,
        "network with a way out": partial(network_comes_and_goes, way_out="outside"),
        "network of its own": partial(network_comes_and_goes, way_out="none"),
        "floating IP": floating_ip_comes_and_goes,
        "security group": security_group_comes_and_goes,
        "DNS zone": dns_zone_comes_and_goes,
        "container": container_goes_with_what_is_in_it,
        # Last: the network that it stands in stays.
        "load balancer": load_balancer_comes_and_goes,
    }
    for name, comes_and_goes in lives.items():
        with subtests.test(name):
            comes_and_goes(deliver, leave, operator)


def volume_comes_and_goes(deliver, leave, operator):
    resource = deliver("volume", volume_gib=2)

    with operator.connect_as_project({"id": resource.cloud_project.openstack_project_id}) as cloud:
        (volume,) = cloud.block_storage.volumes(details=True)
    assert (volume.id, volume.size) == (resource.cloud_ids["volume"], 2)
    assert volume.status == "available"
    leave(resource)


def network_comes_and_goes(deliver, leave, operator, way_out):
    resource = deliver("network", cidr="192.168.10.0/24", way_out=way_out)

    project = resource.cloud_project.openstack_project_id
    (subnet,) = operator.network.subnets(project_id=project)
    routers = list(operator.network.routers(project_id=project))
    assert (subnet.cidr, subnet.network_id) == ("192.168.10.0/24", resource.cloud_ids["network"])
    assert len(routers) == (way_out == "outside")
    leave(resource)


def floating_ip_comes_and_goes(deliver, leave, operator):
    resource = deliver("floating_ip")

    project = resource.cloud_project.openstack_project_id
    (address,) = operator.network.ips(project_id=project)
    assert address.floating_ip_address == resource.facts["addresses"][0]["address"]
    assert operator.network.get_quota(project).floating_ips == 1
    leave(resource)
    assert list(operator.network.ips(project_id=project)) == []


def security_group_comes_and_goes(deliver, leave, operator):
    resource = deliver(
        "security_group", rules="tcp 443 0.0.0.0/0\nudp 5000-5010 2001:db8::/32\nicmp 10.0.0.0/8"
    )

    rules = operator.network.security_group_rules(
        security_group_id=resource.cloud_ids["security_group"], direction="ingress"
    )
    openings = {
        (rule.protocol, rule.port_range_min, rule.port_range_max, rule.remote_ip_prefix)
        for rule in rules
    }
    assert openings == {
        ("tcp", 443, 443, "0.0.0.0/0"),
        ("udp", 5000, 5010, "2001:db8::/32"),
        ("icmp", None, None, "10.0.0.0/8"),
    }
    leave(resource)


def load_balancer_comes_and_goes(deliver, leave, operator):
    members = "10.20.4.12:8080\n10.20.4.13:8080"
    resource = deliver("load_balancer", network="intern", protocol="HTTP", port=80, members=members)

    project = resource.cloud_project.openstack_project_id
    (balancer,) = operator.load_balancer.load_balancers(project_id=project)
    (pool,) = operator.load_balancer.pools(project_id=project)
    found = operator.load_balancer.members(pool.id)
    assert balancer.vip_address == resource.facts["addresses"][0]["address"]
    assert {f"{member.address}:{member.protocol_port}" for member in found} == set(
        members.splitlines()
    )
    leave(resource, networks=1, ports=1)  # the router's way in
    assert list(operator.load_balancer.load_balancers(project_id=project)) == []


def dns_zone_comes_and_goes(deliver, leave, operator):
    name = f"{uuid4().hex}.example.nl"
    records = f"@ A 192.0.2.10\nwww CNAME {name}\n@ MX 10 mail.{name}\n@ TXT v=spf1 -all"
    resource = deliver("dns_zone", zone=name, email="beheer@example.nl", records=records)

    project = {"id": resource.cloud_project.openstack_project_id}
    with operator.connect_as_project(project) as cloud:
        found = {
            (record.name, record.type): record.records
            for record in cloud.dns.recordsets(resource.cloud_ids["dns_zone"])
        }
        assert found[f"{name}.", "A"] == ["192.0.2.10"]
        assert found[f"www.{name}.", "CNAME"] == [f"{name}."]
        assert found[f"{name}.", "MX"] == [f"10 mail.{name}."]
        assert found[f"{name}.", "TXT"] == ['"v=spf1 -all"']
        leave(resource)
        assert list(cloud.dns.zones()) == []


def container_goes_with_what_is_in_it(deliver, leave, operator):
    resource = deliver("container", object_gib=2)

    project = {"id": resource.cloud_project.openstack_project_id}
    with operator.connect_as_project(project) as cloud:
        headers = cloud.object_store.head(f"/{resource.name}").headers
        assert headers["X-Container-Meta-Quota-Bytes"] == str(2 * 1024**3)
        for number in range(3):
            cloud.object_store.create_object(resource.name, f"stuk-{number}", data=b"tekst")
        leave(resource)
        assert list(cloud.object_store.containers()) == []


@pytest.fixture
def give_up(requester: Any) -> Callable[[Operation], Resource]:
    """Waits until the change fails, gives it up, and waits until what it did is taken back."""

    def abandon(operation: Operation) -> Resource:
        until(
            lambda: Operation.objects.filter(pk=operation.pk, state=OperationState.FAILED).exists(),
            "the change is refused",
        )
        abandon_operation(operation.public_id, actor=requester)
        reversal = Operation.objects.get(
            kind=OperationKind.REVERT, order_line__order__lines__operations=operation
        )
        resource = finished(reversal)
        assert Order.objects.get(lines__operations=operation).state == OrderState.CANCELED
        return resource

    return abandon


def test_members_become_others_and_are_put_back(deliver, become, give_up, operator):
    old, new = "10.20.4.12:8080\n10.20.4.13:8080", "10.20.4.13:8080\n10.20.4.14:8443"
    balancer = deliver("load_balancer", network="intern", protocol="HTTP", port=80, members=old)
    project = balancer.cloud_project.openstack_project_id
    (pool,) = operator.load_balancer.pools(project_id=project)

    def there() -> dict[str, tuple[str, int]]:
        found = operator.load_balancer.members(pool.id)
        return {
            f"{member.address}:{member.protocol_port}": (member.id, member.weight)
            for member in found
        }

    kept = there()["10.20.4.13:8080"][0]
    operator.load_balancer.update_member(kept, pool.id, weight=7)
    until(
        lambda: operator.load_balancer.get_pool(pool.id).provisioning_status == "ACTIVE",
        "it has its weight",
    )

    changed = finished(become(balancer, members=new))

    assert there().keys() == set(new.splitlines())
    assert there()["10.20.4.13:8080"] == (kept, 7), "what stays is left as it is"
    assert changed.spec["members"] == new
    # Octavia keeps that address from load balancers: it is where servers ask for metadata.
    again = give_up(become(changed, members=f"{old}\n169.254.169.254:80"))
    assert there().keys() == set(new.splitlines())
    assert again.spec["members"] == new
    (seen,) = operator.load_balancer.load_balancers(project_id=project)
    assert (seen.id, seen.provisioning_status) == (balancer.cloud_ids["load_balancer"], "ACTIVE")


def test_records_become_others_and_are_put_back(deliver, become, give_up, operator):
    name = f"{uuid4().hex}.example.nl"
    old = f"@ A 192.0.2.10\nwww CNAME {name}\n@ TXT v=spf1 -all"
    new = f"@ A 192.0.2.10\n@ A 192.0.2.11\nwww A 192.0.2.12\n@ MX 10 mail.{name}"
    zone = deliver("dns_zone", zone=name, email="beheer@example.nl", records=old)

    with operator.connect_as_project({"id": zone.cloud_project.openstack_project_id}) as cloud:

        def there() -> dict[tuple[str, str], set[str]]:
            found = cloud.dns.recordsets(zone.cloud_ids["dns_zone"])
            return {
                (record.name.removesuffix(f"{name}."), record.type): set(record.records)
                for record in found
            }

        own = {key: values for key, values in there().items() if key[1] in {"SOA", "NS"}}
        expected = {
            ("", "A"): {"192.0.2.10", "192.0.2.11"},
            ("www.", "A"): {"192.0.2.12"},
            ("", "MX"): {f"10 mail.{name}."},
        }

        changed = finished(become(zone, records=new))

        seen = there()
        assert {key: seen[key] for key in seen if key not in own} == expected
        assert seen["", "NS"] == own["", "NS"]
        assert changed.spec["records"] == new
        # Designate takes no name that is so long, and what came before that is put back.
        too_long = ".".join(["a" * 60] * 4)
        again = give_up(become(changed, records=f"ftp A 192.0.2.9\n{too_long} A 192.0.2.9"))
        seen = there()
        assert {key: seen[key] for key in seen if key not in own} == expected
        assert again.spec["records"] == new


def test_who_reaches_a_server_changes_while_it_runs(deliver, become, operator):
    everything, ping = "tcp 1-65535 10.0.0.0/8", "icmp 2001:db8::/32"
    group = deliver("security_group", rules=f"tcp 443 0.0.0.0/0\n{everything}\n{ping}")
    server = deliver("server")

    def rules() -> dict[str, tuple[Any, ...]]:
        """By id, as Neutron keeps them."""
        return {
            rule.id: (rule.protocol, rule.port_range_min, rule.remote_ip_prefix)
            for rule in operator.network.security_group_rules(
                security_group_id=group.cloud_ids["security_group"], direction="ingress"
            )
        }

    def groups() -> set[str]:
        (port,) = operator.network.ports(device_id=server.cloud_ids["server"])
        return set(port.security_group_ids)

    before, usual = rules(), groups()
    group = finished(become(group, rules=f"{everything}\n{ping}\nudp 53 0.0.0.0/0"))
    after = rules()
    assert set(after.values()) == {
        ("tcp", None, "10.0.0.0/8"),
        ("ipv6-icmp", None, "2001:db8::/32"),
        ("udp", 53, "0.0.0.0/0"),
    }
    assert len(before.keys() & after.keys()) == 2  # what stays was never away
    server = finished(become(server, security_groups=group.name))
    assert groups() == usual | {group.cloud_ids["security_group"]}
    server = finished(become(server, security_groups=""))
    assert groups() == usual
    assert operator.compute.get_server(server.cloud_ids["server"]).status == "ACTIVE"


def test_container_takes_more_and_less_and_keeps_what_is_in_it(deliver, become, operator):
    container = deliver("container", object_gib=2)
    project = {"id": container.cloud_project.openstack_project_id}

    with operator.connect_as_project(project) as cloud:
        cloud.object_store.create_object(container.name, "stuk", data=b"tekst")
        for size in (3, 1):
            container = finished(become(container, object_gib=size))
            headers = cloud.object_store.head(f"/{container.name}").headers
            assert headers["X-Container-Meta-Quota-Bytes"] == str(size * 1024**3)
        assert cloud.object_store.download_object("stuk", container.name) == b"tekst"
    (found,) = get_cloud(container.cloud_project.cloud.key).find_containers(
        project["id"], container.name, write_marker(container.public_id, "container")
    )
    assert found.details == {"quota_gib": 1, "used_gib": 1}


def test_server_is_stopped_started_rescued_and_rebuilt(deliver, operator, requester):
    server = deliver("server")

    for action, status in (
        ("stop", "SHUTOFF"),
        ("start", "ACTIVE"),
        ("reboot", "ACTIVE"),
        ("rescue", "RESCUE"),
        ("unrescue", "ACTIVE"),
        ("rebuild", "ACTIVE"),
    ):
        operation = act_on_resource(
            server.public_id, action=action, actor=requester, confirmation=server.name
        )
        resource = finished(operation)
        there = operator.compute.get_server(resource.cloud_ids["server"])
        assert resource.facts["status"] == there.status == status
    assert there.metadata["cloudloket_rebuild"] == str(operation.public_id)
    assert [found["id"] for found in there.attached_volumes] == [resource.cloud_ids["volume"]]


def test_server_stands_in_a_private_network_that_stays_as_long(deliver, leave, operator, requester):
    network = deliver("network", cidr="192.168.30.0/24", way_out="outside")

    server = deliver("server", network=str(network.public_id))

    project = server.cloud_project.openstack_project_id
    (found,) = operator.network.networks(project_id=project)
    (port,) = operator.network.ports(project_id=project, device_id=server.cloud_ids["server"])
    assert found.id == port.network_id == network.cloud_ids["network"]
    assert port.fixed_ips[0]["ip_address"].startswith("192.168.30.")
    rules = operator.network.security_group_rules(
        security_group_id=port.security_group_ids[0], direction="ingress"
    )
    assert [rule.remote_ip_prefix for rule in rules] == ["192.168.30.0/24"]
    with pytest.raises(ResourceNeeded, match=server.name):
        retire_resource(network.public_id, actor=requester, confirmation=network.name)
    shared = {"security_groups": 2}  # beside Neutron's own that of all servers
    leave(server, networks=1, ports=1, **shared)  # the router's way in
    leave(network, **shared)


def test_server_starts_from_a_volume_in_a_group_with_instructions(deliver, leave, operator):
    group = deliver("security_group", rules="tcp 443 0.0.0.0/0")
    smallest = min(operator.image.images(visibility="public"), key=lambda item: item.min_disk)

    resource = deliver(
        "server",
        system_gib=max(1, smallest.min_disk),
        group="web",
        group_rule="anti-affinity",
        security_groups=group.name,
        user_data="#!/bin/sh\necho één",
        ssh_public_key=KEY,
    )

    project = resource.cloud_project.openstack_project_id
    with operator.connect_as_project({"id": project}) as cloud:
        (there,) = cloud.compute.servers(details=True)
        (together,) = cloud.compute.server_groups()
        disks = {volume.id: volume for volume in cloud.block_storage.volumes(details=True)}
    (port,) = operator.network.ports(project_id=project, device_id=there.id)
    assert disks[resource.cloud_ids["system_volume"]].is_bootable
    assert {found["id"] for found in there.attached_volumes} == disks.keys()
    assert (together.policy, list(together.member_ids)) == ("anti-affinity", [there.id])
    assert group.cloud_ids["security_group"] in port.security_group_ids
    told = operator.compute.get(f"/servers/{there.id}", microversion="2.90").json()["server"]
    user_data = base64.b64decode(told["OS-EXT-SRV-ATTR:user_data"]).decode()
    assert "ssh_authorized_keys" in user_data
    # What its project shares, the group of the other resource among it.
    leave(resource, networks=1, ports=1, security_groups=3)
    with operator.connect_as_project({"id": project}) as cloud:
        assert list(cloud.compute.server_groups()) == []
