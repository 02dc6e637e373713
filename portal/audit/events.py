"""Every event that may stand in the audit trail. A name is a contract: never renamed or reused."""

from __future__ import annotations

from typing import Final

EVENTS: Final = frozenset(
    {
        # identity
        "person.joined",
        "person.logged_in",
        "person.login_refused",
        "person.logged_out",
        "session.ended",
        "break_glass.issued",
        "break_glass.refused",
        "break_glass.used",
        "role.granted",
        "role.ended",
        "node.created",
        "node.moved",
        "node.ended",
        # orders
        "order.submitted",
        "order.approved",
        "order.approval_refused",
        "order.rejected",
        "order.rejection_refused",
        "order.withdrawn",
        "order.expired",
        "order.completed",
        "order.failed",
        # resources and their operations
        "resource.action_requested",
        "resource.retirement_requested",
        "resource.activated",
        "resource.retired",
        "operation.started",
        "operation.succeeded",
        "operation.failed",
        "operation.resumed",
        "operation.abandoned",
        "operation.compensation_started",
        "operation.compensated",
        "operation.duplicate_removed",
        # quota and money
        "quota.limit_set",
        "price.set",
        "budget.set",
    }
)
