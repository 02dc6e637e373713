"""Two people who change the same thing at one moment: one order, one that hears of it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from catalog.errors import ChangeWaits
from catalog.models import Order, OrderLine
from catalog.services import changes
from catalog.services.changes import place_change
from catalog.services.operations import lock_order_and_resource
from catalog.services.quota_checks import find_differences
from tests.factories import delivered, place
from tests.factories.catalog import SPEC

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 60  # seconds


@pytest.fixture
def server(requester, approver, project, version, sent_tasks):
    return delivered(place(requester, project, version, spec=SPEC), approver=approver)


def order_change(server, requester, size, key=None):
    return place_change(
        requested_by=requester,
        resource=server,
        purpose="Meer zaken",
        answers={"volume_gib": size},
        end_date=None,
        idempotency_key=key or str(uuid4()),
    )


def alone(act):
    """In a thread: with a connection of its own, that is closed."""
    try:
        return act()
    finally:
        connection.close()


def both_at_once(server, requester, *, sizes=(50, 60), key=None):
    """Order two changes in threads of their own; returns how each ended, sorted."""
    results = []

    def ask(size):
        try:
            _, is_new = order_change(server, requester, size, key)
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


def test_a_change_that_is_ordered_while_the_lock_is_waited_for_is_locked_too(
    server, requester, monkeypatch
):
    asking, waited_for = threading.Event(), threading.Event()
    look = changes.open_change

    def look_until_somebody_waits(resource):
        asking.set()
        waited_for.wait(timeout=1)  # never met: the lock keeps the other outside
        return look(resource)

    monkeypatch.setattr(changes, "open_change", look_until_somebody_waits)
    with ThreadPoolExecutor() as pool:
        ordered = pool.submit(alone, lambda: order_change(server, requester, 50))
        assert asking.wait(PATIENCE)
        with transaction.atomic():
            lock_order_and_resource(server)
            waited_for.set()
            order, _is_new = ordered.result(PATIENCE)
            same_order = Order.objects.filter(pk=order.pk).select_for_update(nowait=True)
            withdrawn = pool.submit(alone, lambda: transaction.atomic(same_order.get)())
            with pytest.raises(OperationalError, match="could not obtain lock"):
                withdrawn.result(PATIENCE)


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
