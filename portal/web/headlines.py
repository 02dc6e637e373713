"""What an order or an operation is called on the first page, and where it leads."""

from __future__ import annotations

from typing import Final

from django.db.models import Prefetch, QuerySet
from django.urls import reverse

from catalog.models import Operation, OperationKind, Order, OrderLine

# These say more about the resource than about the order that it came from.
_OF_THE_RESOURCE: Final = frozenset(
    {OperationKind.RETIRE.value, OperationKind.RECREATE.value, OperationKind.WITHDRAW.value}
)
SHOWN: Final = 5  # of each kind; the rest stands on its own page


def with_lines(orders: QuerySet[Order]) -> QuerySet[Order]:
    """With all that the line of an order says."""
    lines = OrderLine.objects.select_related(
        "offering_version__offering", "assembly__offering_version"
    )
    return orders.select_related("project", "requested_by").prefetch_related(
        Prefetch("lines", lines)
    )


def names_of(order: Order) -> str:
    """What was ordered, e.g. "Virtual server zaak-app-01"."""
    return order.title


def address_of(operation: Operation) -> str:
    """Where its steps are shown: with the order that it carries out, else with the resource."""
    line = operation.order_line or operation.resource.order_line
    if line is None or operation.kind in _OF_THE_RESOURCE:
        return reverse("catalog:resource", args=[operation.resource.public_id])
    return reverse("catalog:order", args=[line.order.public_id])
