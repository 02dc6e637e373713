"""Resources and their orders, for pages about what was used of them."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.urls import reverse

from billing.origins import Origin
from catalog.models import Order, Resource
from catalog.policies import visible_orders, visible_resources
from portal.identity.models import Person


def origins(person: Person, public_ids: Collection[UUID]) -> dict[UUID, Origin]:
    """Of what the person reaches: where it is, and by which order it came. Two queries."""
    if not public_ids:
        return {}
    found = visible_resources(person).filter(public_id__in=public_ids)
    resources = list(found.select_related("order_line"))
    order_ids = {one.order_line.order_id for one in resources if one.order_line}
    orders = visible_orders(person).in_bulk(order_ids)
    return {one.public_id: _origin(one, orders) for one in resources}


def _origin(resource: Resource, orders: dict[int, Order]) -> Origin:
    url = reverse("catalog:resource", args=[resource.public_id])
    order = orders.get(resource.order_line.order_id) if resource.order_line else None
    if order is None:
        return Origin(url=url)
    order_url = reverse("catalog:order", args=[order.public_id])
    return Origin(url=url, order=order.number, order_url=order_url)
