"""Which workers an operation is for: a batch must not make a person wait."""

from __future__ import annotations

from typing import Final

from django.db.models import Q

from catalog.models import Operation, OperationKind, OperationQueue, OperationState, Resource
from portal.identity.models import Person

# So many at once one person may have done as people are served; what comes on top is a batch.
MOST_AT_ONCE: Final = 10


def queue_for(
    resource: Resource, kind: OperationKind, requested_by: Person | None
) -> OperationQueue:
    """The queue for a new operation. Deliveries count for who ordered, not for who approved.

    What the clock begins is nobody's to wait for.
    """
    if requested_by is None:
        return OperationQueue.BULK
    person_id: int = requested_by.pk
    if kind == OperationKind.PROVISION and resource.order_line:
        person_id = resource.order_line.order.requested_by_id
    asked = Q(kind=OperationKind.PROVISION, resource__order_line__order__requested_by=person_id)
    asked |= ~Q(kind=OperationKind.PROVISION) & Q(requested_by=person_id)
    busy = Operation.objects.filter(asked, state=OperationState.RUNNING)
    is_batch = busy[:MOST_AT_ONCE].count() >= MOST_AT_ONCE
    return OperationQueue.BULK if is_batch else OperationQueue.INTERACTIVE
