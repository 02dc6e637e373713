"""How an order stands, now that it was approved: as its lines do together.

Each line goes its own way: one that stopped holds up no other, and may be resumed or given up by
itself. An order that changes something has one line, and goes where that goes.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

from django.utils.timezone import now

from catalog.models import ORDER_TRANSITIONS, Order, OrderState, Resource, ResourceState
from portal.core.states import check_transition


class LineState(StrEnum):
    """How far what a line asks for has come."""

    UNDER_WAY = "under_way"
    STOPPED = "stopped"  # a person must look, or what was made is being removed
    DELIVERED = "delivered"  # whatever became of it later
    UNDONE = "undone"


def line_state(
    state: ResourceState, activated_at: datetime | None, *, is_part: bool = False
) -> LineState:
    """How the line stands that a resource was made for.

    Args:
        is_part: of a whole, which is delivered as one: what ran and is gone again is undone.
    """
    if activated_at is not None and (state == ResourceState.ACTIVE or not is_part):
        return LineState.DELIVERED
    if state == ResourceState.PROVISIONING:
        return LineState.UNDER_WAY
    return LineState.UNDONE if state == ResourceState.RETIRED else LineState.STOPPED


def state_of_lines(lines: Collection[LineState]) -> OrderState:
    """How an approved order stands.

    What stopped asks for a person, so that counts first. Once nothing moves, an order of which
    something was delivered is delivered.
    """
    if LineState.STOPPED in lines:
        return OrderState.FAILED
    if LineState.UNDER_WAY in lines:
        return OrderState.PROVISIONING
    return OrderState.COMPLETED if LineState.DELIVERED in lines else OrderState.CANCELED


def follow_lines(order: Order) -> bool:
    """Let the order stand as its lines do; True when that is otherwise than it was.

    Call with the order and the resource that moved locked, after that was written.
    """
    made = Resource.objects.filter(order_line__order=order).values_list(
        "state", "activated_at", "order_line__assembly"
    )
    target = state_of_lines(
        [
            line_state(ResourceState(state), activated_at, is_part=whole is not None)
            for state, activated_at, whole in made
        ]
    )
    if order.state == target or order.is_settled:
        return False
    move_order_to(order, target)
    return True


def move_order_to(order: Order, target: OrderState) -> None:
    """Call with the order locked.

    Raises:
        IllegalTransition: it does not go there from where it is.
    """
    check_transition(ORDER_TRANSITIONS, order.state, target)
    order.state = target
    order.settled_at = now() if order.is_settled else None
    order.save(update_fields=["state", "settled_at"])
