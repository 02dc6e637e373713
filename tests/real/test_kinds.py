"""Every kind beside the server on the real OpenStack: it comes, with its marker, and goes again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openstack.connection import Connection

from catalog.models import Offering, Resource, ResourceState
from catalog.services.approvals import approve_order
from catalog.services.resources import act_on_resource, retire_resource
from portal.cloud.models import CloudProject
from tests.factories import OfferingVersionFactory, place, priced
from tests.real.conftest import (
    delivery_of,
    finished,
    listing,
    order_spec,
    remove_project,
    smallest_version,
)

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def deliver(
    worker: Any, project: Any, requester: Any, approver: Any, operator: Connection
) -> Iterator[Callable[..., Resource]]:
    """Orders a thing of some kind, approves it and waits; afterwards nothing of it is left."""
    server = smallest_version()
    priced(network="1.00", router="4.00", floating_ip="2.50")
    worker.start()

    def order(kind: str, **spec: Any) -> Resource:
        offering = Offering.objects.create(code=kind.replace("_", "-"), kind=kind)
        version = OfferingVersionFactory(
            offering=offering,
            cloud=server.cloud,
            choices={**server.choices, "ways_out": ["outside", "none"]},
        )
        asked = place(requester, project, version, name="eerste", spec=spec)
        return finished(delivery_of(approve_order(asked.public_id, approver=approver)))

    yield order
    for cloud_project in CloudProject.objects.exclude(openstack_project_id=""):
        remove_project(operator, cloud_project.openstack_project_id)


@pytest.fixture
def leave(requester: Any, operator: Connection) -> Callable[[Resource], None]:
    """Retires the thing and checks that its Keystone project is empty then."""

    def retire(resource: Resource) -> None:
        operation = retire_resource(resource.public_id, actor=requester, confirmation=resource.name)
        gone = finished(operation)
        project = gone.cloud_project.openstack_project_id
        left = {what: ids for what, ids in listing(operator, project).items() if ids}
        assert (gone.state, set(left)) == (ResourceState.RETIRED, {"security_groups"})
        assert len(left["security_groups"]) == 1  # Neutron's own "default"

    return retire


def test_volume(deliver, leave, operator):
    resource = deliver("volume", volume_gib=2)

    with operator.connect_as_project({"id": resource.cloud_project.openstack_project_id}) as cloud:
        (volume,) = cloud.block_storage.volumes(details=True)
    assert (volume.id, volume.size) == (resource.cloud_ids["volume"], 2)
    assert volume.status == "available"
    leave(resource)


@pytest.mark.parametrize("way_out", ["outside", "none"])
def test_network(deliver, leave, operator, way_out):
    resource = deliver("network", cidr="192.168.10.0/24", way_out=way_out)

    project = resource.cloud_project.openstack_project_id
    (subnet,) = operator.network.subnets(project_id=project)
    routers = list(operator.network.routers(project_id=project))
    assert (subnet.cidr, subnet.network_id) == ("192.168.10.0/24", resource.cloud_ids["network"])
    assert len(routers) == (way_out == "outside")
    leave(resource)


def test_floating_ip(deliver, leave, operator):
    resource = deliver("floating_ip")

    project = resource.cloud_project.openstack_project_id
    (address,) = operator.network.ips(project_id=project)
    assert address.floating_ip_address == resource.facts["addresses"][0]["address"]
    assert operator.network.get_quota(project).floating_ips == 1
    leave(resource)
    assert list(operator.network.ips(project_id=project)) == []


def test_security_group(deliver, leave, operator):
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


def test_server_is_stopped_and_started(deliver, operator, requester):
    server = deliver("server", **order_spec(smallest_version()))

    for action, status in (("stop", "SHUTOFF"), ("start", "ACTIVE"), ("reboot", "ACTIVE")):
        resource = finished(act_on_resource(server.public_id, action=action, actor=requester))
        assert resource.facts["status"] == status
        assert operator.compute.get_server(resource.cloud_ids["server"]).status == status
