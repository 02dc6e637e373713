"""What somebody changed in the cloud is set again as it was ordered."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

import pytest

from catalog.errors import DifferenceSettled, RepairNotOffered, ResourceBusy
from catalog.kinds import all_kinds
from catalog.kinds.security_group import read_rule
from catalog.models import (
    Difference,
    DifferenceState,
    OperationKind,
    OperationState,
    Resource,
)
from catalog.services.adoption import adopt_by_itself
from catalog.services.approvals import approve_order
from catalog.services.operations import abandon_operation, resume_operation
from catalog.services.putting_back import put_back
from catalog.services.resources import act_on_resource
from portal.audit.models import AuditEntry
from portal.cloud.ports import CloudRefused, CloudUnavailable
from portal.identity.models import Role
from tests.catalog.reconciliation.conftest import differences
from tests.factories import PersonFactory, grant, place_group
from tests.factories.drift import gone, stopped, unordered

pytestmark = pytest.mark.django_db

WEB, SHELL = "tcp 443 0.0.0.0/0", "tcp 22 0.0.0.0/0"


@pytest.fixture(autouse=True)
def settled_at_once(settings):
    """What was done a moment ago is judged too."""
    settings.DRIFT_GRACE = timedelta(microseconds=1)


@pytest.fixture
def operator(project):
    person = PersonFactory()
    grant(person, Role.OPERATOR, project.parent)
    return person


@pytest.fixture
def group(engine, cloud, requester, approver, project, version, long_ago):
    """A security group that lets in the web, delivered an hour ago."""
    order = place_group(requester, project, version)
    engine.call(approve_order, order.public_id, approver=approver)
    engine.run()
    long_ago()
    return Resource.objects.get(order_line__order=order)


@pytest.fixture
def opened(group, cloud, look_twice):
    """Somebody opened it to the world, without the portal, and two looks saw that."""
    at = group.cloud_project.openstack_project_id
    cloud.ensure_security_rules(at, group.cloud_ids["security_group"], [read_rule(SHELL)])
    look_twice()
    return Difference.objects.get()


@pytest.fixture
def have_put_back(engine, operator):
    def ask(difference):
        operation = engine.call(put_back, difference.public_id, actor=operator)
        engine.run()
        operation.refresh_from_db()
        return operation

    return ask


def admitted(cloud, group):
    return cloud.things[group.cloud_ids["security_group"]].details["rules"]


def opening(line):
    return asdict(read_rule(line))


def test_rules_are_as_ordered_and_the_next_look_finds_nothing(
    opened, group, cloud, have_put_back, operator, look_twice
):
    assert (opened.field, opened.ours, opened.theirs) == ("rules", WEB, f"{SHELL}, {WEB}")

    operation = have_put_back(opened)

    assert (operation.kind, operation.state) == (OperationKind.ACT, OperationState.SUCCEEDED)
    assert admitted(cloud, group) == [opening(WEB)]
    look_twice()
    assert differences() == [("differs", "security_group", "rules", "solved")]
    entry = AuditEntry.objects.get(event="drift.put_back")
    assert (entry.actor_id, entry.data["field"]) == (operator.pk, "rules")
    assert AuditEntry.objects.get(event="resource.action_requested").data == {"action": "rules"}


def test_rule_that_was_taken_away_comes_back(group, cloud, look_twice, have_put_back):
    at = group.cloud_project.openstack_project_id
    cloud.remove_other_security_rules(at, group.cloud_ids["security_group"], [])
    look_twice()

    have_put_back(Difference.objects.get())

    assert admitted(cloud, group) == [opening(WEB)]


def test_what_the_cloud_refuses_stands_in_the_work_and_is_found_anew(
    opened, group, cloud, engine, have_put_back, look_twice, operator
):
    cloud.fail_next("remove_other_security_rules", CloudRefused("no"))

    operation = have_put_back(opened)

    assert operation.state == OperationState.FAILED
    look_twice()
    assert differences() == [
        ("differs", "security_group", "rules", "solved"),
        ("differs", "security_group", "rules", "open"),
    ]
    anew = Difference.objects.get(state=DifferenceState.OPEN)
    with pytest.raises(ResourceBusy):
        put_back(anew.public_id, actor=operator)
    engine.call(resume_operation, operation.public_id, actor=operator)
    engine.run()
    look_twice()
    assert admitted(cloud, group) == [opening(WEB)]
    assert not Difference.objects.exclude(state=DifferenceState.SOLVED).exists()


def test_what_failed_is_left_and_tried_again(opened, group, cloud, have_put_back, look_twice):
    cloud.fail_next("remove_other_security_rules", CloudRefused("no"))
    failed = have_put_back(opened)
    abandon_operation(failed.public_id, actor=failed.requested_by)
    look_twice()

    again = have_put_back(Difference.objects.get(state=DifferenceState.OPEN))

    assert again.state == OperationState.SUCCEEDED
    assert admitted(cloud, group) == [opening(WEB)]


def test_worker_that_dies_half_way_is_followed_by_another(opened, group, cloud, engine, operator):
    cloud.fail_next("remove_other_security_rules", CloudUnavailable("the worker was killed"))
    operation = engine.call(put_back, opened.public_id, actor=operator)
    engine.run_one()
    assert opening(SHELL) in admitted(cloud, group)

    engine.sweep()
    engine.run()

    operation.refresh_from_db()
    assert operation.state == OperationState.SUCCEEDED
    assert admitted(cloud, group) == [opening(WEB)]


def test_lost_answer_does_no_harm(opened, group, cloud, have_put_back):
    cloud.lose_next_reply("remove_other_security_rules")

    assert have_put_back(opened).state == OperationState.SUCCEEDED
    assert admitted(cloud, group) == [opening(WEB)]


def test_group_that_nobody_ordered_is_put_back_as_it_was_adopted(
    group, cloud, look_twice, have_put_back, long_ago
):
    at = group.cloud_project.openstack_project_id
    strange = cloud.create_security_group(at, "oud", "")
    cloud.ensure_security_rules(at, strange.id, [read_rule(WEB)])
    look_twice()
    adopted = adopt_by_itself(Difference.objects.get().public_id)
    long_ago()
    cloud.ensure_security_rules(at, strange.id, [read_rule(SHELL)])
    look_twice()

    have_put_back(Difference.objects.get(resource=adopted))

    assert cloud.things[strange.id].details["rules"] == [opening(WEB)]


def test_nothing_is_put_back_while_something_is_done(opened, group, requester, operator):
    act_on_resource(group.public_id, action="rules", actor=requester)

    with pytest.raises(ResourceBusy):
        put_back(opened.public_id, actor=operator)

    opened.refresh_from_db()
    assert opened.state == DifferenceState.OPEN


def test_what_was_solved_is_not_put_back(opened, operator, have_put_back):
    have_put_back(opened)

    with pytest.raises(DifferenceSettled):
        put_back(opened.public_id, actor=operator)


@pytest.mark.parametrize("make", [gone, stopped, lambda one: stopped(one, field="marker")])
def test_what_no_action_sets_is_not_put_back(running, operator, make):
    with pytest.raises(RepairNotOffered):
        put_back(make(running).public_id, actor=operator)


def test_what_nobody_ordered_is_not_put_back(running, operator, project):
    difference = unordered(project, running.cloud_project.cloud)

    with pytest.raises(RepairNotOffered):
        put_back(difference.public_id, actor=operator)


@pytest.mark.parametrize("kind", all_kinds(), ids=lambda kind: kind.key)
def test_what_puts_back_is_an_action_that_asks_and_loses_nothing(kind):
    keys = {fact.put_back_by for part in kind.parts for fact in part.compared} - {""}

    assert keys <= kind.actions.keys()
    assert not any(kind.actions[key].asks_first or kind.actions[key].gives_access for key in keys)
