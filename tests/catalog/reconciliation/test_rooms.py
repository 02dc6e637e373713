"""Quotas in the cloud beside what the resources of each project hold."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils.timezone import now

from catalog.errors import RepairNotOffered, ResourceBusy
from catalog.models import CloudLook, Difference, DifferenceState, Metric
from catalog.reconciliation.rooms import look_at_rooms
from catalog.services.cloud_rooms import push_quota_again
from catalog.services.resources import act_on_resource
from catalog.tasks import push_cloud_quota
from portal.audit.models import AuditEntry
from portal.cloud.models import Cloud
from portal.cloud.ports import BACKUP_GIB, UNLIMITED, CloudUnavailable
from tests.catalog.reconciliation.conftest import differences
from tests.factories import PersonFactory
from tests.factories.drift import DISK, gone, unordered

pytestmark = pytest.mark.django_db


@pytest.fixture
def read_rooms(running, look):
    """Reads the quotas, as if a day had passed."""
    look()

    def read():
        CloudLook.objects.update(rooms_due_at=now())
        look_at_rooms(Cloud.objects.get())

    return read


@pytest.fixture
def place(running):
    return running.cloud_project.openstack_project_id


def test_what_the_engine_pushed_differs_in_nothing(read_rooms):
    read_rooms()

    assert differences() == []


def test_services_that_the_cloud_lacks_differ_in_nothing(read_rooms, cloud, monkeypatch):
    told = cloud.fetch_quota
    lacking = ("load_balancers", "dns_zones", "object_gib")
    monkeypatch.setattr(
        cloud,
        "fetch_quota",
        lambda project: {
            name: limit for name, limit in told(project).items() if name not in lacking
        },
    )

    read_rooms()

    assert differences() == []


@pytest.mark.parametrize(
    "metric", [*(metric for metric in Metric if metric != Metric.MONTHLY_COST_EUR), BACKUP_GIB]
)
def test_room_for_anything_that_is_counted_is_compared(read_rooms, cloud, place, metric):
    cloud.limits[place][metric] = UNLIMITED

    read_rooms()

    assert differences() == [("quota", "", metric, "suspected")]


def test_other_room_is_found_pushed_again_and_solved(read_rooms, cloud, place, engine):
    cloud.set_quota(place, {"servers": 9, "vcpus": 1})
    read_rooms()
    read_rooms()
    rows = Difference.objects.order_by("field").values_list("field", "ours", "theirs", "state")
    assert list(rows) == [("servers", "1", "9", "open"), ("vcpus", "2", "1", "open")]

    actor = PersonFactory()
    servers = Difference.objects.get(field="servers")
    engine.call(push_quota_again, servers.public_id, actor=actor)
    engine.run()

    there = cloud.fetch_quota(place)
    assert (there["servers"], there["vcpus"]) == (1, 2)
    assert AuditEntry.objects.get(event="drift.quota_pushed").actor_id == actor.pk
    read_rooms()
    assert not Difference.objects.exclude(state=DifferenceState.SOLVED).exists()


def test_room_for_what_nobody_ordered_is_no_difference(read_rooms, cloud, place, look):
    cloud.add("volume", place, "vreemd", "", size_gib=7, volume_type="standard", server_ids=[])
    look()
    look()

    for room in (40, 47):  # before somebody set it, and after
        cloud.limits[place]["volume_gib"] = room
        read_rooms()
        assert differences() == [("unknown", "", "", "open")]
    cloud.limits[place]["volume_gib"] = 48
    read_rooms()

    assert ("quota", "", "volume_gib", "suspected") in differences()


def test_what_comes_about_while_it_is_pushed_is_pushed_too(
    running, cloud, place, monkeypatch, sent_tasks
):
    """Else older limits may arrive after the newer ones of who delivers."""
    push = cloud.set_quota

    def meanwhile(project, limits):
        push(project, limits)
        monkeypatch.setattr(cloud, "set_quota", push)
        unordered(running.project, running.cloud_project.cloud, finding=DISK)

    monkeypatch.setattr(cloud, "set_quota", meanwhile)

    push_cloud_quota(cloud_project_id=running.cloud_project_id)

    assert cloud.fetch_quota(place)["volume_gib"] == 47


def test_what_one_reading_suspects_is_read_again_within_the_day(read_rooms, cloud, place):
    cloud.set_quota(place, {"servers": 9})

    read_rooms()

    assert differences() == [("quota", "", "servers", "suspected")]
    assert CloudLook.objects.get().rooms_due_at < now() + timedelta(hours=2)


def test_rooms_are_read_when_they_are_due(running, look, cloud):
    look()
    look_at_rooms(Cloud.objects.get())
    asked = cloud.calls["fetch_quota"]

    look_at_rooms(Cloud.objects.get())

    assert cloud.calls["fetch_quota"] == asked == 1


def test_project_in_which_something_is_done_is_left_alone(
    read_rooms, cloud, place, running, requester, engine
):
    cloud.set_quota(place, {"servers": 9})
    act_on_resource(running.public_id, action="stop", actor=requester)

    read_rooms()

    assert differences() == []


def test_cloud_that_does_not_answer_changes_nothing(read_rooms, cloud, place):
    cloud.set_quota(place, {"servers": 9})
    read_rooms()
    read_rooms()
    cloud.fail_next("fetch_quota", CloudUnavailable("time-out"))

    read_rooms()

    assert differences() == [("quota", "", "servers", "open")]


def test_look_at_the_lists_leaves_quotas_alone(read_rooms, cloud, place, look):
    cloud.set_quota(place, {"servers": 9})
    read_rooms()
    read_rooms()

    look()

    assert differences() == [("quota", "", "servers", "open")]


def test_nothing_is_pushed_while_something_is_done(read_rooms, cloud, place, running, requester):
    cloud.set_quota(place, {"servers": 9})
    read_rooms()
    read_rooms()
    act_on_resource(running.public_id, action="stop", actor=requester)

    with pytest.raises(ResourceBusy):
        push_quota_again(Difference.objects.get().public_id, actor=PersonFactory())


def test_other_differences_are_not_pushed(running):
    with pytest.raises(RepairNotOffered):
        push_quota_again(gone(running).public_id, actor=PersonFactory())
