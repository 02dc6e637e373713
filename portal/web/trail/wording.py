"""Events, ways in and results, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal.audit.models import Result
from portal.core.origin import Channel

CHANNELS: Final[Mapping[str, str | Promise]] = {
    Channel.PAGE: _("Page"),
    Channel.API: _("Interface for programs"),
    Channel.WORKER: _("By itself"),
    Channel.COMMAND: _("Command on the server"),
}
RESULT_TONES: Final[Mapping[str, str]] = {
    Result.SUCCEEDED: "success",
    Result.REFUSED: "warning",
    Result.FAILED: "error",
}
_LABELS: Final[Mapping[str, str | Promise]] = {
    "person.joined": _("Person logged in for the first time"),
    "person.logged_in": _("Person logged in"),
    "person.login_refused": _("Login of a person refused"),
    "person.logged_out": _("Person logged out"),
    "login.failed": _("Login failed"),
    "logout.refused": _("Logout order refused"),
    "access.refused": _("Access refused"),
    "role.granted": _("Role granted"),
    "role.ended": _("Role ended"),
    "node.created": _("Organisation or project added"),
    "node.moved": _("Organisation or project moved"),
    "node.ended": _("Organisation or project ended"),
    "order.submitted": _("Order sent"),
    "order.commented": _("Remark about an order"),
    "order.question_asked": _("Question about an order"),
    "order.approved": _("Order approved"),
    "order.approval_refused": _("Approval of an order refused"),
    "order.rejected": _("Order refused"),
    "order.rejection_refused": _("Refusal of an order refused"),
    "order.withdrawn": _("Order withdrawn"),
    "order.expired": _("Order expired"),
    "order.completed": _("Order delivered"),
    "order.failed": _("Delivery of an order failed"),
    "resource.retirement_requested": _("Clean-up of a resource begun"),
    "resource.activated": _("Resource in use"),
    "resource.retired": _("Resource cleaned up"),
    "operation.started": _("Work in the cloud begun"),
    "operation.succeeded": _("Work in the cloud done"),
    "operation.failed": _("Work in the cloud stopped"),
    "operation.resumed": _("Failed work tried again"),
    "operation.compensation_started": _("Undoing a delivery begun"),
    "operation.compensated": _("Delivery undone"),
    "operation.duplicate_removed": _("Second copy removed"),
    "quota.limit_set": _("Limit set"),
    "price.set": _("Price set"),
    "budget.set": _("Budget set"),
    "break_glass.issued": _("Emergency password issued"),
    "break_glass.refused": _("Emergency login refused"),
    "break_glass.used": _("Emergency login used"),
    "session.ended": _("Session ended"),
    "person.ended": _("Person ended"),
    "person.ending_refused": _("Ending a person refused"),
    "person.reinstated": _("Person reinstated"),
    "person.reinstating_refused": _("Reinstating a person refused"),
    "person.absent": _("Person long absent"),
    "person.moved": _("Person went to another organization"),
    "person.erased": _("Data of a person erased"),
    "role.proposed": _("Role proposed"),
    "role.proposing_refused": _("Proposing a role refused"),
    "role.refused": _("Proposal of a role refused"),
    "role.decision_refused": _("Decision on a role refused"),
    "role.proposal_withdrawn": _("Proposal of a role withdrawn"),
    "role.proposal_expired": _("Proposal of a role expired"),
    "role.ending_refused": _("Ending a role refused"),
    "role.barred": _("Role barred"),
    "role.bar_lifted": _("Bar of a role lifted"),
    "role.bar_lifting_refused": _("Lifting the bar of a role refused"),
    "role.confirmed": _("Role confirmed in a review"),
    "role.left_unconfirmed": _("Role not confirmed in time"),
    "role.review_refused": _("Review of a role refused"),
    "review.opened": _("Review of roles opened"),
    "review.closed": _("Review of roles closed"),
    "deputy.appointed": _("Deputy appointed"),
    "deputy.appointing_refused": _("Appointing a deputy refused"),
    "deputy.ended": _("Deputy ended"),
    "deputy.ending_refused": _("Ending a deputy refused"),
    "node.changed": _("Organisation or project changed"),
    "node.numbers_confirmed": _("Numbers of an organisation confirmed"),
    "node.change_refused": _("Change of an organisation or project refused"),
    "node.moved_away": _("Organisation or project moved away"),
    "cost_centre.set": _("Cost centre set"),
    "data_owner.set": _("Data owner set"),
    "project_owner.set": _("Project owner set"),
    "vat_treatment.set": _("VAT treatment set"),
    "resource.action_requested": _("Action on a resource asked for"),
    "operation.abandoned": _("Work in the cloud abandoned"),
    "audit.anchored": _("Audit trail anchored"),
    "audit.read": _("Audit trail read"),
    "audit.exported": _("Audit trail exported"),
    "audit.months_dropped": _("Old months of the audit trail dropped"),
    "audit.refusals_counted": _("Many refusals counted"),
}


def label_of(event: str) -> str | Promise:
    """The event in words; its own name when nobody gave it any."""
    return _LABELS.get(event, event)
