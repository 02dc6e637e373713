"""What the cloud lost is made again, two copies become one, and our record follows the cloud."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from billing.errors import PriceMissing
from billing.models import MeteredResource, Price, PriceUnit, UsageSpan
from billing.services.charging import charges_of_resource
from catalog.errors import CannotBeTold, RepairNotOffered, ResourceBusy
from catalog.models import (
    Difference,
    DifferenceState,
    Metric,
    Operation,
    OperationKind,
    OperationState,
    Quota,
    RepairAction,
    Resource,
    ResourceState,
    Step,
)
from catalog.placement_errors import PlacementRefused
from catalog.services.drift import correct_record
from catalog.services.drift_repairs import confirm_repair
from catalog.services.limits import set_limit
from catalog.services.operations import abandon_operation
from catalog.services.quota_checks import find_differences
from catalog.services.quotas import amounts_of
from catalog.services.recreation import can_be_made_again
from catalog.services.repair_actions import offered_repairs
from catalog.services.resources import act_on_resource
from catalog.services.undoing import cancel_operation
from portal.audit.models import AuditEntry
from portal.cloud.models import Cloud, Flavor
from portal.cloud.ports import CloudRefused, CloudUnavailable
from portal.core.calendar import whole_second
from tests.catalog.reconciliation.conftest import differences, open_spans, thing_of
from tests.factories import priced, unassessed
from tests.factories.billing import (
    MeteredResourceFactory,
    UsageSpanFactory,
    metered_since,
    set_price,
)
from tests.factories.drift import proposed

pytestmark = pytest.mark.django_db


def lose(cloud, kind):
    """Somebody deletes it in the cloud; what was attached to it comes free."""
    thing = thing_of(cloud, kind)
    if kind == "server":
        cloud.delete_server(thing.project, thing.id)
        cloud.tick()
    else:
        del cloud.things[thing.id]
    return thing


# --- made again --------------------------------------------------------------------------------


def test_server_is_made_again_with_its_disk_and_its_identity(
    running, cloud, engine, look_twice, decided, long_ago
):
    disk = thing_of(cloud, "volume").id
    lost = lose(cloud, "server")
    look_twice()

    decided(Difference.objects.get(), RepairAction.RECREATE)
    assert open_spans(running) == {}  # while it is gone
    engine.run()

    again = Resource.objects.get(pk=running.pk)
    server = thing_of(cloud, "server")
    assert (again.state, again.public_id) == (ResourceState.ACTIVE, running.public_id)
    assert again.cloud_ids["server"] == server.id != lost.id
    assert again.cloud_ids["volume"] == disk == thing_of(cloud, "volume").id
    assert open_spans(again).keys() == {"server.gp.small", "volume.standard"}
    assert MeteredResource.objects.get().openstack_id == server.id
    assert find_differences() == []
    assert not Step.objects.exclude(outcome_unknown_at=None).exists()  # nothing is looked for
    long_ago()
    look_twice()
    assert differences() == [("charged_but_absent", "server", "", "solved")]
    assert AuditEntry.objects.filter(event="resource.recreated").exists()


def test_lost_disk_alone_is_made_again_while_the_server_is_paid_for(
    running, cloud, engine, look_twice, decided
):
    lost = lose(cloud, "volume")
    thing_of(cloud, "server").details["volume_ids"].clear()
    look_twice()
    before = set(UsageSpan.objects.values_list("pk", flat=True))

    decided(Difference.objects.get(), RepairAction.RECREATE)
    engine.run()

    running.refresh_from_db()
    disk = thing_of(cloud, "volume")
    assert running.cloud_ids["volume"] == disk.id != lost.id
    assert disk.details["server_ids"] == [running.cloud_ids["server"]]
    assert set(UsageSpan.objects.filter(ended_at=None).values_list("pk", flat=True)) == before


def test_what_carries_the_mark_is_taken_over_and_not_made(
    running, cloud, engine, look_twice, decided
):
    """Somebody put it back by hand, with our mark, after operators agreed."""
    lost = lose(cloud, "server")
    look_twice()
    decided(Difference.objects.get(), RepairAction.RECREATE)
    place = running.cloud_project.openstack_project_id
    put_back = cloud.add("server", place, lost.name, lost.marker, **lost.details)

    engine.run()

    running.refresh_from_db()
    assert running.cloud_ids["server"] == put_back.id
    assert cloud.count("server") == 1


def test_refused_by_the_cloud_it_waits_and_may_be_left(
    running, cloud, engine, look_twice, decided, operators, long_ago
):
    lose(cloud, "server")
    look_twice()
    cloud.fail_next("create_server", CloudRefused("no valid host"))
    decided(Difference.objects.get(), RepairAction.RECREATE)
    engine.run()
    operation = Operation.objects.get(kind=OperationKind.RECREATE)
    assert operation.state == OperationState.FAILED
    look_twice()
    assert differences() == [("charged_but_absent", "server", "", "solved")]

    abandon_operation(operation.public_id, actor=operators[0])

    running.refresh_from_db()
    assert running.state == ResourceState.ACTIVE
    assert open_spans(running) == {}
    assert not Step.objects.exclude(outcome_unknown_at=None).exists()  # nothing is done again
    long_ago()
    look_twice()
    assert ("missing", "server", "", "open") in differences()


def test_while_it_is_tried_for_a_day_it_may_be_stopped_and_is_left_likewise(
    running, cloud, engine, look_twice, decided, operators, long_ago
):
    lost = lose(cloud, "server")
    look_twice()
    cloud.fail_next("create_server", CloudUnavailable("503"))
    decided(Difference.objects.get(), RepairAction.RECREATE)
    operation = Operation.objects.get(kind=OperationKind.RECREATE)
    server = operation.steps.get(name="server")
    while server.failures == 0:
        engine.let_delays_pass()
        engine.run_one()
        server.refresh_from_db()

    engine.call(cancel_operation, operation.public_id, actor=operators[0])
    engine.run()

    operation.refresh_from_db()
    running.refresh_from_db()
    assert operation.state == OperationState.CANCELED
    assert (running.state, running.cloud_ids["server"]) == (ResourceState.ACTIVE, lost.id)
    assert (open_spans(running), cloud.count("server")) == ({}, 0)
    assert not Operation.objects.exclude(
        kind__in=[OperationKind.PROVISION, OperationKind.RECREATE]
    ).exists()  # nothing is undone
    assert not Step.objects.exclude(outcome_unknown_at=None).exists()  # nothing is done again
    long_ago()
    look_twice()
    assert ("missing", "server", "", "open") in differences()


@pytest.mark.parametrize(
    "kind", ["volume_snapshot", "volume_backup", "server_image", "environment"]
)
def test_what_would_be_something_else_is_not_made_again(kind, running):
    running.kind = kind

    assert not can_be_made_again(running)


def test_where_it_may_not_stand_any_more_it_is_not_made_again(running, cloud, look_twice, decided):
    lose(cloud, "server")
    look_twice()
    unassessed(Cloud.objects.get())

    with pytest.raises(PlacementRefused):
        decided(Difference.objects.get(), RepairAction.RECREATE)

    assert not Operation.objects.filter(kind=OperationKind.RECREATE).exists()
    assert open_spans(running)


def test_nothing_is_made_again_while_something_else_is_done(
    running, cloud, look_twice, operators, requester, engine
):
    lose(cloud, "volume")
    look_twice()
    repair = proposed(Difference.objects.get(), operators[0], RepairAction.RECREATE)
    act_on_resource(running.public_id, action="stop", actor=requester)

    with pytest.raises(ResourceBusy):
        confirm_repair(repair.public_id, actor=operators[1])


# --- charged or not ----------------------------------------------------------------------------


@pytest.fixture
def paid_once(version, project):
    """A server costs its organization 500 euros once, and nothing per month."""
    set_price("500.00", unit=PriceUnit.ONE_OFF, organization=project.parent)


def test_what_is_paid_once_is_not_paid_again_for_what_is_made_again(
    paid_once, running, cloud, engine, look_twice, decided
):
    metered_since(running.public_id, now() - timedelta(hours=1))
    lose(cloud, "server")
    look_twice()

    decided(Difference.objects.get(), RepairAction.RECREATE)
    engine.run()

    tomorrow = now() + timedelta(days=1)
    charges = charges_of_resource(MeteredResource.objects.get(), as_of=tomorrow)
    assert [one.amount for one in charges if one.unit == PriceUnit.ONE_OFF] == [Decimal(500)]
    assert open_spans(running).keys() == {"server.gp.small", "volume.standard"}


def test_charging_of_what_is_gone_stops_and_it_can_still_be_closed(
    running, cloud, look_twice, decided
):
    lose(cloud, "server")
    look_twice()

    decided(Difference.objects.get(), RepairAction.UNCHARGE)

    assert open_spans(running) == {}
    look_twice()
    assert ("missing", "server", "", "open") in differences()
    gone = Difference.objects.get(state=DifferenceState.OPEN)
    assert offered_repairs(gone, gone.resource) == [RepairAction.RECREATE, RepairAction.RETIRE]


def test_what_was_left_after_cleaning_up_is_removed(
    running, cloud, engine, look_twice, decided, retire, long_ago
):
    left = thing_of(cloud, "server")
    retire(running)
    engine.run()
    long_ago()
    cloud.things[left.id] = left
    left.status, left.polls_left, left.on_settled = "ACTIVE", 0, None
    look_twice()
    assert differences() == [("not_charged", "server", "", "open")]

    decided(Difference.objects.get(), RepairAction.REMOVE)
    engine.run()
    cloud.tick()

    assert cloud.count("server") == 0


# --- two copies --------------------------------------------------------------------------------


@pytest.fixture
def copy(running, cloud):
    """A second server with the mark of the first."""
    first = thing_of(cloud, "server")
    details = {**first.details, "volume_ids": []}
    return cloud.add("server", first.project, first.name, first.marker, **details)


def test_second_copy_is_removed_and_ours_stays(running, copy, cloud, engine, look_twice, decided):
    look_twice()
    assert differences() == [("duplicate", "server", "", "open")]

    decided(Difference.objects.get(), RepairAction.DROP_COPY)
    engine.run()
    cloud.tick()

    assert thing_of(cloud, "server").id == running.cloud_ids["server"]
    look_twice()
    assert differences() == [("duplicate", "server", "", "solved")]


def test_second_copy_is_kept_and_then_the_first_is_the_second(
    running, copy, cloud, engine, look_twice, decided
):
    look_twice()

    decided(Difference.objects.get(), RepairAction.KEEP_COPY)

    resource = Resource.objects.get()
    assert resource.cloud_ids["server"] == copy.id
    assert MeteredResource.objects.get().openstack_id == copy.id
    look_twice()
    other = Difference.objects.get(state=DifferenceState.OPEN)
    assert (other.kind, other.openstack_id) == ("duplicate", running.cloud_ids["server"])

    decided(other, RepairAction.DROP_COPY)
    engine.run()
    cloud.tick()

    assert thing_of(cloud, "server").id == copy.id


# --- our record --------------------------------------------------------------------------------


@pytest.fixture
def larger(running):
    """A larger size that the cloud offers, with a price."""
    priced(**{"server.gp.medium": "70.00"})
    return Flavor.objects.create(
        cloud=Cloud.objects.get(), name="gp.medium", vcpus=4, memory_mib=8192, disk_gib=20,
        openstack_id="flavor-2",
    )  # fmt: skip


def test_larger_server_is_taken_over_with_its_costs_and_quota(
    running, larger, cloud, look_twice, decided, project
):
    vcpus = Quota.objects.get(node=project, metric=Metric.VCPUS)
    set_limit(project, Metric.VCPUS, vcpus.claimed, valid_from=now(), actor=None)
    thing_of(cloud, "server").details["flavor"] = "gp.medium"
    look_twice()

    decided(Difference.objects.get(), RepairAction.TAKE_OVER)

    running.refresh_from_db()
    assert running.spec["flavor"] == "gp.medium"
    assert open_spans(running) == {"server.gp.medium": 1, "volume.standard": 40}
    assert amounts_of(running.claim)[Metric.VCPUS] == 4
    vcpus.refresh_from_db()
    assert (vcpus.claimed, vcpus.over_since is not None) == (4, True)
    assert find_differences() == []
    look_twice()
    assert differences() == [("differs", "server", "flavor", "solved")]


def test_larger_disk_is_taken_over_with_its_costs_and_quota(running, cloud, look_twice, decided):
    thing_of(cloud, "volume").details["size_gib"] = 60
    look_twice()

    decided(Difference.objects.get(), RepairAction.TAKE_OVER)

    running.refresh_from_db()
    assert running.spec["volume_gib"] == 60
    assert open_spans(running)["volume.standard"] == Decimal(60)
    assert amounts_of(running.claim)[Metric.VOLUME_GIB] == 60
    assert find_differences() == []


def test_what_is_taken_over_holds_what_it_costs_on_top_of_what_else_runs(
    running, cloud, look_twice, decided, project
):
    """Above 1,000 GiB a disk is cheaper; another one of the project has those already."""
    everybodys = Price.objects.get(sku__code="volume.standard")
    Price.objects.create(
        price_list=everybodys.price_list,
        sku=everybodys.sku,
        organization=project.parent,
        unit=PriceUnit.GIB_MONTH,
        amount=Decimal("0.10"),
        tier_quantities=[Decimal(1000)],
        tier_amounts=[Decimal("0.02")],
        valid_from=everybodys.valid_from,
    )
    UsageSpanFactory(
        resource=MeteredResourceFactory(project=project, cloud=running.cloud_project.cloud),
        sku=everybodys.sku,
        quantity=1000,
        started_at=whole_second(now()),
    )
    thing_of(cloud, "volume").details["size_gib"] = 60
    look_twice()

    decided(Difference.objects.get(), RepairAction.TAKE_OVER)

    server, disk = Decimal("38.40"), 60 * Decimal("0.02")
    assert amounts_of(running.claim)[Metric.MONTHLY_COST_EUR] == server + disk


@pytest.mark.parametrize(("has_price", "refusal"), [(True, CannotBeTold), (False, PriceMissing)])
def test_size_that_nobody_knows_is_not_taken_over(
    running, cloud, look_twice, operators, has_price, refusal
):
    if has_price:
        priced(**{"server.weg.groot": "1.00"})
    thing_of(cloud, "server").details["flavor"] = "weg.groot"
    look_twice()
    repair = proposed(Difference.objects.get(), operators[0], RepairAction.TAKE_OVER)

    with pytest.raises(refusal):
        confirm_repair(repair.public_id, actor=operators[1])

    running.refresh_from_db()
    assert running.spec["flavor"] == "gp.small"


def test_name_is_taken_over_by_one_operator(running, cloud, look_twice, operators):
    thing_of(cloud, "server").name = "anders"
    look_twice()

    correct_record(Difference.objects.get().public_id, actor=operators[0])

    name = running.name
    running.refresh_from_db()
    assert running.name == name  # people go on calling it so
    look_twice()
    assert differences() == [("differs", "server", "name", "solved")]


def test_another_project_is_not_taken_over(running, cloud, look_twice, operators, project):
    other = running.cloud_project.__class__.objects.create(
        project=project, cloud=running.cloud_project.cloud, openstack_project_id="project-9",
        purpose="environment",
    )  # fmt: skip
    thing_of(cloud, "volume").project = other.openstack_project_id
    look_twice()
    difference = Difference.objects.get(field="project")

    assert offered_repairs(difference, difference.resource) == []
    with pytest.raises(RepairNotOffered):
        correct_record(difference.public_id, actor=operators[0])
