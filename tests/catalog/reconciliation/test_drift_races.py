"""Two at once about one difference: real PostgreSQL, real threads, real transactions."""

from __future__ import annotations

import pytest

from catalog.models import (
    DriftRepair,
    Operation,
    OperationKind,
    RepairAction,
    RepairState,
    Resource,
    ResourceState,
)
from catalog.services import adoption
from catalog.services.adoption import adopt_by_itself
from catalog.services.approvals import approve_order
from catalog.services.changes import place_change
from catalog.services.drift_repairs import confirm_repair
from catalog.services.putting_back import put_back
from catalog.services.quota_checks import find_differences
from catalog.services.resources import act_on_resource
from portal.cloud.models import CloudProject
from tests.factories import delivered, place, place_group
from tests.factories.drift import DISK, gone, opened, proposed, unordered
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(requester, approver, project, version, sent_tasks):
    """Runs, as far as we know."""
    return delivered(place(requester, project, version), approver=approver)


@pytest.fixture
def group(requester, approver, project, version, sent_tasks):
    """A security group that lets in the web, as far as we know."""
    return delivered(place_group(requester, project, version), approver=approver)


def strange(server, **facts):
    return unordered(server.project, server.cloud_project.cloud, finding=DISK, **facts)


@pytest.fixture
def twins(server, monkeypatch):
    """Two differences about one disk, as a stale look would leave them, and who adopts looks."""
    pair = [strange(server), strange(server, listing="networks")]
    referring = adoption._referring_to  # where both must have looked

    def look(cloud, ids):
        seen = [resource.pk for resource in referring(cloud, ids)]
        return Resource.objects.filter(pk__in=seen)

    monkeypatch.setattr(adoption, "_referring_to", meeting(look))
    return pair


def adopt_both(pair):
    return sorted(at_once(*(lambda one=one: adopt_by_itself(one.public_id) for one in pair)))


def test_the_race_is_real_when_the_lock_is_removed(twins, monkeypatch):
    # Proves that the next test can fail: if this one breaks, that one means nothing.
    def without_lock(difference):
        return CloudProject.objects.get(project=difference.project_id)

    monkeypatch.setattr(adoption, "_lock_place", without_lock)

    assert adopt_both(twins) == ["done", "done"]
    assert Resource.objects.filter(order_line=None).count() == 2


def test_one_thing_is_adopted_once(twins):
    assert adopt_both(twins) == ["AdoptedAlready", "done"]

    assert Resource.objects.filter(order_line=None).count() == 1
    assert find_differences() == []


def test_repair_and_action_on_one_resource_do_not_meet(server, operators, requester, monkeypatch):
    repair = proposed(gone(server), operators[0], RepairAction.RECREATE)

    outcomes = at_once(
        lambda: confirm_repair(repair.public_id, actor=operators[1]),
        lambda: act_on_resource(server.public_id, action="stop", actor=requester),
    )

    assert sorted(outcomes) == ["ResourceBusy", "done"]
    made = Operation.objects.exclude(kind=OperationKind.PROVISION)
    assert made.count() == 1


def test_what_two_operators_put_back_at_once_is_put_back_once(group, operators):
    difference = opened(group)

    outcomes = at_once(
        *(lambda actor=actor: put_back(difference.public_id, actor=actor) for actor in operators)
    )

    assert sorted(outcomes) == ["ResourceBusy", "done"]
    assert group.operations.filter(kind=OperationKind.ACT).count() == 1


def test_putting_back_and_an_order_that_changes_it_do_not_meet(
    group, operators, requester, approver
):
    difference = opened(group)
    order, _is_new = place_change(
        requested_by=requester,
        resource=group,
        purpose="Meer zaken",
        answers={"rules": "udp 53 10.0.0.0/8"},
        end_date=group.end_date,
        idempotency_key="k",
    )

    outcomes = at_once(
        lambda: put_back(difference.public_id, actor=operators[0]),
        lambda: approve_order(order.public_id, approver=approver),
    )

    assert sorted(outcomes) == ["ResourceBusy", "done"]
    assert group.operations.exclude(kind=OperationKind.PROVISION).count() == 1


def test_proposal_and_adoption_by_itself_do_not_meet(server, operators):
    repair = proposed(strange(server), operators[0], RepairAction.REMOVE)

    at_once(
        lambda: confirm_repair(repair.public_id, actor=operators[1]),
        lambda: adopt_by_itself(repair.difference.public_id),
    )

    assert Resource.objects.get(order_line=None).state == ResourceState.RETIRING
    assert DriftRepair.objects.get().state == RepairState.CONFIRMED
