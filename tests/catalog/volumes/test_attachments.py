"""Attaching a disk to a server and taking it off: what is asked, and what cannot meet."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from catalog.errors import ActionNotOffered, ResourceBusy
from catalog.models import Operation, OperationState, ResourceState
from catalog.services.resources import act_on_resource
from portal.audit.models import AuditEntry
from portal.cloud.ports import CloudRefused
from portal.core.errors import InvalidInput

pytestmark = pytest.mark.django_db


def attached_in(cloud, disk):
    return cloud.things[disk.cloud_ids["volume"]].details["server_ids"]


def test_disk_is_attached_and_taken_off(act, disk, server, cloud):
    operation = act(disk, "attach", server=str(server.public_id))

    assert operation.state == OperationState.SUCCEEDED
    assert operation.answers == {"server": str(server.public_id)}
    assert attached_in(cloud, disk) == [server.cloud_ids["server"]]
    assert disk.facts["attached_to"] == str(server.public_id)
    entry = AuditEntry.objects.get(event="resource.action_requested")
    assert entry.data == {"action": "attach", "about": {"server": str(server.public_id)}}

    act(disk, "detach")

    assert (attached_in(cloud, disk), disk.facts["attached_to"]) == ([], None)


@pytest.mark.parametrize("action", ["attach", "detach"])
def test_lost_answer_is_asked_after(act, disk, server, cloud, action):
    if action == "detach":
        act(disk, "attach", server=str(server.public_id))
    cloud.lose_next_reply(f"{action}_volume")
    answers = {"server": str(server.public_id)} if action == "attach" else {}

    assert act(disk, action, **answers).state == OperationState.SUCCEEDED
    assert bool(attached_in(cloud, disk)) == (action == "attach")


def test_refused_attachment_waits_for_a_person(act, disk, server, cloud):
    cloud.fail_next("attach_volume", CloudRefused("no"))

    operation = act(disk, "attach", server=str(server.public_id))

    assert operation.state == OperationState.FAILED
    assert "attached_to" not in disk.facts


def test_what_is_asked_must_be_answered_with_a_server_that_runs(act, disk, server, deliver):
    other = deliver("volume", "ander", volume_gib=1, volume_type="standard")
    for answer in ({}, {"server": ""}, {"server": str(other.public_id)}, {"server": "web-1"}):
        with pytest.raises(InvalidInput):
            act(disk, "attach", **answer)
    with pytest.raises(InvalidInput):
        act(server, "stop", force="yes")
    assert not Operation.objects.filter(kind="act").exists()


def test_attached_disk_is_not_attached_again(act, attached, server):
    with pytest.raises(ActionNotOffered):
        act(attached, "attach", server=str(server.public_id))


def test_busy_server_takes_no_disk(engine, act, disk, server, requester):
    engine.call(act_on_resource, server.public_id, action="stop", actor=requester)

    with pytest.raises(ResourceBusy, match="web-1"):
        act(disk, "attach", server=str(server.public_id))


def test_server_that_a_disk_is_being_attached_to_stays(engine, disk, server, requester, retire):
    answers = {"server": str(server.public_id)}
    engine.call(act_on_resource, disk.public_id, action="attach", actor=requester, answers=answers)

    with pytest.raises(ResourceBusy):
        retire(server)
    engine.run()
    retire(server)


def test_disk_stays_when_its_server_goes(engine, attached, server, retire, cloud):
    retire(server)
    engine.run()

    server.refresh_from_db()
    attached.refresh_from_db()
    assert (server.state, attached.state) == (ResourceState.RETIRED, ResourceState.ACTIVE)
    assert attached.facts["attached_to"] is None
    assert cloud.things[attached.cloud_ids["volume"]].status == "AVAILABLE"


def test_disk_that_goes_is_taken_off_first(engine, attached, retire, server, cloud):
    retire(attached)
    engine.run()

    attached.refresh_from_db()
    assert attached.state == ResourceState.RETIRED
    assert attached.cloud_ids["volume"] not in cloud.things
    assert server.cloud_ids["server"] in cloud.things


def test_snapshot_is_made_of_a_disk_in_use(attached, deliver):
    snapshot = deliver("volume_snapshot", "kiek", volume=str(attached.public_id))

    assert snapshot.state == ResourceState.ACTIVE


def test_answers_never_change_and_are_of_actions_alone(act, disk, server):
    operation = act(disk, "attach", server=str(server.public_id))
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        Operation.objects.filter(pk=operation.pk).update(answers={})
    with pytest.raises(IntegrityError), transaction.atomic():
        Operation.objects.exclude(kind="act").update(answers={"server": "x"})
