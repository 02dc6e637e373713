"""What pages say of a dispute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing.models import Dispute
from portal.core.formats import money
from portal.identity.models.proposed import DecisionState

# A list of them must not read a PDF for each.
DOCUMENTS: Final = ("line__statement__document", "credit__settled_on__statement__document")


@dataclass(frozen=True)
class DisputeInWords:
    """A dispute, with its state in words and the tone of its badge."""

    row: Dispute

    @property
    def state(self) -> str:
        match DecisionState(self.row.state):
            case DecisionState.PROPOSED:
                return _("Waits for an answer")
            case DecisionState.CONFIRMED:
                return _("Granted")
            case DecisionState.REFUSED:
                return _("Refused")
            case DecisionState.WITHDRAWN:
                return _("Taken back")

    @property
    def tone(self) -> str:
        tones = {DecisionState.PROPOSED: "warning", DecisionState.CONFIRMED: "success"}
        return tones.get(DecisionState(self.row.state), "neutral")

    @property
    def outcome(self) -> str:
        """What comes of the money; empty when nothing was granted."""
        credit = self.row.credit
        if credit is None:
            return ""
        if credit.settled_on:
            text = _("{amount} was given back on statement {number}.")
            return text.format(
                amount=money(credit.amount), number=credit.settled_on.statement.number
            )
        if credit.taken_back_at:
            return _(
                "{amount} would be given back, but that was taken back. You can dispute the line "
                "again."
            ).format(amount=money(credit.amount))
        text = _("{amount} is given back on the statement of the next month that is closed.")
        return text.format(amount=money(credit.amount))


def with_what_words_need(disputes: QuerySet[Dispute]) -> QuerySet[Dispute]:
    """The same disputes, read at once with what their rows say."""
    return disputes.select_related(
        "line__statement__organization",
        "line__used_in",
        "proposed_by",
        "credit__settled_on__statement",
    ).defer(*DOCUMENTS)


def disputes_in_words(disputes: Iterable[Dispute]) -> list[DisputeInWords]:
    """Of many at once read them by ``with_what_words_need``."""
    return [DisputeInWords(dispute) for dispute in disputes]
