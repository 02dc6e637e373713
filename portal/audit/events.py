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
        "role.granted",
        "role.ended",
        "role.confirmed",
        "role.left_unconfirmed",
        "role.review_refused",
        "review.opened",
        "review.closed",
        "role.ending_refused",
        "role.proposed",
        "role.proposing_refused",
        "role.refused",
        "role.decision_refused",
        "role.proposal_withdrawn",
        "role.proposal_expired",
        "role.barred",
        "role.bar_lifted",
        "role.bar_lifting_refused",
        "deputy.appointed",
        "deputy.appointing_refused",
        "deputy.ended",
        "deputy.ending_refused",
        "person.ended",
        "person.ending_refused",
        "person.reinstated",
        "person.reinstating_refused",
        "person.absent",
        "person.erased",
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
        "resource.retirement_requested",
        "resource.activated",
        "resource.retired",
        "operation.started",
        "operation.succeeded",
        "operation.failed",
        "operation.resumed",
        "operation.compensation_started",
        "operation.compensated",
        "operation.duplicate_removed",
        # quota and money
        "quota.limit_set",
        "price.set",
        "budget.set",
    }
)
