"""Giving up and cleaning up a whole lock in the one order, also with changes that wait."""

import pytest

from catalog.models import Operation, OperationState, OrderState, ResourceState
from catalog.services.assemblies import retire_assembly
from catalog.services.changes import Term, place_change
from catalog.services.undoing import cancel_operation, compensate_operation
from portal.cloud.ports import CloudRefused
from tests.catalog.provisioning.test_lock_order import watched

__all__ = ["watched"]

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("watched")]


@pytest.fixture
def with_changes(requester):
    """Somebody asked for larger disks of what runs, and nobody decided."""

    def ask(whole, *keys):
        return [
            place_change(
                requested_by=requester,
                resource=whole.part(key),
                purpose="Meer zaken",
                answers={"volume_gib": 30},
                end_date=Term.KEPT,
                idempotency_key=key,
            )[0]
            for key in keys
        ]

    return ask


def test_cleaning_up(delivered, engine, requester, with_changes):
    orders = with_changes(delivered, "web-1", "web-2", "database")

    engine.call(retire_assembly, delivered.assembly.public_id, actor=requester, confirmation="zaak")
    engine.run()

    assert set(delivered.states().values()) == {ResourceState.RETIRED}
    for order in orders:
        order.refresh_from_db()
    assert {order.state for order in orders} == {OrderState.EXPIRED}


def test_giving_up(approved, engine, cloud, requester, with_changes):
    cloud.fail_next("create_load_balancer", CloudRefused("no"))
    engine.run()
    with_changes(approved, "web-1", "web-2")

    failed = Operation.objects.get(state=OperationState.FAILED)
    engine.call(compensate_operation, failed.public_id, actor=requester)
    engine.run()

    assert set(approved.states().values()) == {ResourceState.RETIRED}


def test_stopping(approved, engine, cloud, requester, with_changes):
    cloud.fail_next("create_load_balancer", CloudRefused("no"))
    engine.run()
    with_changes(approved, "web-1", "database")

    engine.call(cancel_operation, approved.delivery("domain").public_id, actor=requester)
    engine.run()

    assert set(approved.states().values()) == {ResourceState.RETIRED}
    assert approved.order_state() == OrderState.CANCELED
