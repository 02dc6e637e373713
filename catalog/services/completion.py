"""What an operation brings about when it has done what it was for."""

from __future__ import annotations

from catalog.models import Operation, OperationKind, Resource
from catalog.services.access import complete_withdrawal
from catalog.services.change_work import complete_change, complete_reversal
from catalog.services.recreation import complete_recreation
from catalog.services.resources import activate_resource, close_resource
from catalog.services.waiting import ring_those_that_waited


def bring_about(operation: Operation, resource: Resource) -> None:
    """Let a delivered resource run, close one that is gone, or let one be as it is by now.

    Money begins, changes or ends here.

    Call inside a transaction that holds the locks of order and resource.
    """
    if operation.kind == OperationKind.PROVISION:
        activate_resource(resource, operation=operation)
        ring_those_that_waited(resource)
    elif operation.kind == OperationKind.RECREATE:
        complete_recreation(operation, resource)
    elif operation.kind in {OperationKind.RETIRE, OperationKind.COMPENSATE}:
        close_resource(resource, operation=operation)
        ring_those_that_waited(resource)
    elif operation.kind == OperationKind.WITHDRAW:
        complete_withdrawal(resource)
    elif operation.kind == OperationKind.CHANGE:
        complete_change(operation, resource)
    elif operation.kind == OperationKind.REVERT:
        complete_reversal(operation, resource)
