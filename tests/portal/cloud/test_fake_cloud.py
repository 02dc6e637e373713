"""The fake cloud keeps the contract, and goes wrong only when asked to."""

from __future__ import annotations

import pytest

from portal.cloud.fake import FakeCloud
from portal.cloud.ports import (
    CloudRefused,
    CloudUnavailable,
    ContainerSpec,
    LoadBalancerSpec,
    NetworkSpec,
    Traffic,
)
from tests.portal.cloud.contract import CloudContract
from tests.portal.cloud.workspace import Workspace, new_marker


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud()


class TestFakeCloud(CloudContract):
    pass


@pytest.fixture
def work(cloud: FakeCloud) -> Workspace:
    project = cloud.create_project(domain_name="cloudloket", name="p", description="")
    return Workspace(cloud, project.id)


def test_planned_failure_happens_once_and_changes_nothing(
    cloud: FakeCloud, work: Workspace
) -> None:
    cloud.fail_next("create_network", CloudRefused("no"))

    with pytest.raises(CloudRefused, match="no"):
        work.network()
    assert cloud.count("network") == 0
    work.network()
    assert cloud.count("network") == 1
    assert cloud.calls["create_network"] == 2


def test_lost_reply_leaves_what_was_made(cloud: FakeCloud, work: Workspace) -> None:
    marker = new_marker()
    cloud.lose_next_reply("create_network")

    with pytest.raises(CloudUnavailable) as lost:
        work.network(marker)

    assert lost.value.outcome_unknown
    assert len(cloud.find_networks(work.project, marker)) == 1


def test_fault_for_an_unknown_operation_is_a_mistake_in_the_test(cloud: FakeCloud) -> None:
    with pytest.raises(ValueError, match="create_castle"):
        cloud.fail_next("create_castle", CloudRefused("no"))


def test_server_settles_at_a_tick(cloud: FakeCloud, work: Workspace) -> None:
    cloud.servers_become("ERROR", "No valid host was found.")
    server = work.server()

    cloud.tick()

    (seen,) = cloud.list_servers(work.project)
    assert (seen.id, seen.status) == (server.id, "ERROR")
    assert seen.fault == "No valid host was found."


def test_size_that_is_being_confirmed_does_not_go_back(cloud: FakeCloud, work: Workspace) -> None:
    server = work.active_server()
    large = max(cloud.fetch_inventory().flavors, key=lambda item: item.memory_mib)
    cloud.resize_server(work.project, server.id, large.id)
    cloud.tick()

    cloud.confirm_resize(work.project, server.id)
    cloud.revert_resize(work.project, server.id)
    cloud.tick()

    (seen,) = cloud.list_servers(work.project)
    assert (seen.status, seen.details["flavor"]) == ("ACTIVE", large.name)


def test_cloud_counts_what_is_stored_and_what_passes(cloud: FakeCloud, work: Workspace) -> None:
    network = work.network()
    spec = LoadBalancerSpec(
        name="front", network_id=network.id, protocol="TCP", port=80, members=[]
    )
    balancer = cloud.create_load_balancer(work.project, spec, new_marker())
    cloud.create_container(work.project, ContainerSpec(name="archief", quota_gib=1), "")

    cloud.store(work.project, "archief", 7)
    cloud.let_traffic_pass(balancer.id, bytes_in=1, bytes_out=2)

    assert cloud.container_bytes(work.project) == {"archief": 7}
    passed = cloud.load_balancer_traffic(work.project, balancer.id)
    assert passed == Traffic(bytes_in=1, bytes_out=2)
    cloud.fail_over(balancer.id)
    passed = cloud.load_balancer_traffic(work.project, balancer.id)
    assert passed == Traffic(bytes_in=0, bytes_out=0)


def test_patience_can_be_asked_for(cloud: FakeCloud, work: Workspace) -> None:
    cloud.polls_until_settled = 3
    server = work.server()

    statuses = [work.seen_server(server.id).status for _ in range(4)]

    assert statuses == ["BUILD", "BUILD", "BUILD", "ACTIVE"]


def test_answers_do_not_change_afterwards(cloud: FakeCloud, work: Workspace) -> None:
    router = work.router()
    (before,) = cloud.find_routers(work.project, router.marker)
    network = work.network()
    subnet = cloud.create_subnet(
        work.project, network.id, NetworkSpec(name="n", cidr="10.0.0.0/24"), new_marker()
    )

    cloud.ensure_router_interface(work.project, router.id, subnet.id)

    assert before.details["subnet_ids"] == []
