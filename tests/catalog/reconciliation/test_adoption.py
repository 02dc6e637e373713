"""What nobody ordered: found, adopted so that it is paid for, or removed from the cloud."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils.timezone import now

from billing.errors import PriceMissing
from billing.models import MinimumTerm, UsageSpan
from catalog.errors import (
    ActionNotOffered,
    AdoptedAlready,
    CannotBeTold,
    NotOrdered,
    ProjectEnded,
    RepairNotOffered,
    SecondOfShared,
    StillInUse,
)
from catalog.models import (
    Difference,
    DifferenceState,
    Metric,
    OperationKind,
    OperationState,
    PlacementVerdict,
    Quota,
    RepairAction,
    Resource,
    ResourceState,
)
from catalog.placement_errors import PlacementRefused
from catalog.placement_words import Score
from catalog.quota_errors import QuotaExceeded
from catalog.reconciliation import adopting
from catalog.services.adoption import why_not_adopted
from catalog.services.changes import Term, place_change
from catalog.services.drift_repairs import confirm_repair, propose_repair
from catalog.services.limits import set_limit
from catalog.services.operations import resume_operation
from catalog.services.quota_checks import find_differences
from catalog.services.quotas import claim_quota
from catalog.services.repair_actions import offered_repairs
from catalog.services.resources import act_on_resource, retire_resource
from catalog.services.tree import end_node
from catalog.services.undoing import cancel_operation, compensate_operation
from portal.audit.models import AuditEntry
from portal.core.calendar import month_of
from portal.core.states import IllegalTransition
from tests.catalog.reconciliation.conftest import (
    differences,
    open_spans,
    the_difference,
    thing_of,
)
from tests.constraints import execute, refused_by
from tests.factories import administrator_of, classify, priced
from tests.factories.billing import set_price
from tests.factories.drift import proposed, unordered

pytestmark = pytest.mark.django_db

# By kind: what it is called in the fake cloud, its details, and what it then costs by SKU.
STRANGERS: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    "server": (
        "server",
        {"flavor": "gp.small", "addresses": [], "volume_ids": []},
        {"server.gp.small": "1"},
    ),
    "volume": (
        "volume",
        {"size_gib": 7, "volume_type": "standard", "server_ids": []},
        {"volume.standard": "7"},
    ),
    "volume_snapshot": ("snapshot", {"size_gib": 7, "of_id": "volume-9"}, {"snapshot": "7"}),
    "volume_backup": ("backup", {"size_gib": 7, "of_id": "volume-9"}, {"backup": "7"}),
    "server_image": (
        "image",
        {"size_gib": 2, "min_disk_gib": 10, "min_memory_mib": 512, "of_id": "server-9"},
        {"image": "10"},
    ),
    "network": ("network", {}, {"network": "1"}),
    "floating_ip": (
        "floating_ip",
        {"address": "203.0.113.9", "port_id": ""},
        {"floating_ip": "1"},
    ),
    "security_group": (
        "security_group",
        {
            "rules": [
                {
                    "direction": "ingress",
                    "protocol": "tcp",
                    "port_min": 443,
                    "port_max": 443,
                    "remote_cidr": "0.0.0.0/0",
                }
            ]
        },
        {"security_group": "1"},
    ),
    "load_balancer": ("load_balancer", {"address": "10.20.4.9"}, {"load_balancer": "1"}),
    "dns_zone": ("zone", {}, {"dns_zone": "1"}),
    "router": (
        "router",
        {"outside_network_id": "network-outside", "subnet_ids": []},
        {"router": "1"},
    ),
    "container": ("container", {"objects": 3, "used_gib": 7, "quota_gib": 0}, {"object": "7"}),
}
NAMES = {"dns_zone": "vreemd.example.nl."}
# What the lists of the cloud do not tell enough about.
UNTOLD = {
    "server without a size": ("server", {"flavor": "", "addresses": []}),
    "server of an unknown size": ("server", {"flavor": "weg.groot", "addresses": []}),
    "security group with other rules": (
        "security_group",
        {
            "rules": [
                {
                    "direction": "ingress",
                    "protocol": None,
                    "port_min": None,
                    "port_max": None,
                    "remote_cidr": None,
                }
            ]
        },
    ),
}


@pytest.fixture
def stray(running, deliver_container, cloud):
    """Somebody makes a thing in our project in the cloud, past the portal."""
    priced(
        snapshot="0.05",
        backup="0.03",
        image="0.04",
        network="1.00",
        router="4.00",
        security_group="0.00",
        floating_ip="2.50",
        load_balancer="18.00",
        dns_zone="0.50",
    )

    def make(kind: str = "volume", **details: Any):
        if kind == "container":  # listed only where we have one
            deliver_container()
        thing_kind, usual, _cost = STRANGERS[kind]
        place = running.cloud_project.openstack_project_id
        name = NAMES.get(kind, "vreemd")
        return cloud.add(thing_kind, place, name, "", **{**usual, **details})

    return make


# --- adopting ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", STRANGERS)
def test_each_kind_is_found_adopted_charged_and_cleaned_up(
    kind, stray, cloud, engine, look_twice, decided, requester
):
    thing = stray(kind)
    look_twice()

    decided(the_difference(), RepairAction.ADOPT)

    resource = Resource.objects.get(order_line=None)
    assert (resource.kind, resource.state) == (kind, ResourceState.ACTIVE)
    assert resource.placement.verdict == PlacementVerdict.FOUND_IN_CLOUD
    wanted = {sku: Decimal(amount) for sku, amount in STRANGERS[kind][2].items()}
    assert open_spans(resource) == wanted
    assert find_differences() == []
    look_twice()
    assert differences() == [("unknown", "", "", "solved")]  # it differs in nothing now

    engine.call(retire_resource, resource.public_id, actor=requester, confirmation=resource.name)
    engine.run()

    resource.refresh_from_db()
    assert resource.state == ResourceState.RETIRED
    assert thing.id not in cloud.things
    assert open_spans(resource) == {}
    assert find_differences() == []


@pytest.mark.parametrize("what", UNTOLD)
def test_what_the_cloud_does_not_tell_stays_a_difference_with_a_reason(
    what, running, cloud, look_twice, operators
):
    kind, details = UNTOLD[what]
    cloud.add(kind, running.cloud_project.openstack_project_id, "vreemd", "", **details)
    look_twice()
    difference = the_difference()

    refusal = why_not_adopted(difference)

    assert isinstance(refusal, CannotBeTold | PriceMissing)
    with pytest.raises(RepairNotOffered):
        propose_repair(
            difference.public_id, action=RepairAction.ADOPT, reason="x", actor=operators[0]
        )


def test_it_is_charged_from_when_the_cloud_made_it(stray, look_twice, decided):
    thing = stray()
    made_at = max(month_of(now()).start, now() - timedelta(hours=2)).replace(microsecond=0)
    thing.created_at = made_at
    look_twice()

    decided(the_difference(), RepairAction.ADOPT)

    span = UsageSpan.objects.get(
        resource__public_id=Resource.objects.get(order_line=None).public_id
    )
    assert span.started_at == made_at
    assert span.start_facts["cloud"] == made_at.isoformat()


def test_nothing_before_the_open_month_is_charged(stray, look_twice, decided):
    stray().created_at = month_of(now()).start - timedelta(days=40)
    look_twice()

    decided(the_difference(), RepairAction.ADOPT)

    resource = Resource.objects.get(order_line=None)
    span = UsageSpan.objects.get(resource__public_id=resource.public_id)
    assert span.started_at == month_of(now()).start


def test_nobody_is_bound_by_a_minimum_term_of_what_nobody_ordered(
    stray, look_twice, decided, project
):
    stray()
    look_twice()
    set_price(
        "0.1",
        sku="volume.standard",
        unit="gib_month",
        organization=project.parent,
        minimum_months=12,
    )

    decided(the_difference(), RepairAction.ADOPT)

    resource = Resource.objects.get(order_line=None)
    assert UsageSpan.objects.filter(resource__public_id=resource.public_id).exists()
    assert not MinimumTerm.objects.exists()


def test_what_is_gone_is_paid_for_until_that_was_seen(stray, cloud, look_twice, decided):
    began = month_of(now()).start
    thing = stray()
    thing.created_at = max(began, now() - timedelta(hours=2))
    look_twice()
    decided(the_difference(), RepairAction.ADOPT)
    Resource.objects.filter(order_line=None).update(activated_at=now() - timedelta(hours=1))
    del cloud.things[thing.id]
    look_twice()
    gone = Difference.objects.get(kind="charged_but_absent")
    seen = max(began, now() - timedelta(minutes=30)).replace(microsecond=0)
    Difference.objects.filter(pk=gone.pk).update(first_seen_at=seen)

    decided(gone, RepairAction.UNCHARGE)

    adopted = Resource.objects.get(order_line=None)
    span = UsageSpan.objects.get(resource__public_id=adopted.public_id)
    assert span.ended_at == seen


def test_quota_counts_also_where_there_is_too_little_and_then_nothing_more_fits(
    stray, look_twice, decided, project, engine, requester
):
    stray(size_gib=7)
    row = Quota.objects.get(node=project, metric=Metric.VOLUME_GIB)
    set_limit(project, Metric.VOLUME_GIB, row.claimed, valid_from=now(), actor=None)
    look_twice()

    decided(the_difference(), RepairAction.ADOPT)

    row.refresh_from_db()
    assert row.claimed == row.limit_now + 7
    assert row.over_since is not None
    assert find_differences() == []
    with pytest.raises(QuotaExceeded):
        claim_quota(project, {Metric.VOLUME_GIB: Decimal(1)}, expires_at=now())

    adopted = Resource.objects.get(order_line=None)
    engine.call(retire_resource, adopted.public_id, actor=requester, confirmation=adopted.name)
    engine.run()

    row.refresh_from_db()
    assert (row.claimed, row.over_since) == (row.limit_now, None)


def test_cloud_gets_room_for_what_is_adopted(stray, look_twice, decided, cloud, engine, running):
    stray(size_gib=7)
    look_twice()

    decided(the_difference(), RepairAction.ADOPT)
    engine.run()

    room = cloud.fetch_quota(running.cloud_project.openstack_project_id)
    assert (room["volumes"], room["volume_gib"]) == (2, 47)


def test_what_was_approved_goes_on_beside_what_nobody_ordered(
    stray, look_twice, deliver, retire, engine, cloud, running
):
    """Cinder takes no limit below what is used, and a volume too many would fill the limit."""
    stray(size_gib=7)
    look_twice()

    beside = deliver()

    assert beside.state == ResourceState.ACTIVE
    for resource in (beside, running):
        retire(resource)
        engine.run()
        resource.refresh_from_db()
        assert resource.state == ResourceState.RETIRED
    room = cloud.fetch_quota(running.cloud_project.openstack_project_id)
    assert (room["servers"], room["volumes"], room["volume_gib"]) == (0, 1, 7)


def test_quota_without_a_row_counts_from_nothing(stray, look_twice, decided, project):
    Quota.objects.filter(metric=Metric.DNS_ZONES, node=project).update(limit_now=None)
    node = project.parent
    rows = Quota.objects.filter(node=node, metric=Metric.DNS_ZONES)
    for row in rows:
        row.limits.all().delete()
    rows.delete()
    stray("dns_zone")
    look_twice()

    decided(the_difference(), RepairAction.ADOPT)

    row = rows.get()
    assert (row.claimed, row.limit_now) == (1, 0)
    assert row.over_since is not None


def test_its_name_is_made_to_fit(stray, look_twice, decided, running):
    thing = stray("server")
    thing.name = running.name
    look_twice()

    decided(the_difference(), RepairAction.ADOPT)

    adopted = Resource.objects.get(order_line=None)
    assert re.fullmatch(rf"{running.name}-[0-9a-f]{{8}}", adopted.name)
    look_twice()
    assert differences() == [("unknown", "", "", "solved")]


def test_without_a_price_nothing_is_adopted(stray, look_twice):
    stray().details["volume_type"] = "nieuw"
    look_twice()

    difference = the_difference()
    assert isinstance(why_not_adopted(difference), PriceMissing)
    assert offered_repairs(difference, None) == [RepairAction.REMOVE]


@pytest.mark.parametrize("action", [RepairAction.ADOPT, RepairAction.REMOVE])
def test_what_a_resource_refers_to_is_not_taken_in_again(action, stray, look_twice, decided):
    thing = stray()
    look_twice()
    first = the_difference()
    decided(first, RepairAction.ADOPT)
    again = unordered(first.project, first.cloud, openstack_id=thing.id, finding=first.finding)

    with pytest.raises(AdoptedAlready):
        decided(again, action)

    assert Resource.objects.filter(order_line=None).count() == 1


def test_adopted_server_is_stopped_like_any_other(
    stray, cloud, look_twice, decided, engine, requester
):
    thing = stray("server", power_state=1, task_state="")
    look_twice()
    decided(the_difference(), RepairAction.ADOPT)
    adopted = Resource.objects.get(order_line=None)

    engine.call(act_on_resource, adopted.public_id, action="stop", actor=requester)
    engine.run()

    adopted.refresh_from_db()
    assert (thing.status, adopted.facts["status"]) == ("SHUTOFF", "SHUTOFF")


@pytest.mark.parametrize("action", ["rebuild", "rescue"])
def test_adopted_server_is_not_repaired_without_knowing_its_image(
    action, stray, look_twice, decided, requester
):
    stray("server", power_state=1, task_state="")
    look_twice()
    decided(the_difference(), RepairAction.ADOPT)
    adopted = Resource.objects.get(order_line=None)

    with pytest.raises(ActionNotOffered):
        act_on_resource(
            adopted.public_id, action=action, actor=requester, confirmation=adopted.name
        )


def test_work_on_what_was_adopted_is_cancelled_like_any_other(
    stray, look_twice, decided, engine, requester
):
    stray("server", power_state=1, task_state="")
    look_twice()
    decided(the_difference(), RepairAction.ADOPT)
    adopted = Resource.objects.get(order_line=None)
    stop = engine.call(act_on_resource, adopted.public_id, action="stop", actor=requester)

    with pytest.raises(IllegalTransition):
        compensate_operation(stop.public_id, actor=requester)
    engine.call(cancel_operation, stop.public_id, actor=requester)

    stop.refresh_from_db()
    assert stop.state == OperationState.CANCELED


def test_an_order_does_not_change_what_was_adopted(stray, look_twice, decided, requester):
    stray()
    look_twice()
    decided(the_difference(), RepairAction.ADOPT)

    with pytest.raises(NotOrdered):
        place_change(
            requested_by=requester,
            resource=Resource.objects.get(order_line=None),
            purpose="Groter",
            answers={"volume_gib": 20},
            end_date=Term.KEPT,
            idempotency_key="k",
        )


def test_who_adopted_it_is_written_down(stray, look_twice, decided, operators):
    stray()
    look_twice()

    decided(the_difference(), RepairAction.ADOPT)

    entry = AuditEntry.objects.get(event="resource.adopted")
    assert entry.actor_id == operators[1].pk
    assert AuditEntry.objects.filter(event="drift.repair_confirmed").exists()


# --- by itself ---------------------------------------------------------------------------------


def test_what_nobody_did_anything_about_is_adopted_by_itself(stray, look, look_twice):
    stray()
    look_twice()
    assert not Resource.objects.filter(order_line=None).exists()

    Difference.objects.update(first_seen_at=now() - timedelta(days=1))
    look()

    assert Resource.objects.get(order_line=None).state == ResourceState.ACTIVE
    assert the_difference().state == DifferenceState.SOLVED
    assert AuditEntry.objects.get(event="resource.adopted").actor_id is None


def test_where_it_may_not_stand_people_do_not_adopt_it_and_the_clock_does(
    stray, running, look, look_twice
):
    """It stands there, so it is charged and listed: with what is against it."""
    stray()
    look_twice()
    classify(running.project, integrity=Score.VERY_HIGH)
    difference = the_difference()

    assert isinstance(why_not_adopted(difference), PlacementRefused)
    assert offered_repairs(difference, None) == [RepairAction.REMOVE]
    Difference.objects.update(first_seen_at=now() - timedelta(days=1))
    look()

    decision = Resource.objects.get(order_line=None).placement
    assert (decision.verdict, decision.advised) == ("found_in_cloud", "prohibited")
    assert "interest_too_high" in {clause["id"] for clause in decision.clauses}


def test_what_became_inadmissible_between_proposal_and_confirmation_is_not_adopted(
    stray, running, look_twice, operators
):
    stray()
    look_twice()
    difference = the_difference()
    proposal = propose_repair(
        difference.public_id, action=RepairAction.ADOPT, reason="Hoort hier", actor=operators[0]
    )
    classify(running.project, integrity=Score.VERY_HIGH)

    with pytest.raises((PlacementRefused, RepairNotOffered)):
        confirm_repair(proposal.public_id, actor=operators[1])

    assert not Resource.objects.filter(order_line=None).exists()


def test_second_copy_of_what_is_shared_is_removed_and_never_adopted(
    stray, running, cloud, look, look_twice, decided, engine, operators
):
    """Who paid for it would lose it: the next delivery takes it away."""
    own = thing_of(cloud, "network")
    second = stray("network")
    second.marker = own.marker
    own.created_at, second.created_at = (now() - timedelta(hours=age) for age in (2, 1))
    look_twice()
    Difference.objects.update(first_seen_at=now() - timedelta(days=2))

    look()

    difference = the_difference()
    assert (difference.openstack_id, difference.state) == (second.id, DifferenceState.OPEN)
    assert isinstance(why_not_adopted(difference), SecondOfShared)
    assert offered_repairs(difference, None) == [RepairAction.REMOVE]
    decided(difference, RepairAction.REMOVE)
    engine.run()
    assert second.id not in cloud.things
    assert own.id in cloud.things


def test_ignored_or_with_a_proposal_it_waits_for_people(stray, look, look_twice, operators):
    stray()
    look_twice()
    proposed(the_difference(), operators[0], RepairAction.REMOVE)
    Difference.objects.update(first_seen_at=now() - timedelta(days=2))

    look()

    assert not Resource.objects.filter(order_line=None).exists()


def test_a_setting_leaves_it_to_people(stray, look, look_twice, settings):
    settings.ADOPT_UNMANAGED = False
    stray()
    look_twice()
    Difference.objects.update(first_seen_at=now() - timedelta(days=2))

    look()

    assert not Resource.objects.filter(order_line=None).exists()


def test_nothing_is_taken_into_a_project_that_has_ended(
    stray, running, engine, retire, look, look_twice, project
):
    """The database refuses that; one such thing would stop every look at every cloud."""
    stray()
    look_twice()
    retire(running)
    engine.run()
    look_twice()
    end_node(project.public_id, actor=administrator_of(project.parent), confirmation=project.name)
    Difference.objects.update(first_seen_at=now() - timedelta(days=2))

    look()

    difference = the_difference()
    assert difference.state == DifferenceState.OPEN
    assert isinstance(why_not_adopted(difference), ProjectEnded)
    assert offered_repairs(difference, None) == []


def test_what_cannot_be_adopted_does_not_hold_up_the_rest(stray, look, look_twice, monkeypatch):
    monkeypatch.setattr(adopting, "MOST_AT_ONCE", 1)
    stray("volume", volume_type="unpriced")
    stray("network")
    look_twice()
    Difference.objects.update(first_seen_at=now() - timedelta(days=2))

    look()

    assert Resource.objects.get(order_line=None).kind == "network"


# --- removing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", STRANGERS)
def test_each_kind_is_removed_from_the_cloud_and_costs_nothing(
    kind, stray, cloud, engine, look_twice, decided
):
    thing = stray(kind)
    look_twice()

    decided(the_difference(), RepairAction.REMOVE)
    engine.run()

    assert thing.id not in cloud.things
    resource = Resource.objects.get(order_line=None)
    assert resource.state == ResourceState.RETIRED
    assert resource.operations.get().kind == OperationKind.RETIRE
    assert not UsageSpan.objects.filter(resource__public_id=resource.public_id).exists()
    assert find_differences() == []


def test_what_a_resource_uses_is_not_removed(stray, running, look_twice, operators, cloud):
    thing = stray(server_ids=[running.cloud_ids["server"]])
    look_twice()

    with pytest.raises(StillInUse):
        proposed(the_difference(), operators[0], RepairAction.REMOVE)

    assert thing.id in cloud.things


def test_what_came_to_be_used_after_the_proposal_is_not_removed(
    stray, running, look, look_twice, operators, cloud
):
    thing = stray()
    look_twice()
    repair = proposed(the_difference(), operators[0], RepairAction.REMOVE)
    thing.details["server_ids"] = [running.cloud_ids["server"]]
    look()

    with pytest.raises(StillInUse):
        confirm_repair(repair.public_id, actor=operators[1])

    assert thing.id in cloud.things


def test_router_with_a_network_on_it_comes_to_a_person_and_cuts_nobody_off(
    stray, cloud, engine, look_twice, decided, operators
):
    (subnet,) = [thing for thing in cloud.things.values() if thing.kind == "subnet"]
    thing = stray("router", subnet_ids=[subnet.id])
    look_twice()

    decided(the_difference(), RepairAction.REMOVE)
    engine.run()

    resource = Resource.objects.get(order_line=None)
    operation = resource.operations.get()
    assert operation.state == OperationState.FAILED
    assert "still has ports" in operation.steps.get(name="router").last_error
    assert thing.details["subnet_ids"] == [subnet.id]

    cloud.remove_router_interface(thing.project, thing.id, subnet.id)
    engine.call(resume_operation, operation.public_id, actor=operators[0])
    engine.run()

    resource.refresh_from_db()
    assert resource.state == ResourceState.RETIRED
    assert thing.id not in cloud.things


# --- what the database itself refuses ----------------------------------------------------------


def test_database_knows_what_was_found(stray, look_twice, decided, running):
    stray()
    look_twice()
    decided(the_difference(), RepairAction.ADOPT)
    adopted = Resource.objects.get(order_line=None)

    with refused_by("resource_found_as_never_changes"):
        execute("UPDATE catalog_resource SET found_as_id = NULL WHERE id = %s", adopted.pk)
    with refused_by("resource_found_has_a_decision_of_its_own"):
        execute(
            "UPDATE catalog_resource SET placement_id = %s WHERE id = %s",
            running.placement_id,
            adopted.pk,
        )
    with refused_by("resource_found_has_a_decision_of_its_own"):
        execute(
            "UPDATE catalog_resource SET placement_id = %s WHERE id = %s",
            adopted.placement_id,
            running.pk,
        )
    with refused_by("resource_was_ordered_or_found"):
        execute("UPDATE catalog_resource SET order_line_id = NULL WHERE id = %s", running.pk)
