"""Two people who change the same thing at one moment: one order, one that hears of it."""

import threading
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection

from catalog.errors import ChangeWaits
from catalog.models import OrderLine
from catalog.services import changes
from catalog.services.changes import place_change
from catalog.services.quotas import find_differences
from tests.factories import delivered, place
from tests.factories.catalog import SPEC

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 60  # seconds


@pytest.fixture
def server(requester, approver, project, version, sent_tasks):
    return delivered(place(requester, project, version, spec=SPEC), approver=approver)


def both_at_once(server, requester, *, sizes=(50, 60), key=None):
    """Order two changes in threads of their own; returns how each ended, sorted."""
    results = []

    def ask(size):
        try:
            _, is_new = place_change(
                requested_by=requester,
                resource=server,
                purpose="Meer zaken",
                answers={"volume_gib": size},
                end_date=None,
                idempotency_key=key or str(uuid4()),
            )
            results.append("ordered" if is_new else "the same")
        except (ChangeWaits, IntegrityError) as error:
            results.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return sorted(results)


def test_one_of_two_changes_at_one_moment_is_ordered(server, requester):
    assert both_at_once(server, requester) == ["ChangeWaits", "ordered"]
    assert OrderLine.objects.filter(changes=server).count() == 1
    assert find_differences() == []


def test_without_the_lock_the_database_refuses_the_second(server, requester, monkeypatch):
    # Both looked whether a change waits before either ordered one: the race is real.
    both_looked = threading.Barrier(2, timeout=PATIENCE)
    look = changes.open_change

    def look_and_meet(resource):
        waiting = look(resource)
        both_looked.wait()
        return waiting

    monkeypatch.setattr(changes, "open_change", look_and_meet)
    monkeypatch.setattr(changes, "lock_order_and_resource", lambda resource: None)

    assert both_at_once(server, requester) == ["IntegrityError", "ordered"]
    assert OrderLine.objects.filter(changes=server).count() == 1
    assert find_differences() == []


@pytest.mark.parametrize("is_locked", [True, False])
def test_one_request_that_comes_twice_at_one_moment_is_one_order(
    server, requester, monkeypatch, is_locked
):
    # Both looked for an earlier order before either placed one. Without the lock it is the
    # database that refuses the second.
    both_looked = threading.Barrier(2, timeout=PATIENCE)
    look, has_met = changes.find_earlier_order, threading.local()

    def look_and_meet(*key):
        earlier = look(*key)
        if not hasattr(has_met, "already"):
            has_met.already = True
            both_looked.wait()
        return earlier

    monkeypatch.setattr(changes, "find_earlier_order", look_and_meet)
    if not is_locked:
        monkeypatch.setattr(changes, "lock_order_and_resource", lambda resource: None)

    assert both_at_once(server, requester, sizes=(50, 50), key="k") == ["ordered", "the same"]
    assert OrderLine.objects.filter(changes=server).count() == 1
