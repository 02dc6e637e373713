"""What runs becomes larger or smaller in the cloud: paid for and held from that moment on."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import localdate, now

from billing.models import UsageSpan
from catalog.models import (
    ClaimState,
    Metric,
    Operation,
    OperationKind,
    OperationState,
    Order,
    OrderState,
    Quota,
    Resource,
    ResourceState,
    StepState,
)
from catalog.provisioning.cloud_quota import needed_quota
from catalog.services import end_dates
from catalog.services.change_work import version_of
from catalog.services.operations import abandon_operation, resume_operation
from catalog.services.preview import quote_of
from catalog.services.quota_checks import find_differences
from catalog.services.quotas import amounts_of
from catalog.services.resources import retire_resource
from catalog.services.solutions import confirm_solution, solve_operation
from catalog.services.undoing import cancel_operation
from portal.cloud.ports import CloudRefused, CloudUnavailable
from portal.identity.models import Role
from tests.factories import PersonFactory, grant
from tests.factories.catalog import end_price

pytestmark = pytest.mark.django_db


def in_days(days):
    return None if days is None else localdate() + timedelta(days=days)


def held(resource):
    """What its claim holds, and what the project's counter says."""
    claim = amounts_of(resource.claim)
    counter = Quota.objects.filter(node=resource.project)
    assert find_differences() == []
    return claim, {Metric(row.metric): row.claimed for row in counter if row.claimed}


def running_spans(resource):
    spans = UsageSpan.objects.filter(resource__public_id=resource.public_id, ended_at=None)
    return dict(spans.values_list("sku__code", "quantity"))


def state_of(operation):
    order = Order.objects.get(lines__operations=operation)
    operation.refresh_from_db()
    return operation.state, order.state


def done(operation):
    return list(operation.steps.values_list("name", flat=True))


def test_disk_grows_in_the_cloud_and_in_everything_that_counts_it(volume, change, cloud):
    operation = change(volume, volume_gib=25)

    assert state_of(operation) == (OperationState.SUCCEEDED, OrderState.COMPLETED)
    (there,) = cloud.list_volumes(volume.cloud_project.openstack_project_id)
    assert (there.details["size_gib"], volume.spec["volume_gib"]) == (25, 25)
    assert running_spans(volume) == {"volume.standard": 25}
    old, new = UsageSpan.objects.order_by("pk")
    assert (old.quantity, old.ended_at) == (10, new.started_at)
    claim, counter = held(volume)
    assert claim == counter
    assert claim[Metric.VOLUME_GIB] == 25
    assert claim[Metric.MONTHLY_COST_EUR] == Decimal("2.13")
    assert cloud.fetch_quota(volume.cloud_project.openstack_project_id)["volume_gib"] == 25


def test_server_becomes_larger_with_its_disk(server, change, cloud):
    operation = change(server, flavor="gp.medium", volume_gib=80)

    assert state_of(operation) == (OperationState.SUCCEEDED, OrderState.COMPLETED)
    assert done(operation) == ["room", "resize", "confirmation", "quota", "extension"]
    assert (server.spec["flavor"], server.spec["volume_gib"]) == ("gp.medium", 80)
    (there,) = cloud.list_servers(server.cloud_project.openstack_project_id)
    assert (there.details["flavor"], there.status) == ("gp.medium", "ACTIVE")
    assert running_spans(server) == {"server.gp.medium": 1, "volume.standard": 80}
    claim, counter = held(server)
    assert claim == counter
    assert (claim[Metric.VCPUS], claim[Metric.MEMORY_GIB]) == (4, 8)
    quota = cloud.fetch_quota(server.cloud_project.openstack_project_id)
    assert (quota["vcpus"], quota["memory_gib"], quota["volume_gib"]) == (4, 8, 80)


def test_server_becomes_smaller_and_gives_back_what_it_held(server, change):
    change(server, flavor="gp.medium")
    operation = change(server, flavor="gp.small")

    assert state_of(operation) == (OperationState.SUCCEEDED, OrderState.COMPLETED)
    claim, counter = held(server)
    assert claim == counter
    assert claim[Metric.VCPUS] == 2
    assert running_spans(server) == {"server.gp.small": 1, "volume.standard": 40}


