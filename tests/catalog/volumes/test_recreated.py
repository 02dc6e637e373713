"""A server that the cloud lost is made again: with what was attached to it, at its address."""

from __future__ import annotations

import pytest
from django.urls import reverse

from billing.models import MeteredResource
from billing.services.metering import metered_now
from catalog.models import Operation, OperationKind, OperationState, RepairAction, Resource
from catalog.services.drift_repairs import confirm_repair
from catalog.services.operations import abandon_operation, resume_operation
from catalog.services.resources import act_on_resource
from portal.audit.models import AuditEntry
from portal.cloud.ports import CloudRefused
from tests.catalog.views.ordering import text_of
from tests.factories.catalog import SPEC
from tests.factories.drift import gone, proposed
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def address(deliver, act, server):
    """A public address that leads to the server."""
    found = deliver("floating_ip", "ingang")
    act(found, "attach", server=str(server.public_id))
    return found


@pytest.fixture
def lose(cloud, server):
    """Somebody deletes the server in the cloud."""

    def delete() -> None:
        cloud.delete_server(server.cloud_project.openstack_project_id, server.cloud_ids["server"])
        cloud.tick()

    return delete


@pytest.fixture
def make_again(engine, server, operators):
    """Two operators agree that it is made again."""

    def decide(**changes) -> None:
        repair = proposed(gone(server, **changes), operators[0], RepairAction.RECREATE)
        engine.call(confirm_repair, repair.public_id, actor=operators[1])

    return decide


def now_of(resource):
    return Resource.objects.get(pk=resource.pk)


def attached_in(cloud, disk):
    return cloud.things[disk.cloud_ids["volume"]].details["server_ids"]


def attachment_of(resource):
    """What it is attached to, and what it will be again."""
    return resource.facts["attached_to"], resource.facts["attached_before"]


def attachments():
    """What the platform itself attached."""
    return Operation.objects.filter(kind=OperationKind.ACT, requested_by=None)


def test_disk_and_address_are_attached_again(
    server, attached, address, cloud, engine, lose, make_again
):
    lose()
    make_again()
    for resource in (attached, address):
        assert now_of(resource).facts["attached_to"] is None  # as long as there is nothing

    engine.run()

    server = now_of(server)
    assert attached_in(cloud, attached) == [server.cloud_ids["server"]]
    assert (
        cloud.things[address.cloud_ids["floating_ip"]].details["port_id"]
        == (server.cloud_ids["port"])
    )
    for resource in (attached, address):
        facts = now_of(resource).facts
        assert (facts["attached_to"], facts["attached_before"]) == (str(server.public_id), None)
        events = AuditEntry.objects.filter(subject_public_id=resource.public_id)
        assert "resource.attachment_lost" in set(events.values_list("event", flat=True))
    assert {one.state for one in attachments()} == {OperationState.SUCCEEDED}


def test_port_that_was_lost_as_well_gets_its_address_again(
    server, address, cloud, engine, lose, make_again
):
    before = cloud.things[server.cloud_ids["port"]].details["addresses"]
    lose()
    cloud.delete_port(server.cloud_project.openstack_project_id, server.cloud_ids["port"])
    make_again()
    engine.run()

    again = now_of(server)
    assert again.cloud_ids["port"] != server.cloud_ids["port"]
    assert cloud.things[again.cloud_ids["port"]].details["addresses"] == before
    assert (
        cloud.things[address.cloud_ids["floating_ip"]].details["port_id"]
        == (again.cloud_ids["port"])
    )


def test_address_that_another_has_by_now_is_not_taken_from_it(
    server, cloud, engine, lose, make_again, deliver
):
    before = cloud.things[server.cloud_ids["port"]].details["addresses"]
    lose()
    cloud.delete_port(server.cloud_project.openstack_project_id, server.cloud_ids["port"])
    other = deliver("server", "web-2", **SPEC)
    assert cloud.things[other.cloud_ids["port"]].details["addresses"] == before
    make_again()
    engine.run()

    again = cloud.things[now_of(server).cloud_ids["port"]].details["addresses"]
    assert again not in ([], before)


