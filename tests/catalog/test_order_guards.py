"""What somebody approved cannot be turned into something else, not even by SQL."""

from itertools import product
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from catalog.models import ORDER_TRANSITIONS, Order, OrderLine, OrderState, Resource
from catalog.services.approvals import approve_order
from tests.factories import make_project, place

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(requester, project, version):
    return place(requester, project, version)


def refused(match):
    return pytest.raises(IntegrityError, match=match)


def copy_of(line, order):
    """The same line once more, for another order, with the claim that it has."""
    line.pk, line.public_id, line.order, line.position = None, uuid4(), order, 2
    return line


@pytest.mark.parametrize(("current", "target"), [*product(OrderState, OrderState)])
def test_the_database_knows_the_same_ways_as_the_code(current, target):
    with connection.cursor() as cursor:
        cursor.execute("SELECT catalog_order_may_become(%s, %s)", [current, target])
        (may,) = cursor.fetchone()

    assert may == (target in ORDER_TRANSITIONS[current])


def test_a_delivered_order_does_not_wait_again(order, approver, sent_tasks):
    approve_order(order.public_id, approver=approver)
    Order.objects.update(state=OrderState.COMPLETED)

    with refused("does not go from completed to pending_approval"):
        Order.objects.update(state=OrderState.PENDING_APPROVAL)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("project", lambda order: make_project()),
        ("monthly_price", lambda order: 1),
        ("one_off_price", lambda order: 1),
        ("purpose", lambda order: "Iets anders"),
        ("conditions", lambda order: {}),
    ],
)
def test_an_order_keeps_what_was_asked(order, column, value):
    with refused("what was asked in an order never changes"):
        Order.objects.update(**{column: value(order)})


@pytest.mark.parametrize("change", [{"spec": {}}, {"monthly_price": 0}, {"end_date": None}])
def test_a_line_never_changes(order, change):
    with refused("never changed or deleted"):
        OrderLine.objects.update(**change)


def test_a_line_is_never_deleted(order):
    with refused("never changed or deleted"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM catalog_orderline")


def test_a_line_does_not_move_to_another_order(order, requester, project, version):
    other = place(requester, project, version)

    with refused("never changed or deleted"):
        order.lines.update(order=other, position=2)


def test_nothing_is_added_to_an_order_that_was_decided_on(
    order, approver, requester, project, version, sent_tasks
):
    line = place(requester, project, version).lines.get()
    approve_order(order.public_id, approver=approver)

    with refused("nothing is added"):
        copy_of(line, order).save(force_insert=True)


def test_a_resource_was_ordered_or_found(order, approver, sent_tasks):
    approve_order(order.public_id, approver=approver)

    with refused("resource_was_ordered_or_found"), transaction.atomic():
        Resource.objects.update(order_line=None)