def test_steps_about_what_stays_are_left_out(server, change):
    operation = change(server, volume_gib=41)

    assert done(operation) == ["room", "extension"]


def test_while_it_changes_the_cloud_has_room_for_both_sizes(server, begin, engine):
    begin(server, flavor="gp.medium")
    engine.run_until("resize", StepState.AWAITING)

    quota = needed_quota(server.cloud_project)

    assert (quota["vcpus"], quota["memory_gib"], quota["servers"]) == (6, 12, 1)


def test_what_a_change_adds_is_held_from_the_asking_on(server, ask):
    order = ask(server, flavor="gp.medium")

    claim = order.lines.get().claim
    assert (claim.state, amounts_of(claim)[Metric.VCPUS]) == (ClaimState.RESERVED, 2)
    assert Quota.objects.get(node=server.project, metric="vcpus").claimed == 4
    assert amounts_of(claim)[Metric.MONTHLY_COST_EUR] == Decimal("38.40")


@pytest.mark.parametrize(
    "call", ["resize_server", "confirm_resize", "extend_volume", "set_quota", "list_servers"]
)
def test_a_lost_reply_changes_nothing_twice(server, begin, engine, cloud, call):
    operation = begin(server, flavor="gp.medium", volume_gib=80)
    cloud.lose_next_reply(call)

    engine.run()

    assert state_of(operation) == (OperationState.SUCCEEDED, OrderState.COMPLETED)
    (there,) = cloud.list_servers(server.cloud_project.openstack_project_id)
    assert (there.details["flavor"], there.status) == ("gp.medium", "ACTIVE")


def test_a_change_survives_lost_messages_and_dead_workers(server, begin, engine):
    operation = begin(server, flavor="gp.medium")
    for _ in range(40):
        engine.sweep()
        if engine.messages:
            engine.run_one()

    assert state_of(operation) == (OperationState.SUCCEEDED, OrderState.COMPLETED)


# --- what does not go well ---------------------------------------------------------------------


@pytest.fixture
def stuck(server, begin, engine, cloud):
    """The new size came, and then the disk was refused."""
    operation = begin(server, flavor="gp.medium", volume_gib=80)
    cloud.fail_next("extend_volume", CloudRefused("no"))
    engine.run()
    server.refresh_from_db()
    return operation


def test_what_came_before_a_failure_is_told_and_paid_for_as_it_is(stuck, server):
    assert state_of(stuck) == (OperationState.FAILED, OrderState.FAILED)
    assert (server.spec["flavor"], server.spec["volume_gib"]) == ("gp.medium", 40)
    assert running_spans(server) == {"server.gp.medium": 1, "volume.standard": 40}
    assert server.state == "active"
    _, counter = held(server)
    assert (counter[Metric.VCPUS], counter[Metric.VOLUME_GIB]) == (4, 80)


def test_a_failed_change_is_resumed(stuck, server, engine, requester):
    engine.call(resume_operation, stuck.public_id, actor=requester)
    engine.run()

    server.refresh_from_db()
    assert state_of(stuck) == (OperationState.SUCCEEDED, OrderState.COMPLETED)
    assert server.spec["volume_gib"] == 80


def test_a_change_that_is_given_up_keeps_what_the_cloud_has(stuck, server, engine, requester):
    engine.call(abandon_operation, stuck.public_id, actor=requester)
    engine.run()

    server.refresh_from_db()
    reversal = Operation.objects.get(kind=OperationKind.REVERT)
    assert state_of(reversal) == (OperationState.SUCCEEDED, OrderState.CANCELED)
    assert state_of(stuck)[0] == OperationState.ABANDONED
    assert (server.spec["flavor"], server.spec["volume_gib"]) == ("gp.medium", 40)
    claim, counter = held(server)
    assert claim == counter
    assert (claim[Metric.VCPUS], claim[Metric.VOLUME_GIB]) == (4, 40)
    assert needed_quota(server.cloud_project)["volume_gib"] == 40
    price = quote_of(version_of(server), server.spec, server.project)
    assert claim[Metric.MONTHLY_COST_EUR] == price.monthly


