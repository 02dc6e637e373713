"""The clock and a person at the same moment, or two clocks: real threads, real transactions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from catalog.models import Ending, Resource, ResourceState
from catalog.services import end_dates
from catalog.services.end_dates import end_uses, retire_ended
from catalog.services.protection import protect_resource
from portal.core.states import IllegalTransition
from tests.catalog.end_dates.conftest import LAST_DAY, acts_on, after
from tests.factories import delivered, place
from tests.races import at_once, meeting

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("sent_tasks"),
    pytest.mark.database,
]
RENEWED = LAST_DAY + timedelta(days=365)


@pytest.fixture
def running(requester, approver, project, version):
    """Needed until ``LAST_DAY``."""
    order = place(requester, project, version, end_date=LAST_DAY)
    return delivered(order, approver=approver)


@pytest.fixture
def over(running):
    """Stopped by hand before its end, and to be cleaned up now."""
    Resource.objects.filter(pk=running.pk).update(facts={"status": "SHUTOFF"})
    assert end_uses(at=after(1)) == 1
    return running


def renew(resource):
    """As a change of the end date does: under the lock, of what still runs."""
    with transaction.atomic():
        end_dates.lock_order_and_resource(resource)
        found = Resource.objects.get(pk=resource.pk)
        ending = Ending.objects.get(resource=found)
        if end_dates._is_held_up(ending, found) or found.state != ResourceState.ACTIVE:
            raise IllegalTransition(state=found.get_state_display())
        Resource.objects.filter(pk=resource.pk).update(end_date=RENEWED)


def test_who_renews_while_the_clock_looks_is_not_overtaken(over, monkeypatch):
    lock = end_dates._lock

    def lock_after_a_renewal(resource_id):
        renew(Resource.objects.get(pk=resource_id))
        return lock(resource_id)

    monkeypatch.setattr(end_dates, "_lock", lock_after_a_renewal)

    assert retire_ended(at=after(30)) == 0
    over.refresh_from_db()
    assert (over.state, acts_on(over)) == (ResourceState.ACTIVE, [])


@pytest.fixture
def clean_up_and_renew_at_once(over, monkeypatch):
    """Both have looked before either writes; returns what it came to."""

    def act():
        monkeypatch.setattr(end_dates, "_is_held_up", meeting(end_dates._is_held_up))
        at_once(lambda: retire_ended(at=after(30)), lambda: renew(over))
        over.refresh_from_db()
        return (over.state, over.end_date)

    return act


def test_the_race_is_real_when_the_lock_is_taken_out(clean_up_and_renew_at_once, monkeypatch):
    # Proves that the next test can fail: if this one breaks, that one means nothing.
    monkeypatch.setattr(end_dates, "lock_order_and_resource", lambda resource: None)

    assert clean_up_and_renew_at_once() == (ResourceState.RETIRING, RENEWED)


def test_it_is_either_renewed_or_cleaned_up(clean_up_and_renew_at_once):
    assert clean_up_and_renew_at_once() in [
        (ResourceState.ACTIVE, RENEWED),
        (ResourceState.RETIRING, LAST_DAY),
    ]


def test_two_clocks_stop_it_once(running):
    outcomes = at_once(lambda: end_uses(at=after(1)), lambda: end_uses(at=after(1)))

    assert outcomes == ["done", "done"]
    assert [operation.plan for operation in acts_on(running)] == ["server.act.stop"]
    assert Ending.objects.count() == 1


def test_two_clocks_clean_up_once(over):
    outcomes = at_once(lambda: retire_ended(at=after(30)), lambda: retire_ended(at=after(30)))

    assert outcomes == ["done", "done"]
    assert [operation.plan for operation in acts_on(over)] == ["server.retire"]


def test_protected_at_the_same_moment_it_either_stays_or_goes(over, requester):
    outcomes = at_once(
        lambda: protect_resource(over.public_id, actor=requester),
        lambda: retire_ended(at=after(30)),
    )

    over.refresh_from_db()
    assert (over.state, over.is_protected, outcomes[0]) in [
        (ResourceState.ACTIVE, True, "done"),
        (ResourceState.RETIRING, False, "IllegalTransition"),
    ]
