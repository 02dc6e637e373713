"""What a minimum term binds to counts wherever the amount of an order decides who approves it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from catalog.errors import ApprovalAboveLimit
from catalog.models import Order
from catalog.services.approvals import approve_by_rule, approve_order
from portal.identity.models import Role
from tests.factories import OfferingVersionFactory, PersonFactory, grant, place
from tests.factories.billing import set_price

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(db: None) -> Any:
    """The server is 100.00 for at least a year; its 40 GiB are 1.00 each, and bind to nothing."""
    set_price("100.00", sku="server.gp.small", minimum_months=12)
    set_price("1.00", sku="volume.standard")
    return OfferingVersionFactory()


@pytest.fixture
def order(requester: Any, project: Any, version: Any) -> Any:
    """Places an order, after the rules of the test were made."""
    return lambda: place(requester, project, version)


def test_the_order_keeps_what_comes_after_the_first_month(order):
    placed = order()

    assert (placed.monthly_price, placed.later_price) == (140, 1100)
    assert placed.judged_amount == 12 * 100 + 40
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=placed.pk).update(later_price=0)


@pytest.mark.parametrize(("below", "is_approved"), [("1240", False), ("1240.01", True)])
def test_no_rule_approves_a_year_as_if_it_were_a_month(rule, order, sent_tasks, below, is_approved):
    rule(automatic_below=below)

    assert approve_by_rule(order().pk) is is_approved


def test_a_year_is_not_small_in_pieces(rule, order, sent_tasks):
    rule(automatic_below="2000")
    first, second = order(), order()

    assert approve_by_rule(first.pk)
    assert not approve_by_rule(second.pk)


@pytest.mark.parametrize(("limit", "may"), [("1239.99", False), ("1240", True)])
def test_nobody_binds_to_more_than_they_may_approve(order, project, sent_tasks, limit, may):
    person = PersonFactory()
    grant(person, Role.APPROVER, project, amount_limit=Decimal(limit))
    placed = order()

    if may:
        approve_order(placed.public_id, approver=person)
    else:
        with pytest.raises(ApprovalAboveLimit):
            approve_order(placed.public_id, approver=person)
