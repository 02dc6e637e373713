"""From an approved order to a running server, and back to nothing."""

from datetime import datetime

import pytest

from billing.models import UsageSpan
from catalog.models import (
    ClaimState,
    Metric,
    OperationState,
    OrderState,
    ResourceState,
    StepState,
)
from catalog.provisioning.cloud_quota import needed_quota
from portal.audit.models import AuditEntry
from portal.cloud.ports import BACKUP_GIB
from tests.factories import reoffered

pytestmark = pytest.mark.django_db


def test_an_approved_order_becomes_a_running_server(engine, cloud, approved, operation, resource):
    engine.run()

    for row in (approved, operation, resource):
        row.refresh_from_db()
    assert approved.state == OrderState.COMPLETED
    assert operation.state == OperationState.SUCCEEDED
    assert resource.state == ResourceState.ACTIVE
    assert {step.state for step in operation.steps.all()} == {StepState.DONE}
    (server,) = cloud.of("server", resource.cloud_project.openstack_project_id)
    assert (server.name, server.status) == (resource.name, "ACTIVE")
    assert server.details["volume_ids"] == [resource.cloud_ids["volume"]]


def test_page_learns_addresses_and_the_hour_of_launch(engine, resource):
    engine.run()

    resource.refresh_from_db()
    (address,) = resource.facts["addresses"]
    assert (address["network"], address["version"]) == ("intern", 4)
    assert resource.facts["status"] == "ACTIVE"


def test_metering_starts_at_the_clouds_own_time(engine, cloud, resource):
    engine.run()

    resource.refresh_from_db()
    spans = UsageSpan.objects.filter(resource__public_id=resource.public_id)
    assert sorted(spans.values_list("sku__code", "quantity")) == [
        ("server.gp.small", 1),
        ("volume.standard", 40),
    ]
    launched_at = datetime.fromisoformat(resource.facts["launched_at"])
    assert all(span.start_facts["cloud"] == launched_at.isoformat() for span in spans)


def test_the_cloud_allows_exactly_what_stands_there(engine, cloud, resource, retire):
    engine.run()
    resource.cloud_project.refresh_from_db()
    project = resource.cloud_project.openstack_project_id
    nothing = {**dict.fromkeys(Metric, 0), BACKUP_GIB: 0}
    del nothing[Metric.MONTHLY_COST_EUR]
    shared = {"networks": 1, "routers": 1}  # stays when the server goes
    held = {"servers": 1, "vcpus": 2, "memory_gib": 4, "volumes": 1, "volume_gib": 40}
    assert cloud.fetch_quota(project) == {**nothing, **shared, **held}

    retire(resource)
    engine.run()

    assert cloud.fetch_quota(project) == {**nothing, **shared}


def test_retirement_leaves_only_what_the_project_shares(engine, cloud, resource, retire):
    engine.run()

    operation = retire(resource)
    engine.run()

    for row in (operation, resource, resource.claim):
        row.refresh_from_db()
    assert operation.state == OperationState.SUCCEEDED
    assert resource.state == ResourceState.RETIRED
    assert resource.claim.state == ClaimState.RELEASED
    assert {kind: cloud.count(kind) for kind in ("server", "volume", "port")} == {
        "server": 0,
        "volume": 0,
        "port": 0,
    }
    assert (cloud.count("network"), cloud.count("security_group")) == (1, 1)
    assert not UsageSpan.objects.filter(ended_at=None).exists()


def test_second_server_of_a_project_shares_its_network(
    engine, cloud, resource, requester, approver, project, version, deliver
):
    engine.run()

    second = deliver()

    assert second.state == ResourceState.ACTIVE
    assert (cloud.count("server"), cloud.count("port")) == (2, 2)
    assert {cloud.count(kind) for kind in ("network", "subnet", "router", "project")} == {1}
    needed = needed_quota(resource.cloud_project)
    assert (needed[Metric.VCPUS], needed[Metric.NETWORKS], needed[Metric.ROUTERS]) == (4, 1, 1)


def test_each_offered_network_has_room_beside_one_router(engine, resource, deliver):
    second = deliver()
    second.spec["network"] = "dmz"
    second.save(update_fields=["spec"])

    needed = needed_quota(resource.cloud_project)

    assert (needed[Metric.NETWORKS], needed[Metric.ROUTERS]) == (2, 1)


def test_retirement_frees_a_volume_that_the_vanished_server_still_seems_to_have(
    engine, cloud, resource, retire
):
    # Nova removes a server also when Cinder cannot be told, and never tells it later.
    engine.run()
    resource.refresh_from_db()
    del cloud.things[resource.cloud_ids["server"]]
    volume = cloud.things[resource.cloud_ids["volume"]]
    assert volume.status == "IN-USE"

    operation = retire(resource)
    engine.run()

    operation.refresh_from_db()
    assert operation.state == OperationState.SUCCEEDED
    assert cloud.count("volume") == 0


@pytest.mark.parametrize("status", ["ACTIVE", "DELETED", "ERROR"])
def test_retirement_asks_again_when_the_cloud_gave_up(engine, cloud, resource, retire, status):
    engine.run()
    resource.refresh_from_db()
    operation = retire(resource)
    engine.run_one()  # asks Nova, whose database then stops in the middle of the work
    server = cloud.things[resource.cloud_ids["server"]]
    server.status, server.details["task_state"], server.on_settled = status, "", None

    engine.run()

    operation.refresh_from_db()
    assert operation.state == OperationState.SUCCEEDED
    assert cloud.count("server") == 0
    assert cloud.calls["delete_server"] == 2


def test_what_the_person_was_told_is_in_the_audit_trail(engine, resource, retire):
    engine.run()
    retire(resource)
    engine.run()

    events = list(AuditEntry.objects.order_by("at", "pk").values_list("event", flat=True))
    told = [event for event in events if event.startswith(("operation.", "resource."))]
    assert sorted(told) == sorted(
        [
            "operation.started",
            "resource.activated",
            "operation.succeeded",
            "operation.started",
            "resource.retirement_requested",
            "resource.retired",
            "operation.succeeded",
        ]
    )


def test_server_without_a_data_volume(engine, cloud, version, deliver):
    sizes = {**version.choices["volume_gib"], "minimum": 0}

    resource = deliver(of=reoffered(version, volume_gib=sizes), volume_gib=0)

    assert resource.state == ResourceState.ACTIVE
    assert cloud.count("volume") == 0
    assert needed_quota(resource.cloud_project)[Metric.VOLUMES] == 0


def test_one_server_costs_few_calls(engine, cloud, resource, deliver):
    """A second server in a known project: what a person with a script would send, and a look
    at each shared thing."""
    engine.run()
    cloud.calls.clear()

    deliver()

    assert {name: n for name, n in cloud.calls.items() if not name.startswith("list_")} == {
        "set_quota": 1,
        "find_networks": 1,
        "find_subnets": 1,
        "find_routers": 1,
        "ensure_router_interface": 1,
        "find_security_groups": 1,
        "ensure_security_rules": 1,
        "create_volume": 1,
        "create_port": 1,
        "create_server": 1,
        "attach_volume": 1,
    }