def test_disks_that_the_cloud_thinks_are_in_use_by_what_is_gone_come_free(
    server, attached, cloud, engine, make_again
):
    """It was not deleted: it is lost, and nobody told Cinder."""
    del cloud.things[server.cloud_ids["server"]]
    cloud.things[server.cloud_ids["port"]].details["device_id"] = ""
    make_again()
    engine.run()

    new_id = now_of(server).cloud_ids["server"]
    assert attached_in(cloud, attached) == attached_in(cloud, server) == [new_id]
    assert now_of(attached).facts["attached_to"] == str(server.public_id)


def test_refused_attachment_waits_for_a_person_and_is_not_called_attached(
    server, attached, cloud, engine, lose, make_again, monkeypatch
):
    attach = cloud.attach_volume

    def refuse_this_one(project, server_id, volume_id):
        if volume_id == attached.cloud_ids["volume"]:
            raise CloudRefused("no")
        attach(project, server_id, volume_id)

    monkeypatch.setattr(cloud, "attach_volume", refuse_this_one)
    lose()
    make_again()
    engine.run()

    operation = attachments().get()
    assert (operation.resource, operation.state) == (attached, OperationState.FAILED)
    assert now_of(attached).facts["attached_to"] is None


def test_lost_part_alone_leaves_what_is_attached(server, attached, cloud, engine, make_again):
    del cloud.things[server.cloud_ids["volume"]]
    cloud.things[server.cloud_ids["server"]].details["volume_ids"].remove(
        server.cloud_ids["volume"]
    )
    make_again(part="volume", openstack_id=server.cloud_ids["volume"])
    assert now_of(attached).facts["attached_to"] == str(server.public_id)
    engine.run()

    assert not attachments().exists()
    assert attached_in(cloud, attached) == [server.cloud_ids["server"]]


def test_part_that_went_with_the_whole_counts_for_the_whole(
    server, attached, cloud, engine, lose, make_again
):
    gone(server)
    lose()
    del cloud.things[server.cloud_ids["volume"]]
    make_again(part="volume", openstack_id=server.cloud_ids["volume"])
    assert not metered_now([server.public_id])  # as long as there is nothing
    engine.run()

    again = now_of(server)
    assert attached_in(cloud, attached) == [again.cloud_ids["server"]]
    assert metered_now([server.public_id])
    metered = MeteredResource.objects.get(public_id=server.public_id)
    assert metered.openstack_id == again.cloud_ids["server"] != server.cloud_ids["server"]


def test_who_attached_it_to_another_meanwhile_keeps_it_there(
    server, attached, cloud, engine, lose, make_again, act, deliver
):
    other = deliver("server", "web-2", **SPEC)
    lose()
    cloud.fail_next("create_server", CloudRefused("no valid host"))
    make_again()
    engine.run()
    act(attached, "attach", server=str(other.public_id))

    assert now_of(attached).facts["attached_before"] is None
    assert attached_in(cloud, attached) == [other.cloud_ids["server"]]


@pytest.mark.parametrize("kind", ["disk", "address"])
def test_who_takes_it_off_meanwhile_has_it_attached_no_more(
    server, attached, address, cloud, engine, lose, make_again, act, kind
):
    lose()
    cloud.fail_next("create_server", CloudRefused("no valid host"))
    make_again()
    engine.run()
    resource = attached if kind == "disk" else address

    assert act(resource, "detach").state == OperationState.SUCCEEDED
    assert attachment_of(resource) == (None, None)
    operation = Operation.objects.get(kind=OperationKind.RECREATE)
    engine.call(resume_operation, operation.public_id, actor=operation.requested_by)
    engine.run()

    assert attachment_of(now_of(resource)) == (None, None)
    assert resource not in {one.resource for one in attachments()}


def test_disk_that_the_cloud_thinks_is_in_use_by_what_is_gone_is_taken_off(
    server, attached, cloud, engine, make_again, act
):
    del cloud.things[server.cloud_ids["server"]]
    cloud.fail_next("create_server", CloudRefused("no valid host"))
    make_again()
    engine.run()

    assert act(attached, "detach").state == OperationState.SUCCEEDED
    assert attached_in(cloud, attached) == []


def test_server_that_is_not_made_again_after_all_is_forgotten(
    server, attached, cloud, engine, lose, make_again, operators, retire
):
    lose()
    cloud.fail_next("create_server", CloudRefused("no valid host"))
    make_again()
    engine.run()
    operation = Operation.objects.get(kind=OperationKind.RECREATE)
    abandon_operation(operation.public_id, actor=operators[0])
    assert now_of(attached).facts["attached_before"] == str(server.public_id)

    retire(now_of(server))
    engine.run()

    facts = now_of(attached).facts
    assert (facts["attached_to"], facts["attached_before"]) == (None, None)


