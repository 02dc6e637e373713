"""From what was used to the resource and its order, for who reaches them."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.urls import reverse

from billing.origins import Origin, find_origins
from catalog.models import Resource
from catalog.services.approvals import approve_order
from portal.identity.models import Role
from tests.factories import PersonFactory, grant, make_project, place

pytestmark = pytest.mark.django_db


@pytest.fixture
def resource(requester, approver, project, version, sent_tasks):
    order = place(requester, project, version, name="zaak-app")
    approve_order(order.public_id, approver=approver, reason="")
    return Resource.objects.get(order_line__order=order)


def test_who_reaches_a_resource_is_led_to_it_and_to_its_order(resource, requester):
    order = resource.order_line.order

    assert find_origins(requester, [resource.public_id, uuid4()]) == {
        resource.public_id: Origin(
            url=reverse("catalog:resource", args=[resource.public_id]),
            order=order.number,
            order_url=reverse("catalog:order", args=[order.public_id]),
        )
    }


def test_others_are_led_nowhere(resource):
    person = PersonFactory()
    grant(person, Role.FINANCE, make_project())

    assert find_origins(person, [resource.public_id]) == {}


def test_nothing_asks_nothing(requester, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert find_origins(requester, []) == {}