def test_without_a_price_by_now_a_part_of_a_change_holds_the_money_of_the_whole(
    stuck, server, engine, requester
):
    agreed = stuck.order_line.monthly_price
    end_price("server.gp.medium")
    engine.call(abandon_operation, stuck.public_id, actor=requester)
    engine.run()

    assert state_of(stuck) == (OperationState.ABANDONED, OrderState.CANCELED)
    assert held(server)[0][Metric.MONTHLY_COST_EUR] == agreed


def test_a_resize_that_was_not_confirmed_goes_back(server, begin, engine, cloud, requester):
    operation = begin(server, flavor="gp.medium")
    cloud.fail_next("confirm_resize", CloudRefused("no"))
    engine.run()
    assert state_of(operation) == (OperationState.FAILED, OrderState.FAILED)
    before = dict(amounts_of(server.claim))

    engine.call(abandon_operation, operation.public_id, actor=requester)
    engine.run()

    server.refresh_from_db()
    (there,) = cloud.list_servers(server.cloud_project.openstack_project_id)
    assert (there.details["flavor"], there.status) == ("gp.small", "ACTIVE")
    assert server.spec["flavor"] == "gp.small"
    assert state_of(operation) == (OperationState.ABANDONED, OrderState.CANCELED)
    claim, counter = held(server)
    assert claim == counter == before
    assert needed_quota(server.cloud_project)["vcpus"] == 2


@pytest.mark.parametrize(
    ("asked", "kept"), [(500, 500), (None, None), (100, 365)], ids=["later", "for ever", "earlier"]
)
def test_a_longer_term_that_was_approved_outlives_the_rest_of_its_change(
    server, begin, engine, cloud, requester, asked, kept
):
    operation = begin(server, flavor="gp.medium", end_date=in_days(asked))
    cloud.fail_next("resize_server", CloudRefused("no"))
    engine.run()
    engine.call(abandon_operation, operation.public_id, actor=requester)
    engine.run()

    server.refresh_from_db()
    assert state_of(operation) == (OperationState.ABANDONED, OrderState.CANCELED)
    assert server.end_date == in_days(kept)


def test_the_clock_leaves_what_was_renewed_while_its_resize_failed(
    server, begin, engine, cloud, requester
):
    Resource.objects.filter(pk=server.pk).update(end_date=in_days(-20))
    engine.call(end_dates.end_uses, at=now() - timedelta(days=19))
    engine.run()
    operation = begin(server, flavor="gp.medium", end_date=in_days(300))
    cloud.fail_next("resize_server", CloudRefused("no"))
    engine.run()
    engine.call(abandon_operation, operation.public_id, actor=requester)
    engine.run()

    assert engine.call(end_dates.retire_ended, at=now()) == 0
    assert engine.call(end_dates.withdraw_endings, at=now()) == 1


@pytest.mark.parametrize(
    ("renewed", "then"),
    [(None, ResourceState.RETIRED), (300, ResourceState.ACTIVE)],
    ids=["no longer", "longer"],
)
def test_a_change_that_hangs_keeps_what_has_ended_only_when_it_is_a_renewal_too(
    server, begin, engine, cloud, renewed, then
):
    Resource.objects.filter(pk=server.pk).update(end_date=in_days(1))
    server.refresh_from_db()
    terms = {"end_date": in_days(renewed)} if renewed else {}
    begin(server, flavor="gp.medium", **terms)
    cloud.fail_next("resize_server", CloudRefused("no"))
    engine.run()

    engine.call(end_dates.end_uses, at=now() + timedelta(days=2))
    engine.call(end_dates.retire_ended, at=now() + timedelta(days=20))
    engine.run()

    server.refresh_from_db()
    assert server.state == then
    assert server.operations.filter(kind=OperationKind.ACT).count() == 0


