"""A disk is attached to a server while that is cleaned up: real threads, real transactions."""

from __future__ import annotations

import threading

import pytest

from catalog.models import Operation, OperationState, ResourceState
from catalog.services import operations, orders, resources, sources
from catalog.services.approvals import approve_order
from catalog.services.order_lines import LineRequest
from catalog.services.resources import act_on_resource, retire_resource
from tests.factories import delivered, place_lines
from tests.factories.catalog import SPEC
from tests.races import PATIENCE, at_once, meeting

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sent_tasks")]


@pytest.fixture
def running(ask, approver):
    """A server and a disk."""
    server = delivered(ask("server", "web-1", **SPEC), approver=approver)
    disk = delivered(
        ask("volume", "archief", volume_gib=20, volume_type="standard"), approver=approver
    )
    return server, disk


@pytest.fixture
def attach_and_retire_at_once(running, requester):
    """Returns what became of each."""
    server, disk = running

    def act() -> list[str]:
        return at_once(
            lambda: act_on_resource(
                disk.public_id,
                action="attach",
                actor=requester,
                answers={"server": str(server.public_id)},
            ),
            lambda: retire_resource(server.public_id, actor=requester, confirmation=server.name),
        )

    return act


def test_the_race_is_real_when_the_lock_is_taken_out(
    attach_and_retire_at_once, running, monkeypatch
):
    # Proves that the next test can fail: if this one breaks, that one means nothing.
    monkeypatch.setattr(resources, "lock_order_and_resource", lambda resource, about=(): None)
    # Both have looked for the last time before either writes.
    meet = meeting(lambda: None)
    for name in ("_check_named", "check_not_needed"):
        look = getattr(resources, name)
        monkeypatch.setattr(resources, name, lambda *about, look=look: (look(*about), meet()))

    assert attach_and_retire_at_once() == ["done", "done"]


def test_nothing_is_attached_to_what_is_cleaned_up(attach_and_retire_at_once, running, monkeypatch):
    monkeypatch.setattr(resources, "open_operation", meeting(resources.open_operation))

    outcomes = attach_and_retire_at_once()

    assert outcomes in (["done", "ResourceBusy"], ["SourceGone", "done"])
    server, _disk = running
    server.refresh_from_db()
    is_gone = server.state == ResourceState.RETIRING
    attaching = Operation.objects.filter(kind="act", state=OperationState.RUNNING)
    assert attaching.exists() != is_gone


@pytest.fixture
def order_crosswise(ask, approver, offerings, requester, project, monkeypatch):
    """Two orders of snapshots of the same two disks, in the other order of lines."""
    disks = [
        delivered(ask("volume", name, volume_gib=20, volume_type="standard"), approver=approver)
        for name in ("archief", "zaken")
    ]

    def order(*names):
        lines = [
            LineRequest(
                version=offerings["volume_snapshot"],
                name=name,
                spec={"volume": str(disk.public_id)},
                end_date=None,
            )
            for name, disk in names
        ]
        place_lines(requester, project, *lines)

    def act() -> list[str]:
        monkeypatch.setattr(orders, "lock_sources", meeting(orders.lock_sources))
        first, second = disks
        return at_once(
            lambda: order(("kiek-1", first), ("kiek-2", second)),
            lambda: order(("kiek-3", second), ("kiek-4", first)),
        )

    return act


def test_orders_of_the_same_things_wait_for_each_other_without_the_one_order_of_locks(
    order_crosswise, monkeypatch
):
    # Proves that the next test can fail: if this one breaks, that one means nothing.
    monkeypatch.setattr(orders, "lock_all_sources", lambda asked, project: None)

    assert sorted(order_crosswise()) == ["OperationalError", "done"]


def test_orders_of_the_same_things_in_another_order_both_succeed(order_crosswise):
    assert order_crosswise() == ["done", "done"]


@pytest.fixture
def order_and_attach_at_once(ask, approver, offerings, requester, project, monkeypatch):
    """An image of a server and a snapshot of a disk, while that disk is attached to that server.

    The disk was made first. Who attaches has locked the first of both when the order comes.
    """
    disk = delivered(
        ask("volume", "archief", volume_gib=20, volume_type="standard"), approver=approver
    )
    server = delivered(ask("server", "web-1", **SPEC), approver=approver)

    def line(kind, name, **spec):
        return LineRequest(version=offerings[kind], name=name, spec=spec, end_date=None)

    lines = [
        line("server_image", "gouden", server=str(server.public_id)),
        line("volume_snapshot", "kiek", volume=str(disk.public_id)),
    ]

    has_first, lock = threading.Event(), operations.lock_resource

    def lock_and_tell(resource):
        locked = lock(resource)
        has_first.set()
        return locked

    def act() -> list[str]:
        monkeypatch.setattr(operations, "lock_resource", meeting(lock_and_tell))
        return at_once(
            lambda: has_first.wait(PATIENCE) and place_lines(requester, project, *lines),
            lambda: act_on_resource(
                disk.public_id,
                action="attach",
                actor=requester,
                answers={"server": str(server.public_id)},
            ),
        )

    return act


def test_order_and_attachment_wait_for_each_other_without_the_one_order_of_locks(
    order_and_attach_at_once, monkeypatch
):
    # Proves that the next test can fail: if this one breaks, that one means nothing.
    monkeypatch.setattr(sources, "by_place", lambda: ["pk"])

    assert sorted(order_and_attach_at_once()) == ["OperationalError", "done"]


def test_order_of_both_and_attachment_of_one_to_the_other_both_succeed(order_and_attach_at_once):
    assert order_and_attach_at_once() == ["done", "done"]


def test_snapshot_and_its_disk_do_not_miss_each_other(running, ask, approver, requester):
    _server, disk = running
    order = ask("volume_snapshot", "kiek", volume=str(disk.public_id))

    outcomes = at_once(
        lambda: approve_order(order.public_id, approver=approver, accepts_changes=True),
        lambda: retire_resource(disk.public_id, actor=requester, confirmation=disk.name),
    )

    assert outcomes in (["done", "ResourceNeeded"], ["SourceGone", "done"])
