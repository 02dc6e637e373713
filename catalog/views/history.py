"""Who did what with orders and resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Final
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from catalog.kinds import all_kinds
from portal.audit.models import AuditEntry
from portal.core.formats import day
from portal.identity import history
from portal.identity.history import HistoryLine

SENTENCES: Final[dict[str, str | Promise]] = {
    "order.submitted": _("{actor} sent the order. The quota is reserved."),
    "order.commented": _("{actor} wrote a remark."),
    "order.question_asked": _("{actor} asked the requester something."),
    "order.question_answered": _("{actor} answered. The order waits for a decision again."),
    "order.approved": _("{actor} approved the order."),
    "order.approval_refused": _("{actor} tried to approve the order, but may not."),
    "order.rejected": _("{actor} refused the order. The quota is free again."),
    "order.rejection_refused": _("{actor} tried to refuse the order, but may not."),
    "order.withdrawn": _("{actor} withdrew the order. The quota is free again."),
    "order.expired": _("Nobody decided in time. The order has expired, the quota is free again."),
    "order.completed": _("Everything in the order is delivered."),
    "order.failed": _("The delivery cannot go on by itself."),
    "operation.started": _("Cloudloket began the work in the cloud."),
    "operation.abandoned": _("{actor} left it as it was."),
    "operation.failed": _("Cloudloket stopped: somebody must look at it."),
    "operation.resumed": _("{actor} had the failed step tried again."),
    "operation.retried": _("{actor} had it tried again from step {position}."),
    "operation.trial_ended": _("{actor} confirmed that it works."),
    "operation.cancellation_requested": _("{actor} had the work stopped."),
    "operation.canceled": _("Cloudloket stopped the work."),
    "operation.solution_proposed": _("{actor} says that it was solved by hand."),
    "operation.solution_withdrawn": _("{actor} took back that it was solved."),
    "operation.solution_refused": _("{actor} says that it was not solved."),
    "operation.solved": _("{actor} marked it as solved by hand."),
    "operation.solving_refused": _("{actor} tried to mark it as solved, but may not."),
    "operation.compensation_started": _("{actor} had the delivery undone."),
    "operation.compensated": _("What was made is gone from the cloud."),
    "operation.duplicate_removed": _("Cloudloket removed a second copy from the cloud."),
    "resource.activated": _("It runs. From now on it costs money."),
    "resource.wired": _("Cloudloket filled in what it takes of other parts."),
    "assembly.retirement_requested": _("{actor} had the whole cleaned up."),
    "resource.adopted": _("{actor} adopted it: it was found in the cloud. It costs money."),
    "resource.recreated": _("It was made again, and runs. From now on it costs money."),
    "resource.attachment_lost": _(
        "What it was attached to is gone from the cloud and is made again. Cloudloket attaches it "
        "to that once it is there, unless something else is being done then."
    ),
    "resource.action_requested": _("{actor} asked: {action}."),
    "resource.end_reminded": _("Cloudloket said that it ends within {days} days."),
    "resource.term_ended": _("The term has ended."),
    "resource.ending_withdrawn": _("It has another term: it is not cleaned up."),
    "resource.protected": _("{actor} protected it: nobody cleans it up."),
    "resource.unprotected": _("{actor} switched its protection off."),
    "secret.read": _("{actor} was shown the secret. Now nobody can see it any more."),
    "resource.all_access_ended": _("Cloudloket withdrew all credentials: nobody gets in by them."),
    "resource.access_ended": _(
        "Somebody may not get in any more: Cloudloket withdraws the credentials they made."
    ),
    "resource.retirement_requested": _("{actor} had it cleaned up."),
    "resource.changed": _("The change is done."),
    "resource.term_shortened": _("{actor} brought the end date forward to {end_date}."),
    "operation.reversal_started": _("{actor} gave the change up."),
    "operation.reverted": _("The change was given up. It is as the cloud has it."),
    "resource.retired": _("It is gone from the cloud. It costs nothing any more."),
}


def history_of(
    subjects: Iterable[UUID], *, names: Mapping[UUID, str] = MappingProxyType({})
) -> list[HistoryLine]:
    """What happened to these orders, resources and operations, newest first. Two queries.

    Args:
        names: of the subjects that a line must name.
    """
    return history.history_of(subjects, SENTENCES, words_for=_words_for, names=names)


def _words_for(entry: AuditEntry) -> Mapping[str, str]:
    """What was asked, as its button says it, the numbers of steps and days, and which day it is."""
    key = entry.data.get("action", "")
    labels = (kind.actions[key].label for kind in all_kinds() if key in kind.actions)
    numbers = {name: str(entry.data.get(name, "")) for name in ("position", "days")}
    end_date = entry.data.get("end_date")
    last_day = day(date.fromisoformat(end_date)) if end_date else ""
    return {"action": str(next(labels, key)), "end_date": last_day, **numbers}
