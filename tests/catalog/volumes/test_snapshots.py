"""Snapshots and backups of a disk: what they hold, what they need, and a disk made from one."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from billing.models import UsageSpan
from catalog.errors import ResourceBusy, ResourceNeeded, SourceChanged, SourceGone
from catalog.kinds import all_kinds, get_kind
from catalog.models import (
    Derivation,
    Metric,
    OperationState,
    OrderState,
    Resource,
    ResourceState,
    Step,
    StepState,
)
from catalog.services.approvals import approve_order
from catalog.services.changes import place_change
from catalog.services.conditions import changed_conditions
from catalog.services.end_dates import end_uses, retire_ended
from catalog.services.quotas import amounts_of
from catalog.services.sources import offered_in
from portal.cloud.ports import BACKUP_GIB, CloudRefused, CloudUnavailable
from portal.core.calendar import day_of
from portal.core.errors import InvalidInput
from tests.factories import make_project, place

pytestmark = pytest.mark.django_db
NOBODY = "00000000-0000-4000-8000-000000000000"


def test_snapshot_holds_and_costs_what_its_disk_is(snapshot, disk, cloud):
    assert snapshot.spec == {
        "volume": str(disk.public_id),
        "volume_gib": 20,
        "volume_type": "standard",
    }
    held = amounts_of(snapshot.claim)
    assert (held[Metric.SNAPSHOTS], held[Metric.VOLUME_GIB]) == (1, 20)
    (span,) = UsageSpan.objects.filter(resource__public_id=snapshot.public_id)
    assert (span.sku.code, span.quantity) == ("snapshot", Decimal(20))
    (made,) = cloud.list_snapshots(disk.cloud_project.openstack_project_id)
    assert made.details == {"size_gib": 20, "of_id": disk.cloud_ids["volume"]}
    assert snapshot.facts["kept_at"]
    assert cloud.fetch_quota(disk.cloud_project.openstack_project_id)["snapshots"] == 1


def test_cloud_has_room_for_the_backups_that_are_paid_for(deliver, disk, retire, engine, cloud):
    place = disk.cloud_project.openstack_project_id
    assert cloud.fetch_quota(place)[BACKUP_GIB] == 0
    backup = deliver("volume_backup", "maandag", volume=str(disk.public_id))
    limits = cloud.fetch_quota(place)
    assert (limits[BACKUP_GIB], limits["object_gib"]) == (20, 20)

    retire(backup)
    engine.run()

    limits = cloud.fetch_quota(place)
    assert (limits[BACKUP_GIB], limits["object_gib"]) == (0, 0)


def test_backup_is_kept_with_the_objects_and_outlives_its_disk(deliver, disk, retire, engine):
    backup = deliver("volume_backup", "maandag", volume=str(disk.public_id))

    assert amounts_of(backup.claim)[Metric.OBJECT_GIB] == 20
    retire(disk)
    engine.run()
    disk.refresh_from_db()
    assert disk.state == ResourceState.RETIRED
    again = deliver(
        "volume", "terug", volume_gib=20, volume_type="fast", source=str(backup.public_id)
    )
    assert again.state == ResourceState.ACTIVE


def test_disk_begins_with_what_a_snapshot_holds(deliver, snapshot, cloud):
    made = deliver(
        "volume", "terug", volume_gib=30, volume_type="standard", source=str(snapshot.public_id)
    )

    assert made.state == ResourceState.ACTIVE
    assert Derivation.objects.get(resource=made).source == snapshot
    assert cloud.calls["create_volume"] == 2


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"volume_gib": 19, "volume_type": "standard"}, "volume_gib"),
        ({"volume_gib": 20, "volume_type": "fast"}, "volume_type"),
    ],
)
def test_disk_that_cannot_hold_the_snapshot_is_refused(ask, snapshot, answers, field):
    with pytest.raises(InvalidInput) as refusal:
        ask("volume", "terug", source=str(snapshot.public_id), **answers)
    assert list(refusal.value.errors) == [field]


@pytest.mark.parametrize("asked", [NOBODY, "iets", 7, None, ""])
def test_only_what_runs_in_the_project_can_be_chosen(ask, disk, asked):
    with pytest.raises(InvalidInput) as refusal:
        ask("volume_snapshot", "kiek", volume=asked)
    assert list(refusal.value.errors) == ["volume"]


def test_thing_of_another_kind_or_project_cannot_be_chosen(ask, server, disk, requester, offerings):
    with pytest.raises(InvalidInput):
        ask("volume_snapshot", "kiek", volume=str(server.public_id))
    other = make_project(name="Elders")
    with pytest.raises(InvalidInput):
        place(
            requester,
            other,
            offerings["volume_snapshot"],
            name="kiek",
            spec={"volume": str(disk.public_id)},
        )


def test_disk_stays_as_long_as_a_snapshot_needs_it(snapshot, disk, retire, engine):
    with pytest.raises(ResourceNeeded, match="voor-de-wijziging"):
        retire(disk)
    disk.refresh_from_db()
    assert disk.state == ResourceState.ACTIVE

    retire(snapshot)
    engine.run()
    retire(disk)
    engine.run()

    disk.refresh_from_db()
    assert disk.state == ResourceState.RETIRED


def test_snapshot_stays_until_the_disk_of_it_is_made(
    engine, approver, ask, snapshot, retire, cloud
):
    answers = {"volume_gib": 20, "volume_type": "standard", "source": str(snapshot.public_id)}
    order = ask("volume", "terug", **answers)
    engine.call(approve_order, order.public_id, approver=approver)
    with pytest.raises(ResourceNeeded, match="terug"):
        retire(snapshot)

    engine.run()
    retire(snapshot)
    engine.run()

    snapshot.refresh_from_db()
    assert (snapshot.state, cloud.count("snapshot")) == (ResourceState.RETIRED, 0)
    assert Resource.objects.get(order_line__order=order).state == ResourceState.ACTIVE


def test_database_itself_keeps_what_is_needed(snapshot, disk):
    with pytest.raises(IntegrityError, match="needs is not cleaned up"), transaction.atomic():
        Resource.objects.filter(pk=disk.pk).update(state=ResourceState.RETIRING)


def test_database_keeps_where_a_thing_came_from(snapshot, disk, server):
    for spoil in (
        lambda: Derivation.objects.update(is_needed=False),
        lambda: Derivation.objects.all().delete(),
        lambda: Derivation.objects.create(
            resource=snapshot, source=snapshot, question="x", is_needed=False
        ),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            spoil()
    Resource.objects.filter(pk=server.pk).update(state=ResourceState.RETIRING)
    with pytest.raises(IntegrityError, match="in its own project"), transaction.atomic():
        Derivation.objects.create(resource=snapshot, source=server, question="x", is_needed=False)


def test_order_whose_disk_went_meanwhile_cannot_be_approved(ask, disk, retire, engine, approver):
    order = ask("volume_snapshot", "kiek", volume=str(disk.public_id))
    retire(disk)
    engine.run()

    assert changed_conditions(order) == ["Wat bij “Welke schijf” gekozen was, draait niet meer"]
    with pytest.raises(SourceGone):
        approve_order(order.public_id, approver=approver, accepts_changes=True)
    order.refresh_from_db()
    assert order.state == OrderState.PENDING_APPROVAL


def test_order_whose_disk_grew_meanwhile_cannot_be_approved(ask, disk, engine, approver, requester):
    order = ask("volume_snapshot", "kiek", volume=str(disk.public_id))
    larger, _new = place_change(
        requested_by=requester,
        resource=disk,
        purpose="Vol",
        answers={"volume_gib": 25},
        end_date=None,
        idempotency_key="groter",
    )
    engine.call(approve_order, larger.public_id, approver=approver)
    with pytest.raises(ResourceBusy):
        approve_order(order.public_id, approver=approver)
    engine.run()

    with pytest.raises(SourceChanged, match="archief"):
        approve_order(order.public_id, approver=approver)


def test_disk_does_not_grow_while_a_snapshot_of_it_is_made(ask, disk, engine, approver, requester):
    larger, _new = place_change(
        requested_by=requester,
        resource=disk,
        purpose="Vol",
        answers={"volume_gib": 25},
        end_date=None,
        idempotency_key="groter",
    )
    order = ask("volume_snapshot", "kiek", volume=str(disk.public_id))
    engine.call(approve_order, order.public_id, approver=approver)

    with pytest.raises(ResourceBusy):
        approve_order(larger.public_id, approver=approver)


def test_clock_leaves_a_disk_whose_snapshot_lives(snapshot, disk, retire, engine):
    yesterday = day_of(now()) - timedelta(days=1)
    Resource.objects.filter(pk=disk.pk).update(end_date=yesterday)
    end_uses(at=now())

    later = now() + timedelta(days=60)
    assert retire_ended(at=later) == 0
    retire(snapshot)
    engine.run()
    assert retire_ended(at=later) == 1


def test_failed_snapshot_is_made_again_and_a_refused_one_waits(deliver, disk, cloud):
    cloud.fail_next("create_snapshot", CloudUnavailable("busy", status=409))
    assert deliver("volume_snapshot", "een", volume=str(disk.public_id)).state == (
        ResourceState.ACTIVE
    )
    cloud.fail_next("create_snapshot", CloudRefused("no"))

    failed = deliver("volume_snapshot", "twee", volume=str(disk.public_id))

    assert failed.state == ResourceState.FAILED
    assert failed.operations.get().state == OperationState.FAILED
    assert cloud.count("snapshot") == 1


def test_kinds_say_what_they_are_made_from(offerings):
    for kind in all_kinds():
        version = offerings.get(kind.key)
        if version is None:
            assert not kind.made_from
            continue
        asked = {of for item in kind.parameters(version) for of in item.of_kinds}
        assert asked == kind.made_from


def test_nothing_is_looked_up_for_questions_that_ask_for_nothing_that_runs(
    offerings, project, django_assert_num_queries
):
    version = offerings["volume_snapshot"]
    plain = get_kind("floating_ip").parameters(version)
    asked = get_kind("volume_snapshot").parameters(version)
    with django_assert_num_queries(0):
        offered_in(plain, project, version.cloud)
    with django_assert_num_queries(1):
        offered_in(asked, project, version.cloud)


@pytest.mark.parametrize("kind", ["volume_snapshot", "volume_backup"])
def test_large_copy_gets_the_time_that_it_takes(kind, engine, cloud, approver, ask, disk):
    cloud.polls_until_settled = 10**6
    order = ask(kind, "groot", volume=str(disk.public_id))
    engine.call(approve_order, order.public_id, approver=approver)
    step = engine.run_until(kind, StepState.AWAITING)
    Step.objects.filter(pk=step.pk).update(due_at=now() - timedelta(hours=11))

    engine.let_delays_pass()
    engine.run_one()

    step.refresh_from_db()
    assert step.state == StepState.AWAITING
