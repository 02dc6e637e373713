"""Which workers an operation is for: a batch must not make a person wait."""

from __future__ import annotations

from typing import Final

from django.db.models import Q

from catalog.models import Operation, OperationKind, OperationQueue, OperationState, OrderLine
from portal.identity.models import Person

# So many at once one person may have done as people are served; what comes on top is a batch.
MOST_AT_ONCE: Final = 10
_ORDERED: Final = frozenset({OperationKind.PROVISION, OperationKind.CHANGE})


def queue_for(
    kind: OperationKind, requested_by: Person | None, order_line: OrderLine | None
) -> OperationQueue:
    """The queue for a new operation. What was ordered counts for who did, not for who approved.

    What the clock begins is nobody's to wait for, but who may not get in any more does not stay
    in because of a batch.

    Args:
        order_line: of a delivery or a change, what asked for it.
    """
    if kind == OperationKind.WITHDRAW:
        return OperationQueue.INTERACTIVE
    if requested_by is None:
        return OperationQueue.BULK
    person_id: int = requested_by.pk
    if order_line is not None and kind in _ORDERED:
        person_id = order_line.order.requested_by_id
    asked = (
        Q(kind=OperationKind.PROVISION, resource__order_line__order__requested_by=person_id)
        | Q(kind=OperationKind.CHANGE, order_line__order__requested_by=person_id)
        | (~Q(kind__in=_ORDERED) & Q(requested_by=person_id))
    )
    busy = Operation.objects.filter(asked, state=OperationState.RUNNING)
    is_batch = busy[:MOST_AT_ONCE].count() >= MOST_AT_ONCE
    return OperationQueue.BULK if is_batch else OperationQueue.INTERACTIVE