def test_page_says_to_what_it_is_attached_again(
    server, attached, cloud, lose, make_again, client, requester
):
    lose()
    make_again()
    log_in(client, requester)

    page = client.get(
        reverse("catalog:resource", args=[attached.public_id]), HTTP_ACCEPT_LANGUAGE="en"
    )

    assert "Nothing. Once it is there again: web-1" in text_of(page)


# --- what is attached is lost itself -----------------------------------------------------------


@pytest.fixture
def lose_attached(cloud, engine, operators):
    """Somebody deletes what is attached, and two operators agree that it is made again."""

    def lose(resource) -> None:
        del cloud.things[resource.cloud_ids[resource.kind]]
        loss = gone(resource, part=resource.kind, openstack_id=resource.cloud_ids[resource.kind])
        repair = proposed(loss, operators[0], RepairAction.RECREATE)
        engine.call(confirm_repair, repair.public_id, actor=operators[1])

    return lose


def test_address_that_is_made_again_leads_to_its_server_again(
    server, address, cloud, engine, lose_attached
):
    lose_attached(address)
    assert now_of(address).facts["attached_to"] is None
    engine.run()

    again = now_of(address)
    made = cloud.things[again.cloud_ids["floating_ip"]]
    assert made.id != address.cloud_ids["floating_ip"]
    assert made.details["port_id"] == server.cloud_ids["port"]
    assert attachment_of(again) == (str(server.public_id), None)


def test_disk_that_is_made_again_is_attached_again(server, attached, cloud, engine, lose_attached):
    lose_attached(attached)
    engine.run()

    again = now_of(attached)
    assert again.cloud_ids["volume"] != attached.cloud_ids["volume"]
    assert attached_in(cloud, again) == [server.cloud_ids["server"]]
    assert attachment_of(again) == (str(server.public_id), None)


def test_disk_that_nothing_used_is_made_again_alone(disk, engine, lose_attached):
    lose_attached(disk)
    engine.run()

    assert now_of(disk).operations.get(kind=OperationKind.RECREATE).state == "succeeded"
    assert not attachments().exists()


def test_it_is_not_attached_to_a_server_to_which_something_is_done(
    server, address, engine, cloud, lose_attached, requester
):
    cloud.fail_next("stop_server", CloudRefused("no"))
    engine.call(act_on_resource, server.public_id, action="stop", actor=requester)
    engine.run()
    lose_attached(address)
    engine.run()

    assert not attachments().exists()
    assert attachment_of(now_of(address)) == (None, None)


def test_it_is_not_attached_to_a_server_that_goes(server, address, engine, lose_attached, retire):
    lose_attached(address)
    retire(server)
    engine.run()

    assert not attachments().exists()
    assert attachment_of(now_of(address)) == (None, None)


@pytest.mark.parametrize("is_server_first", [True, False])
def test_where_both_are_lost_each_waits_for_the_other(
    server, address, cloud, engine, lose, make_again, lose_attached, is_server_first
):
    lose()
    first, second = make_again, lambda: lose_attached(address)
    if not is_server_first:
        first, second = second, first
    first()
    second()
    engine.run()

    server, address = now_of(server), now_of(address)
    made = cloud.things[address.cloud_ids["floating_ip"]]
    assert made.details["port_id"] == server.cloud_ids["port"]
    assert attachment_of(address) == (str(server.public_id), None)


@pytest.mark.parametrize("hanging", ["server", "floating_ip"])
def test_where_one_of_both_hangs_the_other_waits_for_it(
    server, address, cloud, engine, lose, make_again, lose_attached, hanging
):
    lose()
    cloud.fail_next(f"create_{hanging}", CloudRefused("no"))
    make_again()
    lose_attached(address)
    engine.run()
    assert not attachments().exists()
    assert attachment_of(now_of(address)) == (None, str(server.public_id))

    operation = Operation.objects.get(resource__kind=hanging, state=OperationState.FAILED)
    engine.call(resume_operation, operation.public_id, actor=operation.requested_by)
    engine.run()

    assert attachment_of(now_of(address)) == (str(server.public_id), None)
