"""When an order for something new is settled: by what became of all that it asked."""

from __future__ import annotations

from catalog.models import Order, OrderState, Resource, ResourceState
from catalog.services.operations import settle_order
from portal.audit.services import record

_ENDS = frozenset({ResourceState.ACTIVE.value, ResourceState.RETIRED.value})


def settle_delivered(order: Order) -> None:
    """Settle the order once everything of it runs, or is gone again. Call with it locked.

    Where a part of it was given up and the rest runs, it is delivered as far as it goes.
    """
    if order.is_settled:
        return
    lines = order.lines.filter(changes=None)
    states = set(Resource.objects.filter(order_line__in=lines).values_list("state", flat=True))
    if not states <= _ENDS:
        return
    if ResourceState.ACTIVE not in states:
        settle_order(order, OrderState.CANCELED)
        return
    if order.state == OrderState.FAILED:
        order.state = OrderState.PROVISIONING
        order.save(update_fields=["state"])
    settle_order(order, OrderState.COMPLETED)
    record("order.completed", order, actor=None, node_id=order.project_id)