def test_a_change_that_came_all_the_same_completes_its_order(
    volume, begin, engine, cloud, requester
):
    operation = begin(volume, volume_gib=25)
    cloud.fail_next("extend_volume", CloudRefused("no"))
    engine.run()
    project = volume.cloud_project.openstack_project_id
    cloud.extend_volume(project, volume.cloud_ids["volume"], 25)
    cloud.tick()

    engine.call(abandon_operation, operation.public_id, actor=requester)
    engine.run()

    volume.refresh_from_db()
    assert volume.spec["volume_gib"] == 25
    assert state_of(operation) == (OperationState.ABANDONED, OrderState.COMPLETED)
    assert running_spans(volume) == {"volume.standard": 25}


def test_a_disk_that_does_not_grow_is_tried_again_and_then_shown(volume, begin, engine, cloud):
    operation = begin(volume, volume_gib=25)
    cloud.fail_next("extend_volume", CloudUnavailable("later", outcome_unknown=True))

    engine.run()

    assert state_of(operation) == (OperationState.SUCCEEDED, OrderState.COMPLETED)


def test_what_goes_takes_its_failed_change_along(stuck, server, engine, requester):
    engine.call(retire_resource, server.public_id, actor=requester, confirmation=server.name)
    engine.run()

    assert state_of(stuck) == (OperationState.ABANDONED, OrderState.CANCELED)
    _, counter = held(server)
    assert counter == {}


def test_what_goes_ends_the_change_that_waits(server, ask, engine, requester):
    order = ask(server, flavor="gp.medium")

    engine.call(retire_resource, server.public_id, actor=requester, confirmation=server.name)

    order.refresh_from_db()
    assert order.state == OrderState.EXPIRED


def test_a_change_that_is_stopped_is_taken_back(server, begin, engine, requester):
    operation = begin(server, flavor="gp.medium")
    engine.run_until("resize", StepState.AWAITING)

    engine.call(cancel_operation, operation.public_id, actor=requester)
    engine.run()

    server.refresh_from_db()
    assert state_of(operation) == (OperationState.CANCELED, OrderState.CANCELED)
    assert server.spec["flavor"] == "gp.small"
    claim, counter = held(server)
    assert claim == counter


def test_a_change_that_is_stopped_too_late_is_as_it_was_asked(
    server, begin, engine, cloud, requester
):
    cloud.polls_until_settled = 5
    operation = begin(server, flavor="gp.medium")
    engine.run_until("confirmation", StepState.AWAITING)

    engine.call(cancel_operation, operation.public_id, actor=requester)
    engine.run()

    server.refresh_from_db()
    reversal = Operation.objects.get(kind=OperationKind.REVERT)
    assert state_of(reversal) == (OperationState.SUCCEEDED, OrderState.COMPLETED)
    (there,) = cloud.list_servers(server.cloud_project.openstack_project_id)
    assert (there.details["flavor"], server.spec["flavor"]) == ("gp.medium", "gp.medium")
    claim, counter = held(server)
    assert claim == counter


def test_a_change_that_nobody_looks_at_is_taken_back_after_the_term(stuck, server, engine):
    Operation.objects.filter(pk=stuck.pk).update(failed_at=now() - timedelta(hours=73))

    engine.sweep()
    engine.run()

    assert state_of(stuck) == (OperationState.ABANDONED, OrderState.CANCELED)


def test_a_change_that_was_solved_by_hand_is_as_it_was_asked(stuck, server, engine, project):
    first, second = PersonFactory(), PersonFactory()
    for person in (first, second):
        grant(person, Role.OPERATOR, project)
    solution = solve_operation(stuck.public_id, actor=first, reason="Met de hand vergroot.")
    confirm_solution(solution.public_id, actor=second)

    server.refresh_from_db()
    assert state_of(stuck) == (OperationState.SOLVED, OrderState.COMPLETED)
    assert server.spec["volume_gib"] == 80
    assert running_spans(server) == {"server.gp.medium": 1, "volume.standard": 80}
    claim, counter = held(server)
    assert claim == counter
