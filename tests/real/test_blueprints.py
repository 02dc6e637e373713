"""A web application on the real OpenStack: ordered, wired, delivered and cleaned up as one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openstack.connection import Connection

from catalog.models import OfferingVersion, Order, OrderState, Resource, ResourceState
from catalog.services.approvals import approve_order
from catalog.services.assemblies import retire_assembly
from portal.cloud.models import CloudProject
from tests.factories import place
from tests.real.conftest import listing, remove_project, smallest_version, until
from tests.real.web_application import answers, make_blueprint

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def server(transactional_db: None) -> OfferingVersion:
    return smallest_version()


@pytest.fixture
def blueprint(server: OfferingVersion) -> OfferingVersion:
    return make_blueprint(server)


@pytest.fixture
def parts(
    worker: Any,
    project: Any,
    requester: Any,
    approver: Any,
    server: OfferingVersion,
    blueprint: OfferingVersion,
    operator: Connection,
) -> Iterator[dict[str, Resource]]:
    """Everything of a web application, delivered; afterwards nothing of it is left."""
    worker.start()
    order = place(requester, project, blueprint, name="zaak", spec=answers(server))
    approve_order(order.public_id, approver=approver)
    try:
        until(lambda: _state(order) != OrderState.PROVISIONING, "the order is delivered")
        assert _state(order) == OrderState.COMPLETED, _errors(order)
        resources = Resource.objects.select_related("order_line", "cloud_project")
        yield {part.order_line.part: part for part in resources if part.order_line}
    finally:
        for cloud_project in CloudProject.objects.exclude(openstack_project_id=""):
            remove_project(operator, cloud_project.openstack_project_id)


def _state(order: Order) -> str:
    return Order.objects.get(pk=order.pk).state


def _errors(order: Order) -> list[tuple[str, str]]:
    resources = Resource.objects.filter(order_line__order=order)
    steps = resources.exclude(operations__steps__last_error="")
    return list(steps.values_list("name", "operations__steps__last_error"))


def test_it_is_wired_in_the_cloud_and_goes_as_one(
    parts: dict[str, Resource], operator: Connection, requester: Any
) -> None:
    assert {part.state for part in parts.values()} == {ResourceState.ACTIVE}
    project = parts["network"].cloud_project.openstack_project_id
    network = parts["network"].cloud_ids["network"]
    group = parts["web"].cloud_ids["security_group"]
    (rule,) = operator.network.security_group_rules(security_group_id=group, direction="ingress")
    assert (rule.protocol, rule.port_range_min, rule.port_range_max) == ("tcp", 8080, 8080)
    assert rule.remote_ip_prefix == parts["network"].spec["cidr"]
    addresses = set()
    with operator.connect_as_project({"id": project}) as cloud:
        for key in ("web-1", "web-2"):
            server = cloud.compute.get_server(parts[key].cloud_ids["server"])
            (port,) = operator.network.ports(project_id=project, device_id=server.id)
            assert (server.status, port.network_id) == ("ACTIVE", network)
            assert group in port.security_group_ids
            addresses |= {found["ip_address"] for found in port.fixed_ips}
        (balancer,) = operator.load_balancer.load_balancers(project_id=project)
        (pool,) = operator.load_balancer.pools(project_id=project)
        members = operator.load_balancer.members(pool.id)
        assert balancer.vip_network_id == network
        assert {member.address for member in members} == addresses
        zone = parts["domain"].cloud_ids["dns_zone"]
        (record,) = [found for found in cloud.dns.recordsets(zone) if found.type == "A"]
        assert (record.name.split(".")[0], record.records) == ("www", [balancer.vip_address])

        assembly = parts["web-1"].order_line.assembly  # type: ignore[union-attr]  # it was ordered
        retire_assembly(assembly.public_id, actor=requester, confirmation="zaak")
        until(
            lambda: not Resource.objects.exclude(state=ResourceState.RETIRED).exists(),
            "all of it is gone",
        )

        left = {what: len(ids) for what, ids in listing(operator, project).items() if ids}
        assert left == {"security_groups": 2}  # Neutron's own, and that of the servers
        assert list(operator.load_balancer.load_balancers(project_id=project)) == []
        assert list(cloud.dns.zones()) == []
    assert list(operator.network.routers(project_id=project)) == []
