"""Disputing a line of a statement, and the answer.

Finance of whoever pays says what is wrong with it. Finance of the platform proposes to give
something back, which stays a credit like any other, or refuses with a reason. A statement itself
never changes.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from billing.errors import DisputeSettled, LineDisputed, LineNotDisputable, OwnDispute
from billing.models import DISPUTE_LENGTH, Credit, Dispute, MonthState, StatementLine
from billing.policies import may_dispute
from billing.services.credits import CREDITABLE, check_may_credit, enter_credit, left_to_credit
from portal.audit.services import record, record_refusal
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.locks import lock_books
from portal.core.text import clean_text
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import Person
from portal.identity.models.proposed import DECISION_LENGTH, DecisionState
from portal.identity.services.roles import refuse_emergency_access


@transaction.atomic(durable=True)
def raise_dispute(line_id: UUID, *, reason: str, actor: Person) -> Dispute:
    """Say that a line of a closed month is not right.

    Raises:
        NotAllowed: the actor is not of the payer's finance, or came by emergency access.
        InvalidInput: the reason is not right.
        LineDisputed: it is disputed already.
        LineNotDisputable: nothing of it is left to give back.
        StatementLine.DoesNotExist: it gives something back itself.
    """
    because = _clean(reason, "reason", DISPUTE_LENGTH)
    lock_books()
    charged = StatementLine.objects.filter(kind__in=CREDITABLE)
    line = charged.select_related("statement__organization").get(
        public_id=line_id, statement__month__state=MonthState.CLOSED
    )
    _check_pays(actor, line)
    if line.disputes.filter(state=DecisionState.PROPOSED).exists():
        raise LineDisputed()
    if left_to_credit(line) <= 0:
        raise LineNotDisputable()
    dispute = Dispute.objects.create(
        line=line, reason=because, proposed_by=actor, proposed_at=now()
    )
    _tell("dispute.raised", dispute, actor)
    return dispute


@transaction.atomic(durable=True)
def take_back_dispute(public_id: UUID, *, actor: Person) -> Dispute:
    """Agree with the line after all; anybody of the payer's finance may.

    Raises:
        NotAllowed: as in ``raise_dispute``.
        DisputeSettled: it was answered or taken back.
    """
    dispute = _lock(public_id)
    _check_pays(actor, dispute.line)
    _settle(dispute, DecisionState.WITHDRAWN, actor)
    _tell("dispute.taken_back", dispute, actor)
    return dispute


def grant_dispute(public_id: UUID, *, amount: Decimal, answer: str, actor: Person) -> Dispute:
    """Agree, and propose to give ``amount`` euros back with the answer as the reason for it.

    Raises:
        OwnDispute, SameHuman: the actor raised it, or may have, with another login.
        DisputeSettled: it was answered or taken back.
        NotAllowed, InvalidInput, CreditTooHigh: as in ``credits.propose_credit``.
    """

    def give(dispute: Dispute) -> None:
        dispute.credit = _give_back(dispute, amount, answer, actor)
        dispute.decision_reason = dispute.credit.reason
        _settle(dispute, DecisionState.CONFIRMED, actor)
        _tell("dispute.granted", dispute, actor)

    return _answer(public_id, actor, give)


def refuse_dispute(public_id: UUID, *, answer: str, actor: Person) -> Dispute:
    """Disagree: the line stays as it is, for a reason that the payer reads.

    Raises:
        OwnDispute, SameHuman, DisputeSettled: as in ``grant_dispute``.
        NotAllowed: the actor is not of the platform's finance, or came by emergency access.
        InvalidInput: the answer is not right.
    """
    because = _clean(answer, "answer", DECISION_LENGTH)

    def refuse(dispute: Dispute) -> None:
        dispute.decision_reason = because
        _settle(dispute, DecisionState.REFUSED, actor)
        _tell("dispute.refused", dispute, actor)

    return _answer(public_id, actor, refuse)


def _answer(public_id: UUID, actor: Person, decide: Callable[[Dispute], None]) -> Dispute:
    """Decide in one transaction, and write a refused attempt down."""
    try:
        with transaction.atomic(durable=True):
            dispute = _lock(public_id)
            check_may_credit(actor)
            if dispute.proposed_by_id == actor.pk:
                raise OwnDispute()
            check_other_humans([dispute.proposed_by_id], [actor.pk])
            decide(dispute)
            return dispute
    except NotAllowed as refusal:
        found = Dispute.objects.select_related("line__statement").get(public_id=public_id)
        node_id = found.line.statement.organization_id
        record_refusal(
            "dispute.answering_refused", found, actor=actor, node_id=node_id, code=refusal.code
        )
        raise


def _give_back(dispute: Dispute, amount: Decimal, answer: str, actor: Person) -> Credit:
    """The credit; what is wrong with its reason is said of the answer."""
    because = " ".join(answer.splitlines())  # for it stands in a line of a statement
    try:
        return enter_credit(dispute.line.public_id, amount=amount, reason=because, actor=actor)
    except InvalidInput as error:
        errors = {name.replace("reason", "answer"): said for name, said in error.errors.items()}
        raise InvalidInput(errors) from error


def _lock(public_id: UUID) -> Dispute:
    lock_books()
    dispute = Dispute.objects.select_related("line__statement__organization").get(
        public_id=public_id
    )
    if dispute.state != DecisionState.PROPOSED:
        raise DisputeSettled(state=dispute.get_state_display())
    return dispute


def _settle(dispute: Dispute, state: DecisionState, actor: Person) -> None:
    dispute.state, dispute.decided_by, dispute.decided_at = state, actor, now()
    dispute.save(update_fields=["state", "decided_by", "decided_at", "decision_reason", "credit"])


def _check_pays(actor: Person, line: StatementLine) -> None:
    if not may_dispute(actor, line.statement):
        raise NotAllowed()
    refuse_emergency_access(actor)


def _clean(text: str, field: str, max_length: int) -> str:
    try:
        cleaned = clean_text(text, max_length=max_length, multiline=True)
    except ValueError as error:
        raise InvalidInput({field: [str(error)]}) from error
    if not cleaned:
        raise InvalidInput({field: [_("Fill this in.")]})
    return cleaned


def _tell(event: str, dispute: Dispute, actor: Person) -> None:
    credit = {"amount": str(dispute.credit.amount)} if dispute.credit else {}
    record(
        event,
        dispute,
        actor=actor,
        node_id=dispute.line.statement.organization_id,
        data={"line": str(dispute.line.public_id), **credit},
    )
