"""Giving back what was disputed: proposed by one of finance, and given when the next month closes.

Another human confirms it, or agrees with it by closing that month.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q, Sum
from django.utils.timezone import now
from django.utils.translation import gettext as _

from billing.errors import CreditConfirmed, CreditSettled, CreditTooHigh, OwnCredit
from billing.models import Credit, LineKind, MonthState, StatementLine
from billing.models.statement import REASON_LENGTH
from billing.policies import may_close
from portal.audit.services import record, record_refusal
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.formats import money
from portal.core.locks import lock_books
from portal.core.text import clean_text
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import Person
from portal.identity.sensitive import sensitive
from portal.identity.services.roles import refuse_emergency_access

# Of what was given back itself, or set off, nothing is given back.
CREDITABLE: Final = (LineKind.USAGE, LineKind.CORRECTION)


@dataclass(frozen=True, kw_only=True)
class GivenBack:
    """A credit as the line that it will be, for who reckons with lines."""

    credit: Credit

    @property
    def organization_id(self) -> int:
        return self.credit.line.statement.organization_id

    @property
    def project_id(self) -> int:
        return self.credit.line.project_id

    @property
    def kind(self) -> str:
        return LineKind.CREDIT.value

    @property
    def amount(self) -> Decimal:
        return -self.credit.amount

    @property
    def cost_center(self) -> str | None:
        return self.credit.line.cost_center

    @property
    def cost_object(self) -> str | None:
        return self.credit.line.cost_object

    @property
    def commitment_number(self) -> str | None:
        return self.credit.line.commitment_number


def waiting_credits() -> list[Credit]:
    """What is given back when the next month closes, in the order in which it was proposed."""
    waiting = Credit.objects.filter(settled_on=None, taken_back_at=None)
    return list(
        waiting.select_related("line__statement", "proposed_by", "confirmed_by").order_by("pk")
    )


def left_to_credit(line: StatementLine) -> Decimal:
    """What can still be given back of a line, with all that corrects it or that it corrects.

    They are one use, billed in parts: what was given back of one part is gone of the others, and
    what waits to be given back is too. What was set off against credits was not given back.
    """
    first = line.corrects_id or line.pk
    parts = StatementLine.objects.filter(Q(pk=first) | Q(corrects=first))
    billed = parts.exclude(kind=LineKind.CREDIT).aggregate(sum=Sum("amount"))["sum"]
    credits = Credit.objects.filter(line__in=parts, taken_back_at=None)
    promised = credits.aggregate(sum=Sum("amount"))["sum"]
    return (billed or Decimal(0)) - (promised or Decimal(0))


def propose_credit(line_id: UUID, *, amount: Decimal, reason: str, actor: Person) -> Credit:
    """Propose to give back part of a line of a closed month.

    Raises:
        NotAllowed: the actor is not of the platform's finance, or came by emergency access.
        InvalidInput: the amount or the reason is not right.
        CreditTooHigh: that much is not left of the line.
        StatementLine.DoesNotExist: of what was given back or set off nothing is given back.
    """
    with transaction.atomic(durable=True):
        return enter_credit(line_id, amount=amount, reason=reason, actor=actor)


def enter_credit(line_id: UUID, *, amount: Decimal, reason: str, actor: Person) -> Credit:
    """As ``propose_credit``, in the transaction that runs."""
    amount, reason = _clean_amount(amount), _clean_reason(reason)
    check_may_credit(actor)
    lock_books()
    charged = StatementLine.objects.filter(kind__in=CREDITABLE)
    line = charged.select_related("statement").get(
        public_id=line_id, statement__month__state=MonthState.CLOSED
    )
    left = left_to_credit(line)
    if amount > left:
        raise CreditTooHigh(field="amount", most=money(max(left, Decimal(0))))
    credit = Credit.objects.create(
        line=line, amount=amount, reason=reason, proposed_by=actor, proposed_at=now()
    )
    _tell("credit.proposed", credit, actor)
    return credit


@transaction.atomic(durable=True)
def take_back_credit(public_id: UUID, *, actor: Person) -> Credit:
    """Take a proposal back; anybody who may close months may.

    Raises:
        NotAllowed: the actor may not close months.
        CreditSettled: it is on a statement already, or was taken back.
    """
    check_may_credit(actor)
    lock_books()
    credit = _open_credit(public_id)
    credit.taken_back_at = now()
    credit.save(update_fields=["taken_back_at"])
    _tell("credit.taken_back", credit, actor)
    return credit


@sensitive("credit.confirm")
def confirm_credit(public_id: UUID, *, actor: Person) -> Credit:
    """Agree with a proposal, so that who proposed it may close the month.

    Raises:
        OwnCredit, SameHuman: the actor proposed it, or may have, with another login.
        NotAllowed: the actor is not of the platform's finance, or came by emergency access.
        CreditSettled: it is on a statement already, or was taken back.
        CreditConfirmed: somebody was first.
    """
    try:
        return _confirm_credit(public_id, actor)
    except NotAllowed as refusal:
        credit = Credit.objects.select_related("line__statement").get(public_id=public_id)
        node_id = credit.line.statement.organization_id
        record_refusal(
            "credit.confirming_refused", credit, actor=actor, node_id=node_id, code=refusal.code
        )
        raise


@transaction.atomic(durable=True)
def _confirm_credit(public_id: UUID, actor: Person) -> Credit:
    check_may_credit(actor)
    lock_books()
    credit = _open_credit(public_id)
    if credit.confirmed_at:
        raise CreditConfirmed()
    if credit.proposed_by_id == actor.pk:
        raise OwnCredit()
    check_other_humans([credit.proposed_by_id], [actor.pk])
    credit.confirmed_by, credit.confirmed_at = actor, now()
    credit.save(update_fields=["confirmed_by", "confirmed_at"])
    _tell("credit.confirmed", credit, actor)
    return credit


def _open_credit(public_id: UUID) -> Credit:
    credit = Credit.objects.select_related("line__statement").get(public_id=public_id)
    if credit.settled_on_id or credit.taken_back_at:
        raise CreditSettled()
    return credit


def check_may_credit(actor: Person) -> None:
    """Only finance of the platform gives back.

    Raises:
        NotAllowed: the actor is not of it, or came by emergency access.
    """
    if not may_close(actor):
        raise NotAllowed()
    refuse_emergency_access(actor)


def _clean_amount(amount: Decimal) -> Decimal:
    if not amount.is_finite() or amount <= 0 or amount != amount.quantize(Decimal("0.01")):
        raise InvalidInput({"amount": [_("Fill in an amount in euros, such as 250.")]})
    return amount


def _clean_reason(reason: str) -> str:
    try:
        cleaned = clean_text(reason, max_length=REASON_LENGTH)
    except ValueError as error:
        raise InvalidInput({"reason": [str(error)]}) from error
    if not cleaned:
        raise InvalidInput({"reason": [_("Fill this in.")]})
    return cleaned


def _tell(event: str, credit: Credit, actor: Person) -> None:
    record(
        event,
        credit,
        actor=actor,
        node_id=credit.line.statement.organization_id,
        data={"line": str(credit.line.public_id), "amount": str(credit.amount)},
    )
